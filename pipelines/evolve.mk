# evolve -- searched recipes against uniform, knapsack and greedy ones of at most
# the same bytes: for each budget and seed a search, judged on rows it has not seen.
#
#     make -f pipelines/evolve.mk MODEL=m.h5 DATA=d.h5 [RUN=run/evolve] [BITS="2.5 3"]
#          [SEEDS="1 2 3"] [TOKENS=200000] [EVOLVE="--fresh --held-rows=400" EVAL=--rows=400]
#
# The last recipe of each budget is also coded and judged by nyx-eval. Searches
# that were killed go on from their checkpoints; a deleted report is made again.
include $(dir $(lastword $(MAKEFILE_LIST)))common.mk

MODEL  ?= $(error name the model: MODEL=m.h5)
DATA   ?= $(error name its data: DATA=d.h5)
BITS   ?= 2.25 2.5 3 3.5 4
SEEDS  ?= 1 2 3
TOKENS ?=
EVOLVE ?=
EVAL   ?=

evolve_OPTIONS = $(MODEL) --data=$(DATA) $(TOKENS:%=--tokens=%) $(EVOLVE)
RUNS    = $(foreach bits,$(BITS),$(SEEDS:%=$(bits)-%))
REPORTS = $(RUNS:%=$(RUN)/evolve-%.json)

summary: $(RUN)/summary.txt
	@cat $<

$(RUN)/summary.txt: $(REPORTS) $(BITS:%=$(RUN)/eval-%.json) | $(BIN)/nyx-report
	@$(BIN)/nyx-report $^ > $@

bits = $(firstword $(subst -, ,$*))
seed = $(lastword $(subst -, ,$*))

$(REPORTS): $(RUN)/evolve-%.json: $(MODEL) $(DATA) $(RUN)/evolve.options | $(BIN)/nyx-evolve
	$(BIN)/nyx-evolve recipe $(evolve_OPTIONS) --bits=$(bits) --seed=$(seed) --codings=$(RUN)/codings --quiet \
	    --checkpoint=$(RUN)/evolve-$*.check $(if $(wildcard $@),,--resume) --log=$(RUN)/evolve-$*.jsonl \
	    -o $(RUN)/recipe-$*.json --report=$@

$(BITS:%=$(RUN)/eval-%.json): $(RUN)/eval-%.json: $(RUN)/evolve-%-$(lastword $(SEEDS)).json | $(BIN)/nyx-eval
	$(BIN)/nyx-quantize $(MODEL) --recipe=$(RUN)/recipe-$*-$(lastword $(SEEDS)).json -o $(RUN)/evolved-$*.h5 --quiet
	$(BIN)/nyx-eval $(RUN)/evolved-$*.h5 --reference=$(MODEL) --data=$(DATA) $(EVAL) --quiet --report=$@ > /dev/null

.PHONY: summary FORCE
