/*
 * See convert_priv.h: names.
 *
 * PostgreSQL cuts names at 63 bytes, and a column is not called as its system columns are;
 * SQLite does not tell upper from lower case, and keeps "sqlite_" for itself.  A name that
 * is in use already gets a number.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "rowback/base/encode.h"
#include "convert_priv.h"

#define PG_NAME_BYTES ((size_t)63) /* NAMEDATALEN - 1 */
#define NAME_BYTES ((size_t)1 << 16)
#define SUFFIX_ROOM 24

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for a name");
}

int rb_convert_quote(const char *name, struct rb_buf *out, struct rb_err *err)
{
	int rc = rb_buf_adds(out, "\"", err);

	for (; rc == RB_OK && *name; name++)
		rc = *name == '"' ? rb_buf_adds(out, "\"\"", err) : rb_buf_add(out, name, 1, err);
	return rc < 0 ? rc : rb_buf_adds(out, "\"", err);
}

int rb_convert_add_table(const struct rb_conversion *conversion, const struct rb_table *table,
                         struct rb_buf *out, struct rb_err *err)
{
	/* A name of PostgreSQL's tables is SQL: schema and table, quoted where it must be. */
	return conversion->to_sqlite ? rb_convert_quote(table->name, out, err)
	                             : rb_buf_adds(out, table->name, err);
}

/* Bytes of a name that fit, cut between characters. */
static size_t fitting(const char *name, size_t room)
{
	size_t len = strlen(name);

	if (len <= room)
		return len;
	while (room > 0 && ((unsigned char)name[room] & 0xc0) == 0x80)
		room--;
	return room;
}

static int fold(const struct rb_conversion *conversion, const char *name, struct rb_buf *key,
                struct rb_err *err)
{
	int rc;

	rb_buf_clear(key);
	rc = rb_buf_adds(key, name, err);
	for (size_t i = 0; rc == RB_OK && conversion->to_sqlite && i < key->len; i++)
		if (key->data[i] >= 'A' && key->data[i] <= 'Z')
			key->data[i] = (char)(key->data[i] - 'A' + 'a');
	return rc;
}

/* The name, or NAME_2, NAME_3, ...: the first that is not taken; it is then. */
static int choose(const struct rb_conversion *conversion, struct rb_map *taken, const char *name,
                  char **out, struct rb_err *err)
{
	size_t max = conversion->to_sqlite ? NAME_BYTES - SUFFIX_ROOM : PG_NAME_BYTES;
	struct rb_buf text = RB_BUF(NAME_BYTES);
	struct rb_buf key = RB_BUF(NAME_BYTES);
	char suffix[SUFFIX_ROOM] = "";
	int rc = RB_OK;

	for (size_t n = 2; rc == RB_OK; n++) {
		rb_buf_clear(&text);
		rc = rb_buf_add(&text, name, fitting(name, max - strlen(suffix)), err);
		if (rc == RB_OK)
			rc = rb_buf_adds(&text, suffix, err);
		if (rc == RB_OK)
			rc = fold(conversion, rb_buf_str(&text), &key, err);
		if (rc < 0 || !rb_map_get(taken, rb_buf_str(&key), key.len))
			break;
		snprintf(suffix, sizeof(suffix), "_%zu", n);
	}
	if (rc == RB_OK)
		rc = rb_map_put(taken, rb_buf_str(&key), key.len, NULL, err);
	if (rc == RB_OK) {
		*out = rb_buf_detach(&text);
		rc = *out ? RB_OK : no_memory(err);
	}
	rb_buf_release(&text);
	rb_buf_release(&key);
	return rc;
}

/* Choose, and list it when the name is not what was asked for. */
static int choose_listed(struct rb_conversion *conversion, struct rb_map *taken, const char *object,
                         const char *name, char **out, struct rb_err *err)
{
	int rc;

	if (rb_utf8_valid_len(name, strlen(name)) != strlen(name))
		return rb_err_set(
		        err, RB_E_UNSUPPORTED,
		        "a name in '%.200s' is not UTF-8: the other engine cannot have it", object);
	if (!*name)
		rc = choose(conversion, taken, "_", out, err);
	else
		rc = choose(conversion, taken, name, out, err);
	if (rc == RB_OK && strcmp(*out, name) != 0)
		rc = rb_catalog_remark(conversion->changes, object, false, err,
		                       "\"%.200s\" is called \"%.200s\" there", name, *out);
	return rc;
}

/* Take one part of "schema.table"; false when it is none. */
static bool take_part(const char **at, struct rb_buf *out, struct rb_err *err)
{
	const char *p = *at;
	int rc = RB_OK;

	if (*p != '"') {
		size_t len = strcspn(p, ".\"");

		*at = p + len;
		return len > 0 && rb_buf_add(out, p, len, err) == RB_OK;
	}
	for (p++; rc == RB_OK && *p; p++) {
		if (*p == '"' && *++p != '"') {
			*at = p;
			return out->len > 0;
		}
		rc = rb_buf_add(out, p, 1, err);
	}
	return false;
}

/* "public.orders" as SQLite will have it: orders; shop.orders as it is. */
static int sqlite_name(const char *name, struct rb_buf *out, struct rb_err *err)
{
	struct rb_buf schema = RB_BUF(NAME_BYTES);
	struct rb_buf table = RB_BUF(NAME_BYTES);
	const char *at = name;
	bool is_name = take_part(&at, &schema, err) && *at == '.';
	int rc = RB_OK;

	at += is_name ? 1 : 0;
	if (!is_name || !take_part(&at, &table, err) || *at)
		rc = rb_err_set(err, RB_E_FORMAT, "'%.200s' is no name of a table with its schema",
		                name);
	if (rc == RB_OK && strcmp(rb_buf_str(&schema), "public") != 0)
		rc = rb_buf_addf(out, err, "%s.", rb_buf_str(&schema));
	else if (rc == RB_OK && strncasecmp(rb_buf_str(&table), "sqlite_", 7) == 0)
		rc = rb_buf_adds(out, "_", err);
	if (rc == RB_OK)
		rc = rb_buf_adds(out, rb_buf_str(&table), err);
	rb_buf_release(&schema);
	rb_buf_release(&table);
	return rc;
}

/* "public." and the name, quoted exactly where the adapter does so. */
static int postgres_name(const char *name, char **out, struct rb_err *err)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz_";
	static const char all[] = "abcdefghijklmnopqrstuvwxyz_0123456789$";
	struct rb_buf text = RB_BUF(NAME_BYTES);
	int rc = rb_buf_adds(&text, "public.", err);

	if (rc == RB_OK)
		rc = strchr(first, *name) && name[strspn(name, all)] == '\0'
		             ? rb_buf_adds(&text, name, err)
		             : rb_convert_quote(name, &text, err);
	if (rc == RB_OK) {
		*out = rb_buf_detach(&text);
		rc = *out ? RB_OK : no_memory(err);
	}
	rb_buf_release(&text);
	return rc;
}

int rb_convert_table_name(struct rb_conversion *conversion, const char *name, char **out,
                          struct rb_err *err)
{
	struct rb_buf plain = RB_BUF(NAME_BYTES);
	char *chosen = NULL;
	int rc = conversion->to_sqlite ? sqlite_name(name, &plain, err)
	                               : rb_buf_adds(&plain, name, err);

	if (rc == RB_OK)
		rc = choose_listed(conversion, conversion->taken, name, rb_buf_str(&plain), &chosen,
		                   err);
	if (rc == RB_OK && !conversion->to_sqlite) {
		rc = postgres_name(chosen, out, err);
	} else if (rc == RB_OK) {
		*out = chosen;
		chosen = NULL;
	}
	free(chosen);
	rb_buf_release(&plain);
	return rc;
}

int rb_convert_index_name(struct rb_conversion *conversion, const char *name, char **out,
                          struct rb_err *err)
{
	bool is_own = conversion->to_sqlite && strncasecmp(name, "sqlite_", 7) == 0;

	/* Nobody asks for an index by its name: that is not worth a line. */
	return choose(conversion, conversion->taken, is_own || !*name ? "index" : name, out, err);
}

int rb_convert_column_name(struct rb_conversion *conversion, const char *table, const char *name,
                           struct rb_map *taken, char **out, struct rb_err *err)
{
	static const char *const own[] = {"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"};
	char *ignored = NULL;

	for (size_t i = 0; !conversion->to_sqlite && i < sizeof(own) / sizeof(own[0]); i++) {
		int rc;

		if (strcmp(own[i], name) != 0 || rb_map_get(taken, name, strlen(name)))
			continue;
		rc = choose(conversion, taken, name, &ignored, err);
		free(ignored);
		if (rc < 0)
			return rc;
	}
	return choose_listed(conversion, taken, table, name, out, err);
}

/* Names of SQLite's are the same in any case. */
static bool is_same(const struct rb_conversion *conversion, const char *a, const char *b)
{
	return (conversion->to_sqlite ? strcmp(a, b) : strcasecmp(a, b)) == 0;
}

long rb_convert_find_table(const struct rb_conversion *conversion, const char *name)
{
	for (size_t i = 0; i < conversion->catalog->table_count; i++) {
		size_t from = conversion->tables[i].from;

		if (is_same(conversion, conversion->from->tables[from].name, name))
			return (long)i;
	}
	return -1;
}

long rb_convert_find_column(const struct rb_conversion *conversion, size_t table, const char *name)
{
	const struct rb_table *from = &conversion->from->tables[conversion->tables[table].from];
	long at = 0;

	for (size_t i = 0; i < from->column_count; i++) {
		if (!rb_column_is_stored(&from->columns[i]))
			continue;
		if (!from->columns[i].is_rowid && is_same(conversion, from->columns[i].name, name))
			return at;
		at++;
	}
	return -1;
}
