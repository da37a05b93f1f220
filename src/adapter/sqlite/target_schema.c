/*
 * See adapter.h and target_priv.h: which schema objects are dropped and made, in which
 * order.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "target_priv.h"

/* One call of target_schema(). */
struct step {
	struct rb_sqlite_target *target;
	const struct rb_catalog *catalog;
	const char *const *only;
	struct rb_catalog *remarks;
	bool *is_storage; /* for each object; NULL: not asked yet */
};

/* Whether objects of one sort are handled in a pass. */
typedef bool (*select_fn)(const struct step *step, const struct rb_object *object);

/* What is done with each. */
typedef int (*handle_fn)(const struct step *step, const struct rb_object *object,
                         struct rb_err *err);

bool rb_sqlite_is_virtual(const struct rb_object *object)
{
	return strcmp(object->kind, "table") == 0 && object->sql &&
	       strncasecmp(object->sql, "CREATE VIRTUAL", strlen("CREATE VIRTUAL")) == 0;
}

/* SQLite makes these itself. */
static bool is_system(const struct rb_object *object)
{
	return strncasecmp(object->name, "sqlite_", strlen("sqlite_")) == 0;
}

/* Mark the tables that are storage of a virtual table: its module makes them. */
static int mark_storage(const struct step *step, const struct rb_object *owner, struct rb_err *err)
{
	const struct rb_catalog *catalog = step->catalog;
	struct rb_sqlite_vtab vtab = {0};
	int rc = rb_sqlite_vtab_parse(owner->sql, &vtab, err);

	for (size_t i = 0; i < catalog->object_count && rc == RB_OK; i++)
		if (rb_sqlite_vtab_owns(&vtab, owner->name, catalog->objects[i].name))
			step->is_storage[i] = true;
	rb_sqlite_vtab_release(&vtab);
	return rc;
}

static int find_storage(struct step *step, struct rb_err *err)
{
	const struct rb_catalog *catalog = step->catalog;
	int rc = RB_OK;

	step->is_storage = calloc(catalog->object_count + 1, sizeof(*step->is_storage));
	if (!step->is_storage)
		return rb_err_set(err, RB_E_NOMEM, "no memory to make the schema");
	for (size_t i = 0; i < catalog->object_count && rc == RB_OK; i++)
		if (rb_sqlite_is_virtual(&catalog->objects[i]))
			rc = mark_storage(step, &catalog->objects[i], err);
	return rc;
}

static bool is_storage(const struct step *step, const struct rb_object *object)
{
	return step->is_storage && step->is_storage[object - step->catalog->objects];
}

static bool select_plain(const struct step *step, const struct rb_object *object)
{
	return strcmp(object->kind, "table") == 0 && !rb_sqlite_is_virtual(object) &&
	       !is_system(object) && !is_storage(step, object);
}

static bool select_virtual(const struct step *step, const struct rb_object *object)
{
	(void)step;
	return rb_sqlite_is_virtual(object);
}

/* Storage of a virtual table that no module serves here, and so was not made. */
static bool select_storage(const struct step *step, const struct rb_object *object)
{
	return strcmp(object->kind, "table") == 0 && is_storage(step, object);
}

static bool select_table(const struct step *step, const struct rb_object *object)
{
	(void)step;
	return strcmp(object->kind, "table") == 0 && !rb_sqlite_is_virtual(object);
}

static bool select_index(const struct step *step, const struct rb_object *object)
{
	(void)step;
	return strcmp(object->kind, "index") == 0;
}

static bool select_view(const struct step *step, const struct rb_object *object)
{
	(void)step;
	return strcmp(object->kind, "view") == 0;
}

static bool select_trigger(const struct step *step, const struct rb_object *object)
{
	(void)step;
	return strcmp(object->kind, "trigger") == 0;
}

static bool is_wanted(const struct step *step, const struct rb_object *object)
{
	if (!step->only)
		return true;
	for (const char *const *name = step->only; *name; name++)
		if (strcmp(*name, object->table) == 0 || strcmp(*name, object->name) == 0)
			return true;
	return false;
}

static int for_each(const struct step *step, select_fn select, handle_fn handle, struct rb_err *err)
{
	int rc = RB_OK;

	for (size_t i = 0; i < step->catalog->object_count && rc == RB_OK; i++) {
		const struct rb_object *object = &step->catalog->objects[i];

		if (is_wanted(step, object) && select(step, object))
			rc = handle(step, object, err);
	}
	return rc;
}

int rb_sqlite_find(struct rb_sqlite_target *target, const struct rb_object *object,
                   enum rb_sqlite_presence *out, struct rb_err *err)
{
	sqlite3_stmt *stmt = NULL;
	const char *sql;
	int code;
	int rc;

	*out = RB_SQLITE_ABSENT;
	rc = rb_sqlite_prepare(&target->conn,
	                       "SELECT sql FROM main.sqlite_schema WHERE type = ?1"
	                       " AND name = ?2 COLLATE NOCASE",
	                       &stmt, err);
	if (rc < 0)
		return rc;
	code = sqlite3_bind_text(stmt, 1, object->kind, -1, SQLITE_STATIC);
	if (code == SQLITE_OK)
		code = sqlite3_bind_text(stmt, 2, object->name, -1, SQLITE_STATIC);
	rc = code == SQLITE_OK ? rb_sqlite_step(&target->conn, stmt, err)
	                       : rb_sqlite_fail(&target->conn, code, err, "%s '%.200s'",
	                                        object->kind, object->name);
	if (rc > 0) {
		sql = (const char *)sqlite3_column_text(stmt, 0);
		*out = sql && object->sql && strcmp(sql, object->sql) == 0 ? RB_SQLITE_SAME
		                                                           : RB_SQLITE_OTHER;
	}
	sqlite3_finalize(stmt);
	return rc < 0 ? rc : RB_OK;
}

static int handle_drop(const struct step *step, const struct rb_object *object, struct rb_err *err)
{
	return rb_sqlite_drop(step->target, object, err);
}

/* Make a table whose CHECK needs a function of the application's: without it, then with. */
static int make_loosely(const struct step *step, const struct rb_object *object,
                        enum rb_sqlite_made *made, struct rb_err *err)
{
	const struct rb_table *table = rb_catalog_table(step->catalog, object->name);
	struct rb_buf sql = RB_BUF(SIZE_MAX / 4);
	struct rb_object loose = *object;
	char ignored[RB_ERR_MSG_SIZE];
	int rc = RB_OK;

	if (table)
		rc = rb_sqlite_loosen(object->sql, table, &sql, err);
	if (rc == RB_OK && table) {
		loose.sql = sql.data;
		rc = rb_sqlite_ddl_run(step->target, &loose, made, ignored, err);
	}
	if (rc == RB_E_UNSUPPORTED)
		rc = RB_OK;
	if (rc == RB_OK && *made == RB_SQLITE_MADE)
		rc = rb_sqlite_redefine(step->target, object->name, object->sql, err);
	rb_buf_release(&sql);
	return rc;
}

/* A column to write again, so that SQLite generates others; NULL when none is stored. */
static const char *column_to_write(const struct rb_table *table)
{
	const char *name = NULL;
	bool is_stored = false;

	for (size_t i = 0; table && i < table->column_count; i++) {
		const struct rb_column *column = &table->columns[i];

		is_stored |= column->generated == RB_GENERATED_STORED;
		if (!name && !column->is_rowid && column->generated == RB_GENERATED_NO)
			name = column->name;
	}
	return is_stored ? name : NULL;
}

static bool has_generated(const struct rb_table *table)
{
	for (size_t i = 0; table && i < table->column_count; i++)
		if (table->columns[i].generated != RB_GENERATED_NO)
			return true;
	return false;
}

/* What the application is to run; SQLite must not meet an index that is wrong on its way. */
static int add_remedy(const char *name, const char *column, struct rb_buf *out, struct rb_err *err)
{
	const char *parts[] = {"REINDEX ", name,    column ? "; UPDATE " : NULL,
	                       name,       " SET ", column,
	                       " = ",      column,  "; REINDEX ",
	                       name};
	int rc = RB_OK;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && parts[i] && rc == RB_OK; i++)
		rc = i == 1 || i == 3 || i == 5 || i == 7 || i == 9
		             ? rb_sqlite_add_name(out, parts[i], err)
		             : rb_buf_adds(out, parts[i], err);
	return rc;
}

/* Tell of an object whose functions stand-ins served, if it is one. */
static int remark_functions(const struct step *step, const struct rb_object *object,
                            struct rb_err *err)
{
	const struct rb_table *table = rb_catalog_table(step->catalog, object->name);
	bool is_table = strcmp(object->kind, "table") == 0;
	struct rb_buf names = RB_BUF(SIZE_MAX / 4);
	struct rb_buf todo = RB_BUF(SIZE_MAX / 4);
	int rc = rb_sqlite_stood_in(step->target, object, &names, err);

	/* A CHECK is not asked here. */
	if (rc < 0 || names.len == 0 || (is_table && !has_generated(table)))
		goto out;
	if (is_table)
		rc = rb_sqlite_names_add(&step->target->hollow, object->name, err);
	if (rc == RB_OK)
		rc = add_remedy(object->name, is_table ? column_to_write(table) : NULL, &todo, err);
	if (rc == RB_OK)
		rc = rb_catalog_remark(step->remarks, object->name, false, err,
		                       "made without the application's own %s: run %s in the "
		                       "application before use",
		                       rb_buf_str(&names), rb_buf_str(&todo));
out:
	rb_buf_release(&names);
	rb_buf_release(&todo);
	return rc;
}

/* Run a definition, with stand-ins for functions where it cannot do without. */
static int run_definition(const struct step *step, const struct rb_object *object,
                          enum rb_sqlite_made *made, char *why, struct rb_err *err)
{
	struct rb_sqlite_target *target = step->target;
	bool is_table = strcmp(object->kind, "table") == 0;
	char reason[RB_ERR_MSG_SIZE];
	int rc;

	target->stands_in = true;
	rc = rb_sqlite_ddl_run(target, object, made, why, err);
	if (rc == RB_OK && *made == RB_SQLITE_NOT_MADE && is_table)
		rc = make_loosely(step, object, made, err);
	if (rc == RB_OK && *made == RB_SQLITE_NOT_MADE &&
	    (is_table || strcmp(object->kind, "index") == 0)) {
		memcpy(reason, why, sizeof(reason));
		rc = rb_sqlite_stand_in(target, object, made, reason, err);
	}
	target->stands_in = false;
	return rc;
}

static int handle_make(const struct step *step, const struct rb_object *object, struct rb_err *err)
{
	enum rb_sqlite_presence presence;
	enum rb_sqlite_made made;
	char why[RB_ERR_MSG_SIZE];
	int rc = rb_sqlite_find(step->target, object, &presence, err);

	if (rc < 0 || presence == RB_SQLITE_SAME)
		return rc;
	if (presence == RB_SQLITE_OTHER)
		return rb_err_set(err, RB_E_CONFLICT,
		                  "%s '%.200s' is there with another definition", object->kind,
		                  object->name);

	rc = run_definition(step, object, &made, why, err);
	if (rc < 0)
		return rc;
	if (made == RB_SQLITE_MADE_UNSERVED)
		return rb_catalog_remark(step->remarks, object->name, false, err,
		                         "only its definition was entered, it works where its "
		                         "module is: %s",
		                         why);
	/* A table whose rows the backup does not have may not have been readable then. */
	if (made == RB_SQLITE_NOT_MADE &&
	    (strcmp(object->kind, "table") != 0 || !rb_catalog_table(step->catalog, object->name)))
		return rb_catalog_remark(step->remarks, object->name, true, err,
		                         "this %s was not made: %s", object->kind, why);
	if (made == RB_SQLITE_NOT_MADE)
		return rb_err_set(err, RB_E_UNSUPPORTED, "cannot make table '%.200s': %.600s",
		                  object->name, why);
	rc = remark_functions(step, object, err);
	if (rc == RB_OK && rb_sqlite_is_virtual(object))
		rc = rb_sqlite_names_add(&step->target->made, object->name, err);
	if (rc == RB_OK && strcmp(object->kind, "table") == 0)
		rc = rb_sqlite_names_add(&step->target->written, object->name, err);
	return rc;
}

static int handle_storage(const struct step *step, const struct rb_object *object,
                          struct rb_err *err)
{
	enum rb_sqlite_presence presence;
	int rc = rb_sqlite_find(step->target, object, &presence, err);

	/* What a module made need not have the very text of the backup. */
	return rc < 0 || presence != RB_SQLITE_ABSENT ? rc : handle_make(step, object, err);
}

static int drop_all(const struct step *step, struct rb_err *err)
{
	static const select_fn order[] = {select_trigger, select_view, select_index, select_virtual,
	                                  select_table};
	int rc = RB_OK;

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]) && rc == RB_OK; i++)
		rc = for_each(step, order[i], handle_drop, err);
	return rc;
}

/* Whether a table of SQLite's own is to have rows. */
static bool wants_system(const struct step *step, const char *name)
{
	struct rb_object object = {.name = NULL};
	char copy[32];

	if (!rb_catalog_table(step->catalog, name))
		return false;
	snprintf(copy, sizeof(copy), "%s", name);
	object.name = copy;
	object.table = copy;
	return is_wanted(step, &object);
}

/* sqlite_stat1 cannot be created by name, but ANALYZE of nothing makes it. */
static int make_statistics(struct rb_sqlite_target *target, struct rb_err *err)
{
	int64_t count = 0;
	int rc = rb_sqlite_get_int(&target->conn,
	                           "SELECT count(*) FROM main.sqlite_schema"
	                           " WHERE type = 'table' AND name = 'sqlite_stat1'",
	                           &count, err);

	if (rc < 0 || count > 0)
		return rc;
	/* Some builds make a table of samples with it, which no backup has. */
	return rb_sqlite_exec(&target->conn,
	                      "ANALYZE main.sqlite_master;"
	                      "DROP TABLE IF EXISTS main.sqlite_stat4",
	                      err);
}

/* What can only be chosen before the first page, and was chosen otherwise here. */
static int compare_layout(const struct step *step, struct rb_err *err)
{
	static const char *const names[] = {"encoding", "page_size", "auto_vacuum"};
	char *have = NULL;
	char sql[64];
	int rc = RB_OK;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && rc == RB_OK; i++) {
		const char *want = rb_sqlite_setting(step->catalog, names[i]);

		if (!want)
			continue;
		snprintf(sql, sizeof(sql), "PRAGMA main.%s", names[i]);
		rc = rb_sqlite_get_text(&step->target->conn, sql, &have, err);
		if (rc == RB_OK && strcmp(have, want) != 0) {
			rc = rb_catalog_remark(step->remarks, names[i], false, err,
			                       "the database keeps %s, the backup has %s", have,
			                       want);
			if (i == 0)
				step->target->is_foreign_text = true;
		}
		free(have);
		have = NULL;
	}
	return rc;
}

static int make_tables(struct step *step, struct rb_err *err)
{
	int rc = rb_sqlite_target_start_blank(step->target, step->catalog, err);

	if (rc == RB_OK)
		rc = find_storage(step, err);
	if (rc == RB_OK && !step->only)
		rc = compare_layout(step, err);
	if (rc == RB_OK)
		rc = for_each(step, select_plain, handle_make, err);
	if (rc == RB_OK)
		rc = for_each(step, select_virtual, handle_make, err);
	if (rc == RB_OK)
		rc = for_each(step, select_storage, handle_storage, err);
	if (rc == RB_OK && wants_system(step, "sqlite_sequence"))
		rc = rb_sqlite_sequence_make(step->target, err);
	if (rc == RB_OK && wants_system(step, "sqlite_stat1"))
		rc = make_statistics(step->target, err);
	return rc;
}

static int apply_settings(const struct step *step, struct rb_err *err)
{
	static const char *const names[] = {"application_id", "user_version"};
	char sql[64];
	int64_t value;
	bool found;
	int rc = RB_OK;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && rc == RB_OK; i++) {
		rc = rb_sqlite_setting_int(step->catalog, names[i], INT32_MIN, INT32_MAX, &found,
		                           &value, err);
		if (rc < 0 || !found)
			continue;
		snprintf(sql, sizeof(sql), "PRAGMA main.%s = %" PRId64, names[i], value);
		rc = rb_sqlite_exec(&step->target->conn, sql, err);
	}
	return rc;
}

/* Tell of indexes that are in the order of a stand-in. */
static int remark_collations(const struct step *step, struct rb_err *err)
{
	struct rb_sqlite_target *target = step->target;
	sqlite3_stmt *stmt = NULL;
	int rc;

	rc = rb_sqlite_prepare(&target->conn,
	                       "SELECT DISTINCT x.coll FROM main.sqlite_schema AS m,"
	                       " pragma_index_list(m.name, 'main') AS l,"
	                       " pragma_index_xinfo(l.name, 'main') AS x"
	                       " WHERE m.type = 'table' AND m.rootpage > 0"
	                       " AND x.coll NOT IN ('BINARY', 'NOCASE', 'RTRIM')",
	                       &stmt, err);
	while (rc == RB_OK && (rc = rb_sqlite_step(&target->conn, stmt, err)) > 0) {
		const char *name = (const char *)sqlite3_column_text(stmt, 0);

		rc = RB_OK;
		if (name && rb_sqlite_names_have(&target->collations, name))
			rc = rb_catalog_remark(
			        step->remarks, name, false, err,
			        "this collation is the application's own: indexes are "
			        "in the order of bytes, run REINDEX \"%s\" in the "
			        "application before use",
			        name);
	}
	sqlite3_finalize(stmt);
	return rc;
}

static int make_rest(const struct step *step, struct rb_err *err)
{
	int rc = for_each(step, select_index, handle_make, err);

	/* A full-text table may have its content in a view. */
	if (rc == RB_OK)
		rc = for_each(step, select_view, handle_make, err);
	if (rc == RB_OK)
		rc = rb_sqlite_rebuild(step->target, step->remarks, err);
	if (rc == RB_OK)
		rc = for_each(step, select_trigger, handle_make, err);
	if (rc == RB_OK)
		rc = rb_sqlite_sequence_finish(step->target, err);
	if (rc == RB_OK && !step->only)
		rc = apply_settings(step, err);
	if (rc == RB_OK && step->target->collations.count > 0)
		rc = remark_collations(step, err);
	return rc;
}

int rb_sqlite_target_schema(struct rb_target *base, enum rb_schema_step which,
                            const struct rb_catalog *catalog, const char *const *only,
                            struct rb_catalog *remarks, struct rb_err *err)
{
	/* base is the first member of a target. */
	struct rb_sqlite_target *target = (struct rb_sqlite_target *)base;
	struct step step = {target, catalog, only, remarks, NULL};
	int *none = NULL;
	int rc = rb_sqlite_target_may_write(target, err);

	if (rc == RB_OK && target->rows.table)
		rc = rb_err_set(err, RB_E_USAGE, "table '%.200s' is still being written",
		                target->rows.table->name);
	if (rc < 0)
		return rc;
	sqlite3_db_config(target->conn.db, SQLITE_DBCONFIG_DEFENSIVE, 0, none);
	switch (which) {
	case RB_SCHEMA_DROP:
		rc = drop_all(&step, err);
		break;
	case RB_SCHEMA_TABLES:
		rc = make_tables(&step, err);
		break;
	case RB_SCHEMA_AFTER:
		rc = make_rest(&step, err);
		break;
	}
	free(step.is_storage);
	sqlite3_db_config(target->conn.db, SQLITE_DBCONFIG_DEFENSIVE, 1, none);
	return rc;
}
