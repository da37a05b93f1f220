/*
 * What pg_dump is said to have written: objects that are told apart by kind and name, each with
 * a text, a table and a way to be dropped, or none.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "postgres/target_priv.h"

const char fuzz_name[] = "pg_schema";

static void check_object(const struct rb_object *object, struct rb_map *names)
{
	struct rb_buf key = RB_BUF(SIZE_MAX / 4);
	struct rb_buf sql = RB_BUF(SIZE_MAX / 4);
	int rc;

	if (!object->kind || !object->name || !object->table || !object->sql)
		abort();
	if (rb_buf_addf(&key, NULL, "%s\n%s", object->kind, object->name) < 0)
		abort();
	/* Owners are named by what they are owners of, whatever that is called. */
	if (strcmp(object->kind, "owner") != 0 && rb_map_get(names, key.data, key.len))
		abort();
	if (rb_map_put(names, key.data, key.len, NULL, NULL) < 0)
		abort();
	rb_pg_ends_transaction(object->sql);
	rc = rb_pg_add_drop(object, &sql, NULL);
	if (rc != RB_OK && rc != RB_E_UNSUPPORTED && rc != RB_E_FORMAT)
		abort();
	rb_buf_release(&key);
	rb_buf_release(&sql);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rb_catalog *catalog = calloc(1, sizeof(*catalog));
	struct rb_map *names = NULL;
	int rc;

	if (!catalog || rb_map_new(0, &names, NULL) < 0)
		abort();
	rc = rb_pg_schema_split((const char *)data, size, catalog, NULL);
	if (rc != RB_OK && rc != RB_E_FORMAT && rc != RB_E_LIMIT)
		abort();
	for (size_t i = 0; rc == RB_OK && i < catalog->object_count; i++)
		check_object(&catalog->objects[i], names);
	rb_map_free(names);
	rb_catalog_free(catalog);
	return 0;
}
