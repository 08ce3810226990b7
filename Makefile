# floe - `make help` lists the targets.

BUILD    ?= build
CC       ?= cc
VERSION  := 0.1.0
PREFIX   ?= /usr/local

CPPFLAGS += -Iinclude -Isrc -D_GNU_SOURCE -DFLOE_VERSION='"$(VERSION)"'
OPT      ?= -O2
CFLAGS   ?= $(OPT) -g
CFLAGS_ALL = -std=c11 $(CFLAGS) -fPIC -fvisibility=hidden -ffp-contract=off -pthread $(CFLAGS_DEV) $(SAN)
LDFLAGS_ALL = $(LDFLAGS) $(SAN) -pthread
LDLIBS_CORE = -lm -pthread

# make DEV=1: strict for developers; users never fail on a warning.
ifeq ($(DEV),1)
CFLAGS_DEV := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wpointer-arith -Werror
endif

# The ISA suffix of a kernel file picks its compiler flags, so no file mixes ISAs. x86 kernels are empty files elsewhere.
ARCH := $(shell $(CC) -dumpmachine | cut -d- -f1)
ifeq ($(ARCH),x86_64)
FLAGS_avx2   := -O3 -mavx2 -mfma
FLAGS_avx512 := -O3 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx2 -mfma
endif

CORE_SRC  := $(wildcard src/*.c src/base/*.c src/op/*.c src/proto/*.c src/tensorflow/*.c src/uff/*.c src/network/*.c \
               src/optimizer/*.c src/builder/*.c src/plan/*.c src/runtime/*.c src/backend/*.c src/backend/cpu/*.c \
               src/backend/cpu/kernel/*.c)
IMAGE_SRC := $(wildcard src/image/*.c)
CLI_SRC   := $(wildcard cli/*.c)
RUNTIME_SRC := $(wildcard src/base/*.c src/op/*.c src/plan/*.c src/runtime/*.c src/backend/*.c src/backend/cpu/*.c \
               src/backend/cpu/kernel/*.c)

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
CORE_OBJ  := $(call obj,$(CORE_SRC))
BASE_OBJ  := $(call obj,$(wildcard src/base/*.c))
IMAGE_OBJ := $(call obj,$(IMAGE_SRC))
CLI_OBJ   := $(call obj,$(CLI_SRC))

IMAGE_LIBS = $(shell pkg-config --libs libpng libjpeg libwebp)
CLI_LIBS   = $(shell pkg-config --libs jansson) $(IMAGE_LIBS)
TEST_LIBS  = $(shell pkg-config --libs cmocka jansson) $(IMAGE_LIBS)

.PHONY: all
all: $(BUILD)/floe $(BUILD)/libfloe.so $(BUILD)/libfloe.a $(BUILD)/libfloe_image.so $(BUILD)/libfloe_image.a \
     $(BUILD)/floe.pc $(BUILD)/floe_image.pc

$(BUILD)/obj/%_avx2.o: %_avx2.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS_ALL) $(FLAGS_avx2) -MMD -MP -c $< -o $@
$(BUILD)/obj/%_avx512.o: %_avx512.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS_ALL) $(FLAGS_avx512) -MMD -MP -c $< -o $@
$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -MMD -MP -c $< -o $@

$(BUILD)/libfloe.a: $(CORE_OBJ)
	rm -f $@ && ar rcs $@ $^
$(BUILD)/libfloe.so: $(CORE_OBJ)
	$(CC) -shared -Wl,-soname,libfloe.so.0 -Wl,-z,defs $(LDFLAGS_ALL) $^ -o $@ $(LDLIBS_CORE)
$(BUILD)/libfloe_image.a: $(IMAGE_OBJ) $(BASE_OBJ)
	rm -f $@ && ar rcs $@ $^
$(BUILD)/libfloe_image.so: $(IMAGE_OBJ) $(BASE_OBJ)
	$(CC) -shared -Wl,-soname,libfloe_image.so.0 -Wl,-z,defs $(LDFLAGS_ALL) $^ -o $@ $(IMAGE_LIBS) $(LDLIBS_CORE)
$(BUILD)/floe: $(CLI_OBJ) $(IMAGE_OBJ) $(BUILD)/libfloe.a
	$(CC) $(LDFLAGS_ALL) $^ -o $@ $(CLI_LIBS) $(LDLIBS_CORE)

$(BUILD)/%.pc: %.pc.in
	@mkdir -p $(@D)
	sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@VERSION@|$(VERSION)|g' $< > $@

# ---- tests: one program per tests/<kind>/test_<name>.c, linked with the static libraries
TEST_SRC  := $(wildcard tests/*/test_*.c)
TEST_COMMON := $(call obj,$(wildcard tests/common/*.c))
TEST_BIN  := $(patsubst tests/%.c,$(BUILD)/tests/%,$(TEST_SRC))

$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(TEST_COMMON) $(IMAGE_OBJ) $(BUILD)/libfloe.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) $^ -o $@ $(TEST_LIBS) $(LDLIBS_CORE)

.PHONY: tests
tests: $(TEST_BIN)

.PHONY: clean
clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
.SECONDARY:
