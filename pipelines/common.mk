# common -- what every pipeline shares: where programs are, where results go.
BIN  ?= build
RUN  ?= run/$(notdir $(basename $(firstword $(MAKEFILE_LIST))))
SEED ?= 1

.DEFAULT_GOAL := summary
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

$(RUN): ; @mkdir -p $@

# $(RUN)/NAME.options holds the value of NAME_OPTIONS and is rewritten only
# when that changes: depend on it, and a changed option redoes what it touches.
$(RUN)/%.options: FORCE | $(RUN)
	@echo '$($*_OPTIONS)' | cmp -s - $@ || echo '$($*_OPTIONS)' > $@
FORCE:
.PRECIOUS: $(RUN)/%.options
