/*
 * See sqlite_priv.h: what a catalog says about objects that are not as users would think.
 */
#include <string.h>
#include <strings.h>

#include "sqlite_priv.h"

/* Say once for each object that a collation it uses is the application's own. */
static int remark_collation(struct rb_catalog *catalog, const char *object, const char *collation,
                            struct rb_err *err)
{
	struct rb_buf what = RB_BUF(SIZE_MAX / 4);
	bool is_known = rb_sqlite_is_builtin_collation(collation);
	int rc;

	rc = rb_buf_addf(&what, err, "collation \"%s\" is the application's own: kept by name",
	                 collation);
	for (size_t i = 0; i < catalog->remark_count && rc == RB_OK; i++)
		if (strcmp(catalog->remarks[i].object, object) == 0 &&
		    strcmp(catalog->remarks[i].what, rb_buf_str(&what)) == 0)
			is_known = true;
	if (rc == RB_OK && !is_known)
		rc = rb_catalog_remark(catalog, object, false, err, "%s", rb_buf_str(&what));
	rb_buf_release(&what);
	return rc;
}

static int remark_index_collations(struct rb_sqlite_conn *conn, struct rb_catalog *catalog,
                                   const char *index, struct rb_err *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = rb_sqlite_pragma(conn, "index_xinfo", index, &stmt, err);

	while (rc >= 0 && (rc = rb_sqlite_step(conn, stmt, err)) > 0) {
		const char *collation = (const char *)sqlite3_column_text(stmt, 4);

		if (collation)
			rc = remark_collation(catalog, index, collation, err);
	}
	sqlite3_finalize(stmt);
	return rc;
}

int rb_sqlite_remark_collations(struct rb_sqlite_conn *conn, struct rb_catalog *catalog,
                                struct rb_err *err)
{
	int rc = RB_OK;

	for (size_t t = 0; t < catalog->table_count; t++)
		for (size_t c = 0; c < catalog->tables[t].column_count && rc == RB_OK; c++)
			if (catalog->tables[t].columns[c].collation)
				rc = remark_collation(catalog, catalog->tables[t].name,
				                      catalog->tables[t].columns[c].collation, err);
	for (size_t i = 0; i < catalog->object_count && rc == RB_OK; i++)
		if (strcmp(catalog->objects[i].kind, "index") == 0)
			rc = remark_index_collations(conn, catalog, catalog->objects[i].name, err);
	return rc;
}

static bool is_listed(const struct rb_sqlite_listing *listings, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcasecmp(listings[i].name, name) == 0)
			return true;
	return false;
}

/* Two of one kind and name: which of them would the rows be of? */
static int refuse_twins(const struct rb_sqlite_conn *conn, const struct rb_object *object,
                        struct rb_err *err)
{
	rb_err_set(err, RB_E_UNREACHABLE,
	           "database '%s': malformed database schema: two %ss are named '%.200s'",
	           conn->path, object->kind, object->name);
	rb_err_hint(err, "see what can be saved with: sqlite3 FILE .recover");
	return RB_E_UNREACHABLE;
}

int rb_sqlite_remark_malformed(struct rb_sqlite_conn *conn, struct rb_catalog *catalog,
                               const struct rb_sqlite_listing *listings, size_t count,
                               struct rb_err *err)
{
	int rc = rb_catalog_remark(catalog, "sqlite_schema", true, err, "%s", conn->malformed);

	for (size_t i = 0; i < catalog->object_count && rc == RB_OK; i++) {
		const struct rb_object *object = &catalog->objects[i];

		if (i > 0 && strcmp(object->kind, object[-1].kind) == 0 &&
		    strcmp(object->name, object[-1].name) == 0)
			return refuse_twins(conn, object, err);
		if (strcmp(object->kind, "table") == 0 && !is_listed(listings, count, object->name))
			rc = rb_catalog_remark(catalog, object->name, true, err,
			                       "its definition cannot be read");
	}
	return rc;
}
