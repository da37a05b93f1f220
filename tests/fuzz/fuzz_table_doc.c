/*
 * A table.json that is accepted is what the writer makes of it, and rows of the table it
 * describes can be read.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "rowback/format/documents.h"
#include "rowback/value/rowreader.h"

const char fuzz_name[] = "table_doc";

/* What a reader of rows relies on: keys are positions among the stored columns. */
static void check_key(const struct rb_table *table)
{
	size_t *stored = calloc(table->column_count + 1, sizeof(*stored));
	size_t *positions = calloc(table->key_count + 1, sizeof(*positions));
	size_t count;

	if (!stored || !positions)
		abort();
	count = rb_table_stored_columns(table, stored);
	rb_table_key_positions(table, positions);
	for (size_t i = 0; i < table->key_count; i++) {
		if (positions[i] >= count || stored[positions[i]] != table->key[i])
			abort();
	}
	free(stored);
	free(positions);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rb_buf out = RB_BUF(SIZE_MAX / 4);
	struct rb_rowreader *reader = NULL;
	struct rb_table table;
	struct rb_err err = {0};

	if (rb_table_doc_read((const char *)data, size, "x", &table, &err) < 0) {
		if (err.msg[0] == '\0' || table.columns || table.name)
			abort();
		return 0;
	}
	check_key(&table);
	if (rb_rowreader_new(&table, NULL, &reader, &err) < 0)
		abort();
	rb_rowreader_free(reader);
	if (rb_table_doc_write(&table, &out, &err) < 0 || out.len != size ||
	    memcmp(out.data, data, size) != 0)
		abort();
	rb_buf_release(&out);
	rb_table_release(&table);
	return 0;
}
