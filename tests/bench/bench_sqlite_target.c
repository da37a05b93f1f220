/*
 * What it costs to write a SQLite database through the adapter: each step's CPU seconds, and
 * peak memory.
 *
 *	make build/bench/make_data build/bench/bench_sqlite_target
 *	build/bench/make_data big.db && build/bench/bench_sqlite_target big.db
 *
 * Rows come from another SQLite database; what reading them costs is measured first and
 * taken off.  The copy is made in the current directory and removed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "rowback/adapter/adapter.h"

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Print what was done since the last call, less what reading took of it. */
static void lap(const char *what, double *since, double reading_s)
{
	double now = cpu_s();

	printf("%-8s %6.2f s\n", what, now - *since - reading_s);
	*since = now;
}

static int count_row(void *ctx, const struct rb_value *values, struct rb_err *err)
{
	(void)values, (void)err;
	(*(size_t *)ctx)++;
	return RB_OK;
}

static int insert_row(void *ctx, const struct rb_value *values, struct rb_err *err)
{
	return rb_adapter_sqlite.target_insert(ctx, values, err);
}

static int read_all(struct rb_source *source, const struct rb_catalog *catalog, size_t *rows,
                    struct rb_err *err)
{
	struct rb_row_sink sink = {.row = count_row, .ctx = rows};
	int rc = RB_OK;

	for (size_t i = 0; i < catalog->table_count && rc == RB_OK; i++)
		rc = rb_adapter_sqlite.source_read(source, &catalog->tables[i], &sink, err);
	return rc;
}

static int write_all(struct rb_source *source, const struct rb_catalog *catalog,
                     struct rb_target *target, struct rb_err *err)
{
	struct rb_row_sink sink = {.row = insert_row, .ctx = target};
	int rc = RB_OK;

	for (size_t i = 0; i < catalog->table_count && rc == RB_OK; i++) {
		rc = rb_adapter_sqlite.target_table_begin(target, &catalog->tables[i], err);
		if (rc == RB_OK)
			rc = rb_adapter_sqlite.source_read(source, &catalog->tables[i], &sink, err);
		if (rc == RB_OK)
			rc = rb_adapter_sqlite.target_table_end(target, err);
	}
	return rc;
}

static int copy(struct rb_source *source, struct rb_err *err)
{
	const struct rb_target_opts opts = {.open = {.url = "sqlite:bench-copy.db"},
	                                    .create = true};
	struct rb_catalog *remarks = calloc(1, sizeof(*remarks));
	struct rb_catalog *catalog = NULL;
	struct rb_target *target = NULL;
	double since = cpu_s();
	double reading_s;
	size_t rows = 0;
	int rc = rb_adapter_sqlite.source_catalog(source, &catalog, err);

	if (rc == RB_OK)
		rc = read_all(source, catalog, &rows, err);
	reading_s = cpu_s() - since;
	lap("reading", &since, 0);
	if (rc == RB_OK)
		rc = rb_adapter_sqlite.target_open(&opts, &target, err);
	if (rc == RB_OK)
		rc = rb_adapter_sqlite.target_begin(target, NULL, err);
	if (rc == RB_OK)
		rc = rb_adapter_sqlite.target_schema(target, RB_SCHEMA_TABLES, catalog, NULL,
		                                     remarks, err);
	lap("tables", &since, 0);
	if (rc == RB_OK)
		rc = write_all(source, catalog, target, err);
	lap("rows", &since, reading_s);
	if (rc == RB_OK)
		rc = rb_adapter_sqlite.target_schema(target, RB_SCHEMA_AFTER, catalog, NULL,
		                                     remarks, err);
	lap("after", &since, 0);
	if (rc == RB_OK)
		rc = rb_adapter_sqlite.target_check(target, remarks, err);
	lap("check", &since, 0);
	if (rc == RB_OK)
		rc = rb_adapter_sqlite.target_commit(target, err);
	lap("commit", &since, 0);
	printf("%zu rows\n", rows);
	rb_adapter_sqlite.target_close(target);
	rb_catalog_free(catalog);
	rb_catalog_free(remarks);
	return rc;
}

int main(int argc, char **argv)
{
	struct rb_source *source = NULL;
	struct rb_open_opts opts = {0};
	struct rb_err err = {0};
	struct rusage usage;
	char url[4096];
	int rc;

	if (argc < 2) {
		fprintf(stderr, "usage: bench_sqlite_target DATABASE\n");
		return 2;
	}
	snprintf(url, sizeof(url), "sqlite:%s", argv[1]);
	opts.url = url;
	rc = rb_adapter_sqlite.source_open(&opts, &source, &err);
	if (rc == RB_OK)
		rc = copy(source, &err);
	rb_adapter_sqlite.source_close(source);
	remove("bench-copy.db");
	if (rc < 0)
		fprintf(stderr, "%s\n", err.msg);
	getrusage(RUSAGE_SELF, &usage);
	printf("peak %ld MB\n", usage.ru_maxrss / 1024);
	return rc < 0;
}
