# lm -- a language model learns a text, is coded in 8, 4, 3 and 2 bits, and a
# table says what each coding costs.
#
#     make -f pipelines/lm.mk TEXT=corpus.tar.zst [RUN=run/lm] [SEED=1] [CONFIG=...]
#
# TEXT: files, folders, archives. DATA: options of nyx-data text, for instance
# --tokenizer=characters --split=tail; without, byte-pair encoding is learnt.
#
# Every arrow is a file in $(RUN); delete one and make redoes what follows it.
include $(dir $(lastword $(MAKEFILE_LIST)))common.mk

TEXT    ?=
CONFIG  ?= pipelines/configs/lm-char.json
DATA    ?= --vocabulary=4096
CODINGS ?= int8 int4 int3 int2

text_OPTIONS  = $(TEXT) $(DATA) --seed=$(SEED)
train_OPTIONS = --seed=$(SEED) $(TRAIN_EXTRA)
MODEL_CODED   = $(RUN)/model.h5
DATA_SEARCHED = $(RUN)/text.h5

REPORTS = $(RUN)/text.json $(RUN)/train.json $(RUN)/eval-fp32.json $(CODINGS:%=$(RUN)/eval-%.json)

summary: $(RUN)/summary.txt
	@cat $<

$(RUN)/summary.txt: $(REPORTS) | $(BIN)/nyx-report
	@$(BIN)/nyx-report $(REPORTS) > $@

$(RUN)/text.h5 $(RUN)/text.json &: $(TEXT) $(RUN)/text.options | $(BIN)/nyx-data
	$(if $(TEXT),,$(error lm.mk: name the text, TEXT=FILE))
	$(BIN)/nyx-data text $(text_OPTIONS) -o $(RUN)/text.h5 --report=$(RUN)/text.json

$(RUN)/model.h5 $(RUN)/train.json &: $(CONFIG) $(RUN)/text.h5 $(RUN)/train.options | $(BIN)/nyx-train
	$(BIN)/nyx-train $(CONFIG) --data=$(RUN)/text.h5 $(train_OPTIONS) -o $(RUN)/model.h5 \
	    --checkpoint=$(RUN)/model.checkpoint.h5 --checkpoint-seconds=30 --log=$(RUN)/train.jsonl \
	    --report=$(RUN)/train.json

include $(dir $(lastword $(MAKEFILE_LIST)))code.mk

$(CODINGS:%=$(RUN)/eval-%.json): $(RUN)/eval-%.json: $(RUN)/%.h5 $(RUN)/model.h5 $(RUN)/text.h5 | $(BIN)/nyx-eval
	$(BIN)/nyx-eval $< --reference=$(RUN)/model.h5 --data=$(RUN)/text.h5 --quiet --report=$@ > /dev/null

$(RUN)/eval-fp32.json: $(RUN)/model.h5 $(RUN)/text.h5 | $(BIN)/nyx-eval
	$(BIN)/nyx-eval $< --data=$(RUN)/text.h5 --quiet --report=$@ > /dev/null

.PHONY: summary FORCE
