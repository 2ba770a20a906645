# Nyx -- low-precision AI on whatever hardware you own.
#
#     make demo       install what is missing, build, run the demo
#     make check      install what is missing, build, run every test
#     make help       all targets
#
# Sources are found by name; nothing is listed here file by file.

BUILD   ?= build
# One name for one folder: dependency files name objects as they were called.
override BUILD := $(patsubst $(CURDIR)/%,%,$(abspath $(BUILD)))
CFLAGS  ?= -O2 -g
PREFIX  ?= /usr/local
DESTDIR ?=
VERSION := 0.1.0
RELEASED := 2026-11-26

ARCH      := $(shell uname -m)
PACKAGES  := hdf5 jansson libarchive zlib
GLSLC     ?= glslc
PKG_FLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
PKG_LIBS  := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null)
WARNINGS  := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
             -Wmissing-prototypes -Werror
# Without errno and trapped exceptions gcc may vectorise square roots and
# selects; neither changes a bit of any result.
ALL_CFLAGS = -std=c17 $(WARNINGS) -fno-math-errno -fno-trapping-math -D_GNU_SOURCE -DNYX_VERSION='"$(VERSION)"' \
             -DNYX_RELEASED='"$(RELEASED)"' \
             -Ilibnyx -pthread $(PKG_FLAGS) $(CFLAGS) -MMD -MP
LIBS       = $(PKG_LIBS) -lm -ldl -pthread

# Objects lie in $(BUILD)/obj, so that a program may be called like a folder.
# Kernels in device/cpu/isa/ are compiled once for each instruction set and
# chosen at run time; those in device/cpu/reference/ once for f32, once for f64.
ifneq (,$(filter x86_64 amd64,$(ARCH)))
ISAS := base avx2 avx512
else ifneq (,$(filter aarch64 arm64,$(ARCH)))
ISAS := base neon
else
ISAS := base
endif
KERNEL_O   ?= -O3
ISA_base   := $(KERNEL_O)
ISA_neon   := $(KERNEL_O)
ISA_avx2   := $(KERNEL_O) -mavx2 -mfma -mf16c -mbmi2
ISA_avx512 := $(KERNEL_O) -mavx2 -mfma -mf16c -mbmi2 -mavx512f -mavx512bw -mavx512dq -mavx512vl \
              -mprefer-vector-width=512

SOURCES   := $(filter-out libnyx/device/cpu/isa/% libnyx/device/cpu/reference/%, \
               $(wildcard libnyx/*/*.c libnyx/*/*/*.c libnyx/device/vulkan/kernels/*.c))
REFERENCE := $(wildcard libnyx/device/cpu/reference/*.c)
KERNELS   := $(wildcard libnyx/device/cpu/isa/*.c)
SCHEMAS   := $(wildcard schemas/*.schema.json)
OBJECTS   := $(SOURCES:%.c=$(BUILD)/obj/%.o) \
             $(REFERENCE:%.c=$(BUILD)/obj/%.f32.o) $(REFERENCE:%.c=$(BUILD)/obj/%.f64.o) \
             $(foreach isa,$(ISAS),$(KERNELS:%.c=$(BUILD)/obj/%.$(isa).o)) \
             $(BUILD)/obj/schemas.o $(BUILD)/obj/shaders.o
TOOLS     := $(patsubst tools/%.c,$(BUILD)/%,$(wildcard tools/*.c))
UNIT      := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))
CHECKERS  := $(patsubst tests/conformance/%.c,$(BUILD)/tests/%,$(wildcard tests/conformance/*.c))
SHIMS     := $(patsubst tests/fault/%.c,$(BUILD)/tests/%.so,$(wildcard tests/fault/*.c))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

all: $(TOOLS) pages ## build every tool

# Every tool writes its manual page and its completion out of its option table.
pages: $(TOOLS:$(BUILD)/%=$(BUILD)/man/%.1) $(TOOLS:$(BUILD)/%=$(BUILD)/completion/%)

$(BUILD)/man/%.1: $(BUILD)/%
	@mkdir -p $(@D)
	@$< --make-page=man > $@

$(BUILD)/completion/%: $(BUILD)/%
	@mkdir -p $(@D)
	@$< --make-page=bash > $@

lib: $(BUILD)/libnyx.a

$(BUILD)/libnyx.a: $(OBJECTS)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c $< -o $@

$(BUILD)/obj/%.f32.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -DNYX_REFERENCE_F64=0 -c $< -o $@

$(BUILD)/obj/%.f64.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -DNYX_REFERENCE_F64=1 -c $< -o $@

define isa_rule
$$(BUILD)/obj/%.$(1).o: %.c
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_CFLAGS) $$(ISA_$(1)) -DNYX_ISA=$(1) -DNYX_ISA_$(1)=1 -c $$< -o $$@
endef
$(foreach isa,$(ISAS),$(eval $(call isa_rule,$(isa))))

# Chosen at run time, where the processor has these too.
$(BUILD)/obj/libnyx/device/cpu/isa/matmul_amx.avx512.o: ALL_CFLAGS += -mamx-tile -mamx-bf16
$(BUILD)/obj/libnyx/device/cpu/isa/coded_bytes.avx512.o: ALL_CFLAGS += -mavx512vnni

# Row conversions and codings are plain loops written to be vectorised.
$(BUILD)/obj/libnyx/tensor/%.o $(BUILD)/obj/libnyx/quant/%.o: ALL_CFLAGS += -O3

# schemas/NAME.schema.json -> one C table of names and texts.
$(BUILD)/schemas.c: $(SCHEMAS) Makefile
	@mkdir -p $(@D)
	@{ echo '#include <stddef.h>'; \
	   echo 'extern const struct nyx_schema_source { const char *name, *text; } nyx_schema_sources[];'; \
	   echo 'const struct nyx_schema_source nyx_schema_sources[] = {'; \
	   for f in $(SCHEMAS); do \
	     printf '{ "%s",\n' "$$(basename $$f .schema.json)"; \
	     sed 's/\\/\\\\/g; s/"/\\"/g; s/^/"/; s/$$/\\n"/' $$f; echo '},'; \
	   done; echo '{ NULL, NULL } };'; } > $@

$(BUILD)/obj/schemas.o: $(BUILD)/schemas.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Wno-overlength-strings -c $< -o $@

# shaders/variants -> SPIR-V as numbers -> one C table. Operations have the numbers
# of enum nyx_op.
SPIRV := $(patsubst %,$(BUILD)/shaders/%.num,$(shell sed 's/#.*//' shaders/variants | awk 'NF { print $$1 }'))

$(BUILD)/shaders/ops.glsl: libnyx/graph/graph.h Makefile
	@mkdir -p $(@D)
	@sed -n '/^enum nyx_op {/,/^};/p' $< | grep -o 'NYX_OP_[A-Z0-9_]*' | grep -v COUNT | \
	    awk '{ sub("NYX_", ""); print "const uint " $$0 " = " NR - 1 ";" }' > $@

$(BUILD)/shaders/%.num: shaders/variants $(BUILD)/shaders/ops.glsl
	$(GLSLC) --target-env=vulkan1.1 -O -Werror -mfmt=num -MD -MF $(@:.num=.d) -MT $@ -I $(BUILD)/shaders -I shaders \
	    $$(awk '$$1 == "$*" { for (i = 3; i <= NF; i++) printf "%s ", $$i; print "shaders/" $$2 }' shaders/variants) -o $@

# What Debian's glslc cannot compile is kept compiled: shaders/spirv/NAME.num
# says which source it was made from (lint compares) and how. A changed source:
# make spirv GLSLANG=glslang, of version 15.3 or later.
GLSLANG      ?= glslang
SPIRV_KEPT   := $(wildcard shaders/spirv/*.num)
.PHONY: spirv
spirv:
	for f in $(SPIRV_KEPT); do \
	    read -r _ source _ options < $$f && options=$${options% \*/} && \
	    $(GLSLANG) --quiet -V -x -g0 $$options shaders/$$source -o $$f.new && \
	    { echo "/* $$source $$(tests/lint/shader-digest shaders/$$source) $$options */"; grep -v // $$f.new; } > $$f.own && \
	    mv $$f.own $$f && rm $$f.new || exit 1; done

shaders/%.glsl: ; # one that is gone makes what it was in anew

$(BUILD)/shaders.c: $(SPIRV) $(SPIRV_KEPT) Makefile
	@{ echo '#include "device/vulkan/vulkan.h"'; \
	   for f in $(SPIRV) $(SPIRV_KEPT); do n=$$(basename $$f .num); echo "static const uint32_t code_$$n[] = {"; cat $$f; echo '};'; done; \
	   echo 'const nyx_shader_source nyx_shader_sources[] = {'; \
	   for f in $(SPIRV) $(SPIRV_KEPT); do n=$$(basename $$f .num); echo "{ \"$$n\", code_$$n, sizeof code_$$n },"; done; \
	   echo '{ NULL, NULL, 0 } };'; } > $@

$(BUILD)/obj/shaders.o: $(BUILD)/shaders.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c $< -o $@

$(BUILD)/%: $(BUILD)/obj/tools/%.o $(BUILD)/libnyx.a
	$(CC) $(CFLAGS) $(filter %.o,$^) $(filter %.a,$^) $(LDFLAGS) $(LIBS) -o $@

$(BUILD)/nyx-bench: $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tools/nyx-bench/*.c))
$(BUILD)/nyx-data: $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tools/nyx-data/*.c))
$(BUILD)/nyx-eval: $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tools/nyx-eval/*.c))
$(BUILD)/nyx-profile: $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tools/nyx-profile/*.c))
$(BUILD)/nyx-train: $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tools/nyx-train/*.c))
$(BUILD)/nyx-report: $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tools/nyx-report/*.c))

$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(BUILD)/libnyx.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $^ $(LDFLAGS) -lcmocka $(LIBS) -o $@

$(BUILD)/tests/conformance $(BUILD)/tests/digests: $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/conformance/operations/*.c))

$(BUILD)/tests/%: $(BUILD)/obj/tests/conformance/%.o $(BUILD)/libnyx.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(filter %.o,$^) $(filter %.a,$^) $(LDFLAGS) $(LIBS) -o $@

$(BUILD)/tests/%.so: tests/fault/%.c
	@mkdir -p $(@D)
	$(CC) -std=c17 $(WARNINGS) -D_GNU_SOURCE -O1 -g -fPIC -shared $< -ldl -o $@

tests-build: all $(UNIT) $(CHECKERS) $(SHIMS)

# pkg-config is asked when make starts, so what depends on installed packages
# runs in a second make.
deps: ## install what building needs (Debian, Ubuntu)
	@CC="$(CC)" .ci/deps build

check: ## install what is missing, build, run every test
	@CC="$(CC)" .ci/deps test
	@$(MAKE) --no-print-directory -s -j$$(nproc) tests-build
	@tests/run.sh $(BUILD)

check-full: ## check, then clang, fuzzing, sanitizers, the long sweeps and clang-tidy
	@CC="$(CC)" .ci/deps test
	@CC="$(CC)" .ci/deps full
	@tests/full.sh $(BUILD)

# What clang-tidy is asked stands in .clang-tidy; sources of one instruction set
# are read as they are compiled for base.
tidy: ## read the sources with clang-tidy
	@ls libnyx/*/*.c libnyx/*/*/*.c tools/*.c tools/*/*.c | xargs -P $$(nproc) -I{} \
	    clang-tidy --quiet {} -- $(filter-out -MMD -MP -Werror,$(ALL_CFLAGS)) 2>/dev/null

FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/*.c))

# No parser computes; the sanitizers take minutes to compile the kernels.
$(BUILD)/fuzz/libnyx.a: $(filter-out $(BUILD)/obj/libnyx/device/%,$(OBJECTS))
	@mkdir -p $(@D)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/fuzz/libnyx.a
	@mkdir -p $(@D)
	$(CC) -fsanitize=fuzzer,address,undefined $^ $(LIBS) -o $@

fuzz-build: $(FUZZERS)

fuzz: all ## run the parsers on 20,000 inputs each that libFuzzer makes up
	@$(MAKE) --no-print-directory -s -j$$(nproc) CC=clang BUILD=$(BUILD)-fuzz fuzz-build \
	    CFLAGS="-O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined"
	@tests/fuzz/run.sh $(BUILD) $(BUILD)-fuzz

demo: deps ## profile, plan, train a small HRM on Sudokus, code it, search a recipe, bench, say what was kept
	@$(MAKE) --no-print-directory -s -j$$(nproc) all
	@$(MAKE) --no-print-directory -f pipelines/demo.mk BIN=$(BUILD)

demo-long: deps ## the same on 6x6 and easy 9x9 Sudokus (takes long)
	@$(MAKE) --no-print-directory -s -j$$(nproc) all
	@$(MAKE) --no-print-directory -f pipelines/long.mk BIN=$(BUILD)

install: all ## copy programs, library, headers, manual, completion under PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/share/man/man1 \
	    $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/doc/nyx/docs \
	    $(DESTDIR)$(PREFIX)/share/doc/nyx/schemas
	install -m 755 $(TOOLS) $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(BUILD)/libnyx.a $(DESTDIR)$(PREFIX)/lib
	install -m 644 $(TOOLS:$(BUILD)/%=$(BUILD)/man/%.1) $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 $(TOOLS:$(BUILD)/%=$(BUILD)/completion/%) $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 644 README.md LICENSE $(DESTDIR)$(PREFIX)/share/doc/nyx
	install -m 644 docs/*.md $(DESTDIR)$(PREFIX)/share/doc/nyx/docs
	install -m 644 schemas/* $(DESTDIR)$(PREFIX)/share/doc/nyx/schemas
	for h in libnyx/*/*.h; do case $$h in */internal*.h) ;; *) \
	    install -D -m 644 $$h $(DESTDIR)$(PREFIX)/include/nyx/$${h#libnyx/} || exit 1 ;; esac; done
	printf '%s\n' 'prefix=$(PREFIX)' '' 'Name: nyx' 'Description: low-precision AI on whatever hardware you own' \
	    'Version: $(VERSION)' 'Requires: $(PACKAGES)' 'Cflags: -I$${prefix}/include/nyx' \
	    'Libs: -L$${prefix}/lib -lnyx -lm -ldl -pthread' > $(DESTDIR)$(PREFIX)/lib/pkgconfig/nyx.pc
	chmod 644 $(DESTDIR)$(PREFIX)/lib/pkgconfig/nyx.pc

clean: ## remove the build folder
	rm -rf $(BUILD)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1 \t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 22

.PHONY: all pages lib tests-build deps check check-full tidy fuzz fuzz-build demo demo-long install clean help
.SECONDARY:
-include $(shell find $(BUILD) -type f -name '*.d' 2>/dev/null)
