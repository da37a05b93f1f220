# Tests: one program for each tests/unit/<folder>/test_<file>.c.

UNIT_SRC := $(sort $(wildcard tests/unit/*/test_*.c tests/unit/*/*/test_*.c))
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/unit/%)
HARNESS_SRC := $(sort $(filter-out tests/harness/preload_%,$(wildcard tests/harness/*.c)))
HARNESS_OBJ := $(HARNESS_SRC:%.c=$(BUILD)/obj/%.o)
# A fuzz target's corpus is a unit test too: tests/fuzz/fuzz_<name>.c with corpus_main.c.
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_NAMES := $(FUZZ_SRC:tests/fuzz/fuzz_%.c=%)
CORPUS_BIN := $(FUZZ_NAMES:%=$(BUILD)/unit/fuzz/test_%)
# Unit tests run in directories of their own.
TEST_CPPFLAGS := $(CPPFLAGS) -Itests -DRB_TEST_DIR='"$(CURDIR)/tests"'
# fault.c stands in front of these, so that a test can make the n-th call fail.
WRAP := $(foreach call,malloc calloc realloc strdup write pwrite64 fsync close rename \
	pthread_create pipe2 fork clock_gettime, \
	-Wl,--wrap=$(call))

# A test of src/<folder> may look at what is private there.
$(BUILD)/obj/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	$(CC) $(TEST_CPPFLAGS) -Isrc/$(word 2,$(subst /, ,$*)) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/unit/%: $(BUILD)/obj/tests/unit/%.o $(HARNESS_OBJ) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) $(WRAP) -o $@ $< $(HARNESS_OBJ) $(LIB) $(LDLIBS) -lcmocka

$(CORPUS_BIN): $(BUILD)/unit/fuzz/test_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o \
		$(BUILD)/obj/tests/fuzz/corpus_main.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIB) $(LDLIBS) -lcmocka

# This one is of a parser that is private to src/repo.
$(BUILD)/obj/tests/fuzz/fuzz_tree.o $(BUILD)/fuzz/obj/tests/fuzz/fuzz_tree.o: \
	TEST_CPPFLAGS += -Isrc/repo

# And this one of one that is private to src/adapter.
$(BUILD)/obj/tests/fuzz/fuzz_pg_schema.o $(BUILD)/fuzz/obj/tests/fuzz/fuzz_pg_schema.o: \
	TEST_CPPFLAGS += -Isrc/adapter

# The command line without main().
CLI_TEST_OBJ := $(filter-out $(BUILD)/obj/src/cli/main.o,$(CLI_OBJ))

$(BUILD)/unit/cli/%: $(BUILD)/obj/tests/unit/cli/%.o $(HARNESS_OBJ) $(CLI_TEST_OBJ) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) $(WRAP) -o $@ $< $(HARNESS_OBJ) $(CLI_TEST_OBJ) $(LIB) $(LDLIBS) \
		-lcmocka

-include $(UNIT_BIN:$(BUILD)/unit/%=$(BUILD)/obj/tests/unit/%.d) $(HARNESS_OBJ:.o=.d)
-include $(FUZZ_NAMES:%=$(BUILD)/obj/tests/fuzz/fuzz_%.d) $(BUILD)/obj/tests/fuzz/corpus_main.d

.PHONY: unit
unit: $(UNIT_BIN) $(CORPUS_BIN)
	@scripts/run-units $(UNIT_BIN) $(CORPUS_BIN)

# make fuzz FUZZ_SECONDS=60: every target in turn, with clang's libFuzzer and sanitizers.
# What is found is added to a copy of the corpus below $(BUILD)/fuzz.
FUZZ_SECONDS ?= 60
FUZZ_CC ?= clang
FUZZ_CFLAGS := -std=c11 -O1 -g -pthread $(PKG_CFLAGS) \
	-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZ_OBJ := $(LIB_SRC:%.c=$(BUILD)/fuzz/obj/%.o) $(GEN_SRC:%.c=$(BUILD)/fuzz/obj/%.o)
FUZZ_BIN := $(FUZZ_NAMES:%=$(BUILD)/fuzz/%)

$(BUILD)/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(TEST_CPPFLAGS) $(FUZZ_CFLAGS) -Isrc/$(word 2,$(subst /, ,$*)) -MMD -MP -c -o $@ $<

$(BUILD)/fuzz/obj/%.o: $(BUILD)/gen/%.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(TEST_CPPFLAGS) $(FUZZ_CFLAGS) -Isrc/$(word 2,$(subst /, ,$*)) -MMD -MP -c -o $@ $<

$(BUILD)/fuzz/librowback.a: $(FUZZ_OBJ)
	rm -f $@
	ar rcs $@ $(FUZZ_OBJ)

$(FUZZ_BIN): $(BUILD)/fuzz/%: $(BUILD)/fuzz/obj/tests/fuzz/fuzz_%.o $(BUILD)/fuzz/librowback.a
	$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)

-include $(FUZZ_OBJ:.o=.d) $(FUZZ_NAMES:%=$(BUILD)/fuzz/obj/tests/fuzz/fuzz_%.d)

.PHONY: fuzz $(FUZZ_NAMES:%=fuzz-%)
fuzz: $(FUZZ_NAMES:%=fuzz-%)

$(FUZZ_NAMES:%=fuzz-%): fuzz-%: $(BUILD)/fuzz/%
	@mkdir -p $(BUILD)/fuzz/corpus/$*
	$< -max_total_time=$(FUZZ_SECONDS) -timeout=10 -artifact_prefix=$(BUILD)/fuzz/$*- \
		$(addprefix -dict=,$(wildcard tests/fuzz/$*.dict)) \
		$(BUILD)/fuzz/corpus/$* tests/fuzz/corpus/$*

# Programs that start real servers (tests/harness/servers.sh); SKIP where those are missing.
INTEGRATION_SRC := $(sort $(wildcard tests/integration/test_*.c))
INTEGRATION_BIN := $(INTEGRATION_SRC:tests/%.c=$(BUILD)/%)

$(BUILD)/integration/%: $(BUILD)/obj/tests/integration/%.o $(HARNESS_OBJ) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) $(WRAP) -o $@ $< $(HARNESS_OBJ) $(LIB) $(LDLIBS) -lcmocka

-include $(INTEGRATION_BIN:$(BUILD)/%=$(BUILD)/obj/tests/%.d)

.PHONY: integration
integration: $(INTEGRATION_BIN)
	@scripts/run-units $(INTEGRATION_BIN)

.PHONY: test-programs sanitize
test-programs: $(UNIT_BIN) $(CORPUS_BIN) $(INTEGRATION_BIN)

sanitize:
	+$(MAKE) --no-print-directory -s $(JOBS) BUILD=build-asan SANITIZE=1 unit

# What a shell test puts before a program, so that its n-th write, fsync, ... fails.
$(BUILD)/preload_fault.so: tests/harness/preload_fault.c
	@mkdir -p $(@D)
	$(CC) -std=c11 -O2 -g -fPIC -shared $(WARN) -o $@ $< -ldl

# `check` needs what is installed; `test` installs first, and then reads this file anew,
# for what pkg-config did not know before.
.PHONY: test check cli-test
test:
	@scripts/install-deps --test
	@+$(MAKE) --no-print-directory $(JOBS) check

check:
	@+BUILD="$(BUILD)" JOBS="$(JOBS)" scripts/run-tests

cli-test: all $(BUILD)/preload_fault.so
	@BUILD="$(BUILD)" scripts/run-cli-tests tests/integration/*.sh tests/cli/*.sh

# make corpus ROWBACK_CORPUS=DIR: every SQLite database below DIR, and every script of PostgreSQL
# in DIR/postgres, there and back.
.PHONY: corpus
corpus: all
	@BUILD="$(BUILD)" ROWBACK_CORPUS="$(ROWBACK_CORPUS)" sh tests/corpus/corpus.sh
	@BUILD="$(BUILD)" ROWBACK_CORPUS="$(ROWBACK_CORPUS)" sh tests/corpus/postgres.sh

include tests/bench/bench.mk
