# floe - `make help` lists the targets.

BUILD    ?= build
CC       ?= cc
VERSION  := 0.1.0
PREFIX   ?= /usr/local

CPPFLAGS += -Iinclude -Isrc -D_GNU_SOURCE -DFLOE_VERSION='"$(VERSION)"'
OPT      ?= -O2
CFLAGS   ?= $(OPT) -g
# Assertions and the verifier between passes are for development and sanitized builds: a library never aborts.
CHECKS     = $(if $(filter 1,$(DEV))$(SAN),,-DNDEBUG)
CFLAGS_ALL = -std=c11 $(CFLAGS) $(CHECKS) -fPIC -fvisibility=hidden -ffp-contract=off -pthread $(CFLAGS_DEV) $(SAN)
LDFLAGS_ALL = $(LDFLAGS) $(SAN) -pthread
LDLIBS_CORE = -lm -ldl -pthread

# make DEV=1: strict for developers; users never fail on a warning.
# gcc cannot see that an out parameter is written whenever the status is FLOE_OK, so that warning only cries wolf.
ifeq ($(DEV),1)
CFLAGS_DEV := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wpointer-arith -Wno-maybe-uninitialized -Werror
endif

# The ISA suffix of a kernel file picks its compiler flags, so no file mixes ISAs. x86 kernels are empty files elsewhere.
FLAGS_scalar := -O3
ARCH := $(shell $(CC) -dumpmachine 2>/dev/null | cut -d- -f1)
ifeq ($(ARCH),x86_64)
FLAGS_avx2   := -O3 -mavx2 -mfma
FLAGS_avx512 := -O3 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx2 -mfma
endif

# The CUDA backend needs nvcc to be built, and nothing of it to run. CUDA= builds without; CUDA_ARCHS=90 is quicker.
NVCC       ?= $(firstword $(shell command -v nvcc) $(wildcard /usr/local/cuda/bin/nvcc))
CUDA       ?= $(NVCC)
CUDA_ARCHS ?= 75 80 86 87 89 90 100 110 120
ifneq ($(CUDA),)
CPPFLAGS += -DFLOE_CUDA
CUDA_SRC := $(wildcard src/backend/cuda/*.c)
CUDA_OBJ := $(patsubst src/backend/cuda/kernel/%.cu,$(BUILD)/obj/cuda/%.o,$(wildcard src/backend/cuda/kernel/*.cu))
# Machine code for each architecture, and PTX of the first one for those to come.
NVCC_FLAGS := -std=c++17 -O3 -Isrc -Isrc/backend/cuda/kernel --compress-mode=size -diag-suppress 177 \
              $(foreach a,$(CUDA_ARCHS),-gencode arch=compute_$(a),code=sm_$(a)) \
              -gencode arch=compute_$(firstword $(CUDA_ARCHS)),code=compute_$(firstword $(CUDA_ARCHS))
else
$(info floe: no nvcc found: building without the CUDA backend)
endif

CORE_SRC  := $(wildcard src/*.c src/base/*.c src/op/*.c src/proto/*.c src/tensorflow/*.c src/uff/*.c src/network/*.c \
               src/optimizer/*.c src/builder/*.c src/plan/*.c src/runtime/*.c src/backend/*.c src/backend/cpu/*.c \
               src/backend/cpu/kernel/*.c) $(CUDA_SRC)
IMAGE_SRC := $(wildcard src/image/*.c)
CLI_SRC   := $(wildcard cli/*.c)
RUNTIME_SRC := $(wildcard src/base/*.c src/op/*.c src/plan/*.c src/runtime/*.c src/backend/*.c src/backend/cpu/*.c \
               src/backend/cpu/kernel/*.c) $(CUDA_SRC)

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
CORE_OBJ  := $(call obj,$(CORE_SRC)) $(CUDA_OBJ)
BASE_OBJ  := $(call obj,$(wildcard src/base/*.c))
IMAGE_OBJ := $(call obj,$(IMAGE_SRC))
CLI_OBJ   := $(call obj,$(CLI_SRC))

IMAGE_LIBS = $(shell pkg-config --libs libpng libjpeg libwebp)
CLI_LIBS   = $(shell pkg-config --libs jansson) $(IMAGE_LIBS)
TEST_LIBS  = $(shell pkg-config --libs cmocka jansson) $(IMAGE_LIBS)

.PHONY: all
all: $(BUILD)/floe $(BUILD)/libfloe.so $(BUILD)/libfloe.a $(BUILD)/libfloe_image.so $(BUILD)/libfloe_image.a \
     $(BUILD)/floe.pc $(BUILD)/floe_image.pc

# Kernel files are large; a build may leave the sanitizers out of them (the fuzzers do: no input reaches a kernel's sizes).
KERNEL_SAN ?= $(SAN)
$(BUILD)/obj/src/backend/cpu/kernel/%.o: override SAN := $(KERNEL_SAN)

$(BUILD)/obj/%_avx2.o: %_avx2.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS_ALL) $(FLAGS_avx2) -MMD -MP -c $< -o $@
$(BUILD)/obj/%_avx512.o: %_avx512.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS_ALL) $(FLAGS_avx512) -MMD -MP -c $< -o $@
$(BUILD)/obj/%_scalar.o: %_scalar.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS_ALL) $(FLAGS_scalar) -MMD -MP -c $< -o $@
$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -MMD -MP -c $< -o $@

# The driver's files say in a sentence which CUDA compiled the kernels, for when the driver is too old for them.
CUDA_VERSION = $(shell $(NVCC) --version | sed -n 's/.*release \([0-9.]*\).*/\1/p')
$(BUILD)/obj/src/backend/cuda/cuda_driver.o: CPPFLAGS += -DFLOE_CUDA_TOOLKIT='"$(CUDA_VERSION)"'
$(BUILD)/obj/cuda/%.fatbin: src/backend/cuda/kernel/%.cu
	@mkdir -p $(@D)
	$(NVCC) $(NVCC_FLAGS) -MD -MP -MF $(@:.fatbin=.d) -MT $@ -fatbin $< -o $@
$(BUILD)/obj/cuda/%.o: $(BUILD)/obj/cuda/%.fatbin src/backend/cuda/cuda_embed.S
	$(CC) -DNAME=$* -DFILE='"$<"' -c src/backend/cuda/cuda_embed.S -o $@

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

# ---- install
.PHONY: install
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/include
	install -m 755 $(BUILD)/floe $(DESTDIR)$(PREFIX)/bin/
	install -m 644 include/floe.h include/floe_base.h include/floe_image.h $(DESTDIR)$(PREFIX)/include/
	install -m 644 $(BUILD)/libfloe.a $(BUILD)/libfloe_image.a $(DESTDIR)$(PREFIX)/lib/
	install -m 755 $(BUILD)/libfloe.so $(DESTDIR)$(PREFIX)/lib/libfloe.so.0
	install -m 755 $(BUILD)/libfloe_image.so $(DESTDIR)$(PREFIX)/lib/libfloe_image.so.0
	ln -sf libfloe.so.0 $(DESTDIR)$(PREFIX)/lib/libfloe.so
	ln -sf libfloe_image.so.0 $(DESTDIR)$(PREFIX)/lib/libfloe_image.so
	install -m 644 $(BUILD)/floe.pc $(BUILD)/floe_image.pc $(DESTDIR)$(PREFIX)/lib/pkgconfig/

# ---- the run half alone, as a check that nothing of the compile half is needed to run a PLAN
.PHONY: runtime
runtime: $(BUILD)/libfloe_runtime.a
$(BUILD)/libfloe_runtime.a: $(call obj,$(RUNTIME_SRC)) $(CUDA_OBJ)
	rm -f $@ && ar rcs $@ $^

# ---- what is needed first, and the walkthrough
.PHONY: deps demo
deps:
	@tools/deps.sh
demo: deps
	@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) tools/demo.sh

# ---- tests: one program per tests/<kind>/test_<name>.c, linked with the static libraries
TEST_SRC    := $(filter-out $(if $(CUDA),,tests/cuda/%),$(wildcard tests/*/test_*.c))
TEST_COMMON := $(call obj,$(wildcard tests/common/*.c))
TEST_BIN    := $(patsubst tests/%.c,$(BUILD)/tests/%,$(TEST_SRC))
TEST_SCRIPT := $(wildcard tests/*/test_*.sh tests/*/test_*.py)
EXAMPLE_BIN := $(patsubst %.c,$(BUILD)/%,$(wildcard examples/*.c))

$(BUILD)/obj/tests/%.o: CPPFLAGS += -Itests/common
$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(TEST_COMMON) $(IMAGE_OBJ) $(BUILD)/libfloe.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) $^ -o $@ $(TEST_LIBS) $(LDLIBS_CORE)
# tests/runtime links with the run half alone: if that came to need more, these would not link.
$(BUILD)/tests/runtime/%: $(BUILD)/obj/tests/runtime/%.o $(call obj,tests/common/ledger.c tests/common/plan_maker.c) \
                          $(BUILD)/libfloe_runtime.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) $^ -o $@ $(TEST_LIBS) $(LDLIBS_CORE)
# tests/hostile/test_tools_* run the program in children of their own: cli/main.c comes in through their source.
$(BUILD)/tests/hostile/test_tools_%: $(BUILD)/obj/tests/hostile/test_tools_%.o $(TEST_COMMON) \
                          $(filter-out %/cli/main.o,$(CLI_OBJ)) $(IMAGE_OBJ) $(BUILD)/libfloe.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) $^ -o $@ $(TEST_LIBS) $(LDLIBS_CORE)
$(BUILD)/examples/%: $(BUILD)/obj/examples/%.o $(BUILD)/libfloe.a $(BUILD)/libfloe_image.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) $^ -o $@ $(IMAGE_LIBS) $(LDLIBS_CORE)

# floe's CUDA kernels on the CPU: a stand-in for libcuda.so.1 (tests/cuda/fake_cuda.cpp). Misaligned vectors, negative shifts
# and overflowing indices, which the CPU would let pass, end the program with file and line.
EMULATED     := $(BUILD)/tests/cuda/libcuda_emulated.so
EMULATED_OBJ := $(patsubst %.cu,$(BUILD)/obj/emulated/%.o,$(notdir $(wildcard src/backend/cuda/kernel/*.cu tests/cuda/*.cu))) \
                $(patsubst tests/cuda/%.cpp,$(BUILD)/obj/emulated/%.o,tests/cuda/emulate_run.cpp \
                  tests/cuda/fake_cuda.cpp tests/cuda/fake_work.cpp)
EMULATE_FLAGS = -std=c++17 $(CFLAGS) -D_GNU_SOURCE -Iinclude -Isrc -Isrc/backend/cuda/kernel -Itests/cuda -fPIC -fvisibility=hidden \
                -fno-strict-aliasing -ffp-contract=off -pthread -Wno-unknown-pragmas $(filter-out -fsanitize=thread,$(SAN))
EMULATE_CHECK = $(if $(findstring thread,$(SAN)),,-fsanitize=alignment,bounds,shift,signed-integer-overflow,integer-divide-by-zero \
                -fno-sanitize-recover=all)
define EMULATE_UNIT
@mkdir -p $(@D)
$(CXX) $(EMULATE_FLAGS) $(EMULATE_CHECK) -DFL_EMULATE=$* -DFL_EMULATE_FILE='"$<"' -I. -MMD -MP -c tests/cuda/emulate_unit.cpp -o $@
endef
$(BUILD)/obj/emulated/%.o: src/backend/cuda/kernel/%.cu
	$(EMULATE_UNIT)
$(BUILD)/obj/emulated/%.o: tests/cuda/%.cu
	$(EMULATE_UNIT)
$(BUILD)/obj/emulated/%.o: tests/cuda/%.cpp
	@mkdir -p $(@D)
	$(CXX) $(EMULATE_FLAGS) -MMD -MP -c $< -o $@
$(EMULATED): $(EMULATED_OBJ)
	@mkdir -p $(@D)
	$(CXX) -shared -Wl,-z,defs $(filter-out -fsanitize=thread,$(SAN)) $(EMULATE_CHECK) $^ -o $@ -ldl
$(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/cuda/test_*.c)): | $(EMULATED)
.PHONY: emulated
emulated: $(EMULATED)
# Another stand-in, which computes nothing and fails on demand.
$(BUILD)/tests/cuda/fail_cuda.so: tests/cuda/fail_cuda.c src/backend/cuda/cuda_driver.h src/backend/cuda/cuda_driver.def
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS_ALL) $(LDFLAGS_ALL) -shared $< -o $@
$(BUILD)/tests/cuda/test_cuda_driver: | $(BUILD)/tests/cuda/fail_cuda.so

.PHONY: tests test
tests: $(TEST_BIN) $(EXAMPLE_BIN)
test: deps
	@$(MAKE) --no-print-directory all tests
	@mkdir -p $(BUILD)/log
	@FLOE_BUILD=$(BUILD) FLOE_LOG_DIR=$(BUILD)/log tests/run.sh $(TEST_BIN) $(TEST_SCRIPT)

# ---- the CUDA tests as a folder to carry to a machine with a GPU
DEVICE_TEST := $(filter-out %/test_cuda_driver,$(filter $(BUILD)/tests/cuda/test_cuda_%,$(TEST_BIN)))
.PHONY: device-test
device-test: all $(DEVICE_TEST)
	@tools/device_test.sh $(BUILD) $(BUILD)/device-test $(DEVICE_TEST)

# ---- the same tests under the sanitizers. Leaves CPU timing out of it: they are an order of magnitude slower.
SAN_ENV = FLOE_SANITIZED=1 ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1:max_allocation_size_mb=2048 \
          TSAN_OPTIONS=allocator_may_return_null=1:max_allocation_size_mb=2048 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
.PHONY: asan ubsan tsan
asan:
	@$(SAN_ENV) $(MAKE) --no-print-directory test BUILD=$(BUILD)-asan SAN="-fsanitize=address -fno-omit-frame-pointer" OPT=-O1
ubsan:
	@$(SAN_ENV) $(MAKE) --no-print-directory test BUILD=$(BUILD)-ubsan SAN="-fsanitize=undefined -fno-sanitize-recover=undefined" OPT=-O1
tsan:
	@$(SAN_ENV) $(MAKE) --no-print-directory test BUILD=$(BUILD)-tsan SAN="-fsanitize=thread" OPT=-O1

# ---- fuzzing: one libFuzzer target per parser, `make fuzz SECONDS=n` for n seconds each
SECONDS   ?= 20
CLANG     ?= clang
FUZZ_SRC  := $(wildcard fuzz/fuzz_*.c)
FUZZ_BIN  := $(patsubst fuzz/%.c,$(BUILD)-fuzz/%,$(FUZZ_SRC))
FUZZ_SAN  := -fsanitize=address,undefined -fno-sanitize-recover=undefined
.PHONY: fuzz fuzz-bins
fuzz:
	@tools/deps.sh clang libclang-rt-14-dev
	@$(MAKE) --no-print-directory fuzz-bins CC=$(CLANG) BUILD=$(BUILD)-fuzz SAN="$(FUZZ_SAN) -fsanitize=fuzzer-no-link" KERNEL_SAN= OPT=-O1
	@BUILD=$(BUILD)-fuzz SECONDS=$(SECONDS) fuzz/run.sh $(FUZZ_BIN)
fuzz-bins: $(patsubst fuzz/%.c,$(BUILD)/%,$(FUZZ_SRC))
$(BUILD)/fuzz_%: $(BUILD)/obj/fuzz/fuzz_%.o $(IMAGE_OBJ) $(BUILD)/libfloe.a
	$(CC) $(LDFLAGS_ALL) -fsanitize=fuzzer $^ -o $@ $(IMAGE_LIBS) $(LDLIBS_CORE)

# ---- benchmarks
.PHONY: bench-bins bench-peers
BENCH_BIN := $(patsubst %.c,$(BUILD)/%,$(wildcard bench/*.c))
bench-bins: $(BENCH_BIN)
$(BUILD)/bench/%: $(BUILD)/obj/bench/%.o $(BUILD)/libfloe.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) $^ -o $@ $(LDLIBS_CORE)
bench-peers: all
	@BUILD=$(BUILD) bench/peers.sh

.PHONY: format clean help
format:
	clang-format -i $(filter-out %.def,$(wildcard include/*.h src/*.[ch] src/*/*.[ch] src/*/*/*.[ch] src/*/*/*/*.[ch] cli/*.[ch]))
clean:
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-ubsan $(BUILD)-tsan $(BUILD)-fuzz
help:
	@echo "make               build/floe, build/libfloe.so, build/libfloe.a and the picture library"
	@echo "make demo          install what is missing, build, and run the whole walkthrough on the sample"
	@echo "make test          install what is missing, build, and pass the tests"
	@echo "make device-test   a folder with the CUDA tests, to be run on a machine with a GPU"
	@echo "make asan|ubsan|tsan   the tests under a sanitizer"
	@echo "make fuzz SECONDS=n    each parser's fuzzer for n seconds (20)"
	@echo "make bench-peers   floe beside ONNX Runtime on the same networks"
	@echo "make runtime       the run half alone"
	@echo "make install PREFIX=/usr/local"
	@echo "make DEV=1         with all warnings as errors; BUILD=dir, CC=, OPT= as usual"

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
.SECONDARY:
