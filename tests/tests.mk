# Tests: one program for each tests/unit/<folder>/test_<file>.c.

UNIT_SRC := $(sort $(wildcard tests/unit/*/test_*.c tests/unit/*/*/test_*.c))
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/unit/%)
HARNESS_SRC := $(sort $(wildcard tests/harness/*.c))
HARNESS_OBJ := $(HARNESS_SRC:%.c=$(BUILD)/obj/%.o)
TEST_CPPFLAGS := $(CPPFLAGS) -Itests
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

# Measurements of single parts, run by hand: make build/bench/bench_pack.
$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(LIB) $(LDLIBS)

-include $(UNIT_BIN:$(BUILD)/unit/%=$(BUILD)/obj/tests/unit/%.d) $(HARNESS_OBJ:.o=.d)

.PHONY: unit
unit: $(UNIT_BIN)
	@scripts/run-units $(UNIT_BIN)

# Micro-benchmarks: run by hand.
$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(LIB) $(LDLIBS)

.PHONY: bench-rows
bench-rows: $(BUILD)/bench/bench_rows
	@$<
