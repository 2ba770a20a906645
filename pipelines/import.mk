# import -- someone's model, safetensors or GGUF, is coded in fewer bits, judged
# on a text, and given back as files that other programs run.
#
#     make -f pipelines/import.mk MODEL=model.gguf TEXT=text.txt [RUN=run/import]
#
# MODEL is what nyx-convert reads: a GGUF file, a folder with safetensors and
# config.json, llama2.c ... A tokenizer that does not come with it is named in
# IMPORT=--tokenizer=FILE. Blocks of the original are decoded, so that every
# coding starts from the same numbers. Rows that are no whole blocks of 32 can be
# exported only with EXPORT=--decode; a text shorter than the model's context is
# judged with EVAL=--context=256 or so. A file deleted from $(RUN) is made again.
include $(dir $(lastword $(MAKEFILE_LIST)))common.mk

MODEL   ?= $(error name the model: MODEL=model.gguf)
TEXT    ?= $(error name a text to judge it on: TEXT=text.txt)
IMPORT  ?= --dtype=f16
CODINGS ?= int8 int4 int3
EXPORTS ?= int8 int4
EXPORT  ?=
EVAL    ?=

import_OPTIONS = $(MODEL) --decode $(IMPORT)
data_OPTIONS   = $(TEXT) $(DATA_EXTRA)
MODEL_CODED    = $(RUN)/model.h5
DATA_SEARCHED  = $(RUN)/data.h5

REPORTS = $(RUN)/eval-original.json $(CODINGS:%=$(RUN)/eval-%.json)

summary: $(RUN)/summary.txt $(EXPORTS:%=$(RUN)/%.gguf) $(RUN)/folder/model.safetensors
	@cat $<

$(RUN)/summary.txt: $(REPORTS) | $(BIN)/nyx-report
	@$(BIN)/nyx-report $(REPORTS) > $@

$(RUN)/model.h5 $(RUN)/import.json &: $(RUN)/import.options | $(BIN)/nyx-convert
	$(BIN)/nyx-convert $(import_OPTIONS) -o $(RUN)/model.h5 --report=$(RUN)/import.json

$(RUN)/data.h5 $(RUN)/data.json &: $(RUN)/model.h5 $(RUN)/data.options | $(BIN)/nyx-data
	$(BIN)/nyx-data text $(data_OPTIONS) --tokenizer=$(RUN)/model.h5 --split=tail --test-share=0.5 \
	    -o $(RUN)/data.h5 --report=$(RUN)/data.json

include $(dir $(lastword $(MAKEFILE_LIST)))code.mk
CODE_int8      = --format=int8:g32

$(RUN)/eval-original.json: $(RUN)/model.h5 $(RUN)/data.h5 | $(BIN)/nyx-eval
	$(BIN)/nyx-eval $< --data=$(RUN)/data.h5 $(EVAL) --quiet --report=$@ > /dev/null

$(CODINGS:%=$(RUN)/eval-%.json): $(RUN)/eval-%.json: $(RUN)/%.h5 $(RUN)/model.h5 $(RUN)/data.h5 | $(BIN)/nyx-eval
	$(BIN)/nyx-eval $< --reference=$(RUN)/model.h5 --data=$(RUN)/data.h5 $(EVAL) \
	    --quiet --report=$@ > /dev/null

$(EXPORTS:%=$(RUN)/%.gguf): $(RUN)/%.gguf: $(RUN)/%.h5 | $(BIN)/nyx-convert
	$(BIN)/nyx-convert $< $(EXPORT) -o $@ --report=$(RUN)/export-$*.json

$(RUN)/folder/model.safetensors: $(RUN)/model.h5 | $(BIN)/nyx-convert
	$(BIN)/nyx-convert $< -o $(RUN)/folder/ --report=$(RUN)/export-folder.json

.PHONY: summary FORCE
