# code -- a model coded in each of CODINGS, by a format or by the recipe that a search finds.
# Wants MODEL_CODED, the model, and DATA_SEARCHED, what is searched on.
CODE_int8     = --format=int8:channel
CODE_int4     = --format=int4:g32
CODE_int3     = --format=int3:g32
CODE_int2     = --format=int2:g16
CODE_evolved  = --recipe=$(RUN)/recipe.json
evolve_OPTIONS = --bits=$(EVOLVE_BITS) --tokens=$(EVOLVE_TOKENS) --seed=$(SEED) --threads=1
EVOLVE_BITS   ?= 3
EVOLVE_TOKENS ?= 20000

$(CODINGS:%=$(RUN)/%.h5): $(RUN)/%.h5: $(MODEL_CODED) | $(BIN)/nyx-quantize
	$(BIN)/nyx-quantize $< $(CODE_$*) -o $@ --report=$(RUN)/quantize-$*.json

$(RUN)/evolved.h5: $(RUN)/recipe.json
$(RUN)/recipe.json $(RUN)/evolve.json &: $(MODEL_CODED) $(DATA_SEARCHED) $(RUN)/evolve.options | $(BIN)/nyx-evolve
	$(BIN)/nyx-evolve recipe $< --data=$(DATA_SEARCHED) $(evolve_OPTIONS) --codings=$(RUN)/codings --quiet \
	    -o $(RUN)/recipe.json --log=$(RUN)/evolve.jsonl --report=$(RUN)/evolve.json
