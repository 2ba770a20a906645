# machine -- what this machine is, how CONFIG fits on it, and how fast it is at that.
# Wants CONFIG, data.h5 to train it on, BENCH_ROWS, the rows of that as options of nyx-bench, and EVALS, after
# which speed is measured: nothing else may run beside that.
PLANNED         = --plan=$(RUN)/plan.json
profile_OPTIONS = --parts=all --seconds=0.2 --file-mib=16 $(PROFILE_EXTRA)
bench_OPTIONS   = $(DEVICE:%=--device=%) --op=forward,step $(BENCH_ROWS) --seconds=2 --memory-mib=64 $(BENCH_EXTRA)

$(RUN)/plan.json $(RUN)/profile.json &: $(CONFIG) $(RUN)/data.h5 $(RUN)/profile.options | $(BIN)/nyx-profile
	$(BIN)/nyx-profile $(profile_OPTIONS) --folder=$(RUN) --plan=$(CONFIG) --data=$(RUN)/data.h5 --quiet \
	    -o $(RUN)/plan.json --report=$(RUN)/profile.json > /dev/null

$(RUN)/bench.json: $(CONFIG) $(RUN)/bench.options | $(EVALS) $(BIN)/nyx-bench
	$(BIN)/nyx-bench $(bench_OPTIONS) --config=$(CONFIG) --quiet --report=$@ > /dev/null
