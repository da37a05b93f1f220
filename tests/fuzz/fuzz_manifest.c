/*
 * A manifest that is accepted is what the writer makes of it, and no path in it leaves its
 * directory.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "rowback/format/documents.h"

const char fuzz_name[] = "manifest";

static void check_component(const char *path)
{
	static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	                           "_.%-";

	if (!*path || strspn(path, safe) != strlen(path) || *path == '.' || *path == '-')
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rb_buf out = RB_BUF(SIZE_MAX / 4);
	struct rb_manifest manifest;
	struct rb_err err = {0};

	if (rb_manifest_read((const char *)data, size, &manifest, &err) < 0) {
		if (err.msg[0] == '\0' || manifest.sources || manifest.source_count > 0)
			abort();
		return 0;
	}
	for (size_t i = 0; i < manifest.source_count; i++) {
		check_component(manifest.sources[i].name);
		for (size_t j = 0; j < manifest.sources[i].table_count; j++)
			check_component(manifest.sources[i].tables[j].path);
	}
	if (rb_manifest_write(&manifest, &out, &err) < 0 || out.len != size ||
	    memcmp(out.data, data, size) != 0)
		abort();
	rb_buf_release(&out);
	rb_manifest_release(&manifest);
	return 0;
}
