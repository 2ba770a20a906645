# demo -- the machine is looked at and a plan made for it; a small HRM learns Sudokus, is coded in 8, 4, 3 and 2 bits,
# and by a recipe of 3 bits that a search finds; its speed is measured; a table and a page say what each coding kept.
# The control learns shuffled solutions: what it "solves" is luck.
#
#     make -f pipelines/demo.mk [RUN=run/demo] [SEED=1] [CONFIG=...] [SIZE=4]
# WARM="CONFIG..." are trained first, one after the other, each on from the weights of the one before;
# SEGMENTS=N is how long a puzzle is thought about; DEVICE=vulkan computes there.
include $(dir $(lastword $(MAKEFILE_LIST)))common.mk

SIZE    ?= 4
CONFIG  ?= pipelines/configs/hrm-tiny.json
WARM    ?=
WARMS   := $(shell seq $(words $(WARM)))
SEGMENTS ?=
COUNT   ?= 4000
TEST    ?= 200
CODINGS ?= int8 int4 int3 int2 evolved

data_OPTIONS  = --size=$(SIZE) --count=$(COUNT) --test=$(TEST) --seed=$(SEED) $(DATA_EXTRA)
train_OPTIONS = --seed=$(SEED) $(TRAIN_EXTRA) $(DEVICE:%=--device=%)
eval_OPTIONS  = $(DEVICE:%=--device=%) $(SEGMENTS:%=--segments=%) --data=$(RUN)/data.h5
MODEL_CODED   = $(RUN)/model.h5
DATA_SEARCHED = $(RUN)/data.h5
BENCH_ROWS    = --length=$(shell expr $(SIZE) \* $(SIZE)) --vocabulary=$(shell expr $(SIZE) + 2)
EVALS         = $(RUN)/eval-fp32.json $(CODINGS:%=$(RUN)/eval-%.json) $(RUN)/eval-control.json
include $(addprefix $(dir $(lastword $(MAKEFILE_LIST))),code.mk machine.mk)

REPORTS = $(RUN)/profile.json $(RUN)/data.json $(RUN)/train.json $(RUN)/bench.json $(EVALS)
LOGS    = $(RUN)/train.jsonl $(CODINGS:%=$(RUN)/quantize-%.json) $(RUN)/evolve.json $(RUN)/evolve.jsonl \
          $(WARMS:%=$(RUN)/warm-%.jsonl)

summary: $(RUN)/summary.txt $(RUN)/report.html $(RUN).tar.zst
	@cat $<

MADE_BY := $(sort $(CONFIG) $(WARM) $(MAKEFILE_LIST))

$(RUN).tar.zst: $(RUN)/summary.txt $(RUN)/report.html $(MADE_BY) | $(BIN)/nyx-bundle
	@$(BIN)/nyx-bundle create $(RUN) $(MADE_BY) -o $@ --quiet

$(RUN)/summary.txt $(RUN)/report.html &: $(REPORTS) | $(BIN)/nyx-report
	@$(BIN)/nyx-report $(REPORTS) $$(ls $(LOGS) 2>/dev/null) -o $(RUN)/report.html
	@$(BIN)/nyx-report $(REPORTS) > $(RUN)/summary.txt

$(RUN)/data.h5 $(RUN)/data.json &: $(RUN)/data.options | $(BIN)/nyx-data
	$(BIN)/nyx-data sudoku $(data_OPTIONS) -o $(RUN)/data.h5 --report=$(RUN)/data.json

$(RUN)/control-data.h5: $(RUN)/data.options | $(BIN)/nyx-data
	$(BIN)/nyx-data sudoku $(data_OPTIONS) --shuffle-labels -o $@

# Warm-ups are numbered from 1; $(call before,N,NAME) is the model that the N-th training goes on from.
before  = $(if $(filter-out 1,$(1)),$(RUN)/$(2)-$(words $(wordlist 2,$(1),$(WARM) end)).h5)
LAST    = $(words $(WARM) end)

define warm
$(RUN)/$(2)-$(1).h5: $(word $(1),$(WARM)) $(RUN)/$(3).h5 $(RUN)/train.options $(call before,$(1),$(2)) | $(BIN)/nyx-train
	$(BIN)/nyx-train $$< --data=$(RUN)/$(3).h5 $$(train_OPTIONS) $(patsubst %,--init=%,$(call before,$(1),$(2))) \
	    -o $$@ --log=$(RUN)/$(2)-$(1).jsonl
endef
$(foreach n,$(WARMS),$(eval $(call warm,$(n),warm,data))$(eval $(call warm,$(n),control-warm,control-data)))

WARM_MODEL   = $(call before,$(LAST),warm)
WARM_CONTROL = $(call before,$(LAST),control-warm)

$(RUN)/model.h5 $(RUN)/train.json &: $(CONFIG) $(RUN)/data.h5 $(RUN)/plan.json $(RUN)/train.options $(WARM_MODEL) | $(BIN)/nyx-train
	$(BIN)/nyx-train $(CONFIG) --data=$(RUN)/data.h5 $(train_OPTIONS) $(WARM_MODEL:%=--init=%) -o $(RUN)/model.h5 $(PLANNED) \
	    --checkpoint=$(RUN)/model.checkpoint.h5 --checkpoint-seconds=30 --log=$(RUN)/train.jsonl \
	    --report=$(RUN)/train.json

$(RUN)/control.h5: $(CONFIG) $(RUN)/control-data.h5 $(RUN)/plan.json $(RUN)/train.options $(WARM_CONTROL) | $(BIN)/nyx-train
	$(BIN)/nyx-train $(CONFIG) --data=$(RUN)/control-data.h5 $(train_OPTIONS) $(WARM_CONTROL:%=--init=%) -o $@ $(PLANNED)

$(CODINGS:%=$(RUN)/eval-%.json): $(RUN)/eval-%.json: $(RUN)/%.h5 $(RUN)/data.h5 $(RUN)/eval.options | $(BIN)/nyx-eval
	$(BIN)/nyx-eval $< --reference=$(RUN)/model.h5 $(eval_OPTIONS) --quiet --report=$@ > /dev/null

$(RUN)/eval-fp32.json: $(RUN)/model.h5
$(RUN)/eval-control.json: $(RUN)/control.h5
$(RUN)/eval-fp32.json $(RUN)/eval-control.json: $(RUN)/data.h5 $(RUN)/eval.options | $(BIN)/nyx-eval
	$(BIN)/nyx-eval $(filter %/model.h5 %/control.h5,$^) $(eval_OPTIONS) --quiet --report=$@ > /dev/null

.PHONY: summary FORCE
