/*
 * A schema.json that is accepted is what the writer makes of it.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "rowback/format/documents.h"

const char fuzz_name[] = "schema_doc";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rb_buf out = RB_BUF(SIZE_MAX / 4);
	struct rb_catalog *catalog = NULL;
	struct rb_err err = {0};

	if (rb_schema_doc_read((const char *)data, size, "x", &catalog, &err) < 0) {
		if (err.msg[0] == '\0' || catalog)
			abort();
		return 0;
	}
	if (rb_schema_doc_write(catalog, &out, &err) < 0 || out.len != size ||
	    memcmp(out.data, data, size) != 0)
		abort();
	rb_buf_release(&out);
	rb_catalog_free(catalog);
	return 0;
}
