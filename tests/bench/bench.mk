# make bench: rowback beside what a user would do instead; tests/bench/bench.py says how.
#
#   BENCH_RUNS=3    medians of so many runs
#   BENCH_ROWS=N    rows of the database, 1,000,000 unless said

BENCH_DATA_OBJ := $(BUILD)/obj/tests/bench/make_data.o $(BUILD)/obj/tests/bench/data_rows.o

$(BUILD)/bench/make_data: $(BENCH_DATA_OBJ)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(shell pkg-config --libs sqlite3)

.PHONY: bench
bench: $(BUILD)/rowback $(BUILD)/bench/make_data
	@python3 tests/bench/bench.py $(BUILD)

# The same for PostgreSQL, beside pg_dump: tests/bench/bench_postgres.py says how.
.PHONY: bench-postgres
bench-postgres: $(BUILD)/rowback $(BUILD)/bench/make_data
	@python3 tests/bench/bench_postgres.py $(BUILD)

# What the server's digests save, over a slow line and over none.
.PHONY: bench-digests
bench-digests: $(BUILD)/rowback $(BUILD)/bench/make_data
	@python3 tests/bench/bench_digests.py $(BUILD)

# Measurements of single parts, run by hand: make build/bench/bench_pack.
$(BUILD)/bench/bench_%: $(BUILD)/obj/tests/bench/bench_%.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(LIB) $(LDLIBS)

.PHONY: bench-rows
bench-rows: $(BUILD)/bench/bench_rows
	@$<

-include $(BENCH_DATA_OBJ:.o=.d)
