/*
 * See sqlite_priv.h: schema.sql, a script for SQLite's own shell.
 */
#include <string.h>

#include "sqlite_priv.h"

static const char *setting_of(const struct rb_catalog *catalog, const char *name)
{
	for (size_t i = 0; i < catalog->setting_count; i++)
		if (strcmp(catalog->settings[i].name, name) == 0)
			return catalog->settings[i].value;
	return NULL;
}

/* Settings, those first that must be made before the first table. */
static int add_settings(const struct rb_catalog *catalog, struct rb_buf *out, struct rb_err *err)
{
	static const char *const names[] = {"page_size", "encoding", "auto_vacuum",
	                                    "application_id", "user_version"};
	int rc = RB_OK;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && rc == RB_OK; i++) {
		const char *value = setting_of(catalog, names[i]);

		if (!value)
			continue;
		rc = rb_buf_addf(out, err, "PRAGMA %s = ", names[i]);
		if (rc == RB_OK)
			rc = strcmp(names[i], "encoding") == 0
			             ? rb_sqlite_add_literal(out, value, err)
			             : rb_buf_adds(out, value, err);
		if (rc == RB_OK)
			rc = rb_buf_adds(out, ";\n", err);
	}
	return rc;
}

static bool is_shadow(const struct rb_catalog *catalog, const struct rb_object *object)
{
	const struct rb_table *table = rb_catalog_table(catalog, object->name);

	return strcmp(object->kind, "table") == 0 && table && table->kind == RB_TABLE_SHADOW;
}

static int add_object(const struct rb_catalog *catalog, const struct rb_object *object,
                      struct rb_buf *out, struct rb_err *err)
{
	static const char create[] = "CREATE TABLE ";
	const char *sql = object->sql;
	const char *last_line = strrchr(sql, '\n');
	int rc = RB_OK;

	/* A shadow table is there already when its virtual table could be made. */
	if (is_shadow(catalog, object) && strncmp(sql, create, sizeof(create) - 1) == 0) {
		rc = rb_buf_adds(out, "CREATE TABLE IF NOT EXISTS ", err);
		sql += sizeof(create) - 1;
	}
	if (rc == RB_OK)
		rc = rb_buf_adds(out, sql, err);
	/* A comment at the end would swallow the semicolon. */
	if (rc == RB_OK)
		rc = rb_buf_adds(out, strstr(last_line ? last_line : sql, "--") ? "\n;\n" : ";\n",
		                 err);
	return rc;
}

int rb_sqlite_schema_sql(const struct rb_catalog *catalog, struct rb_buf *out, struct rb_err *err)
{
	int rc = rb_buf_adds(out,
	                     "-- The schema of a SQLite database, as SQLite keeps it.\n"
	                     "-- To make an empty copy: sqlite3 NEW.db < schema.sql\n",
	                     err);

	if (rc == RB_OK)
		rc = add_settings(catalog, out, err);
	for (size_t i = 0; i < catalog->object_count && rc == RB_OK; i++)
		rc = add_object(catalog, &catalog->objects[i], out, err);
	return rc;
}
