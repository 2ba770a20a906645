# long -- the demo with larger puzzles: 6x6 with few clues, then 9x9 that need no guess.
# First a shallow model, then a deep one, then it learns to think for longer (9x9: twice).
#
#     make -f pipelines/long.mk [RUN=run/long] [SEED=1]
#
RUN  ?= run/long
SEED ?= 1

CONFIGS = pipelines/configs/hrm-long
DEMO    = $(MAKE) --no-print-directory -f $(dir $(firstword $(MAKEFILE_LIST)))demo.mk SEED=$(SEED) COUNT=60000 TEST=500 \
          CONFIG=$(CONFIGS)-3.json WARM="$(CONFIGS)-1.json $(CONFIGS)-2.json $(1)"

long: 6x6 9x9

6x6:
	+@$(call DEMO) RUN=$(RUN)-6x6 SIZE=6 DATA_EXTRA=--clues=8-12

9x9: | 6x6
	+@$(call DEMO,$(CONFIGS)-3.json) RUN=$(RUN)-9x9 SIZE=9 SEGMENTS=32 \
	    DATA_EXTRA="--rating-max=0 --clues=26-30"

.PHONY: long 6x6 9x9
