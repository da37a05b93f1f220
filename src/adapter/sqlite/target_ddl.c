/*
 * See target_priv.h: running one definition out of a backup.
 *
 * A store may come from anywhere, so a definition is outside data that is about to be run
 * as SQL.  SQLite's authorizer sees what a statement would do while it is compiled, before
 * anything is done: it must make the one object that the backup says, of that kind and
 * name, and nothing else.  Modules of virtual tables run statements of their own when they
 * make their storage; those may touch tables that begin with the virtual table's name.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "target_priv.h"

/* What is being done with a definition. */
enum phase {
	COMPILING, /* the definition itself */
	RUNNING,   /* what its virtual table's module does */
	OURS,      /* statements of this file */
};

/* What a definition may do. */
struct guard {
	const struct rb_object *object;
	enum phase phase;
	bool makes_object;     /* the object itself was asked for */
	char module[128];      /* of a virtual table; "" for others */
	const char *forbidden; /* what else it wanted; NULL: nothing */
};

/* sqlite_schema goes by its old name here. */
static bool is_schema(const char *table)
{
	return table && strcasecmp(table, "sqlite_master") == 0;
}

static bool equals(const char *a, const char *b)
{
	return a && strcmp(a, b) == 0;
}

static bool starts_with(const char *text, const char *start)
{
	return text && strncasecmp(text, start, strlen(start)) == 0;
}

/* Whether a table is storage that the virtual table's module makes: "docs_data". */
static bool is_own_storage(const struct guard *guard, const char *table)
{
	const char *name = guard->object->name;

	return starts_with(table, name) && table[strlen(name)] == '_';
}

/* The index behind a PRIMARY KEY or UNIQUE of a table. */
static bool is_automatic_index(const char *index)
{
	return starts_with(index, "sqlite_autoindex_");
}

/* Functions that reach outside the database; SQLite guards them, too. */
static bool is_harmless(const char *function)
{
	static const char *const outside[] = {"load_extension", "fts3_tokenizer", "readfile",
	                                      "writefile",      "edit",           "zipfile"};

	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
		if (function && strcasecmp(function, outside[i]) == 0)
			return false;
	return true;
}

/* Compiling: the statement itself. */
static bool may_compile(struct guard *guard, int action, const char *a, const char *b)
{
	const struct rb_object *object = guard->object;
	const char *kind = object->kind;
	bool is_it = false;

	switch (action) {
	case SQLITE_INSERT:
	case SQLITE_UPDATE:
	case SQLITE_DELETE:
	case SQLITE_READ:
		/* A partial index or a generated column reads the table itself. */
		return is_schema(a) || (action == SQLITE_READ && equals(a, object->table));
	case SQLITE_FUNCTION:
		return is_harmless(b);
	case SQLITE_REINDEX:
		return equals(a, object->name);
	case SQLITE_CREATE_TABLE:
		if (equals(a, "sqlite_sequence") && strcmp(kind, "table") == 0)
			return true;
		is_it = strcmp(kind, "table") == 0 && equals(a, object->name);
		break;
	case SQLITE_CREATE_VTABLE:
		is_it = strcmp(kind, "table") == 0 && equals(a, object->name);
		snprintf(guard->module, sizeof(guard->module), "%s", b ? b : "");
		break;
	case SQLITE_CREATE_INDEX:
		if (is_automatic_index(a) && strcmp(kind, "table") == 0)
			return equals(b, object->name);
		is_it = strcmp(kind, "index") == 0 && equals(a, object->name) && b &&
		        strcasecmp(b, object->table) == 0;
		break;
	case SQLITE_CREATE_VIEW:
		is_it = strcmp(kind, "view") == 0 && equals(a, object->name);
		break;
	case SQLITE_CREATE_TRIGGER:
		is_it = strcmp(kind, "trigger") == 0 && equals(a, object->name) && b &&
		        strcasecmp(b, object->table) == 0;
		break;
	default:
		return false;
	}
	guard->makes_object |= is_it;
	return is_it;
}

/* Running: what a module does to make its storage. */
static bool may_run(const struct guard *guard, int action, const char *a, const char *b)
{
	if (!guard->module[0])
		return false;
	switch (action) {
	case SQLITE_READ:
	case SQLITE_SELECT:
		return true;
	case SQLITE_FUNCTION:
		return is_harmless(b);
	case SQLITE_INSERT:
	case SQLITE_UPDATE:
	case SQLITE_DELETE:
		return is_schema(a) || is_own_storage(guard, a);
	case SQLITE_CREATE_TABLE:
	case SQLITE_DROP_TABLE:
		return is_own_storage(guard, a);
	case SQLITE_CREATE_INDEX:
		return is_automatic_index(a) && is_own_storage(guard, b);
	case SQLITE_PRAGMA:
		/* page_size and data_version, read but not set */
		return !b;
	default:
		return false;
	}
}

static int authorize(void *ctx, int action, const char *a, const char *b, const char *database,
                     const char *inner)
{
	struct guard *guard = ctx;
	bool is_allowed;

	(void)inner;
	if (guard->phase == OURS)
		is_allowed = true;
	else if (database && strcmp(database, "main") != 0)
		is_allowed = false;
	else if (guard->phase == RUNNING)
		is_allowed = may_run(guard, action, a, b);
	else
		is_allowed = may_compile(guard, action, a, b);
	if (is_allowed)
		return SQLITE_OK;
	if (guard->forbidden)
		return SQLITE_DENY;
	guard->forbidden = action == SQLITE_ATTACH     ? "ATTACH"
	                   : action == SQLITE_PRAGMA   ? "PRAGMA"
	                   : action == SQLITE_SELECT   ? "SELECT"
	                   : action == SQLITE_FUNCTION ? "a function that reaches outside"
	                                               : "another object";
	return SQLITE_DENY;
}

static int refuse(const struct guard *guard, struct rb_err *err)
{
	const struct rb_object *object = guard->object;

	rb_err_set(err, RB_E_FORMAT,
	           "the definition of %s '%.200s' is not one CREATE statement for it%s%s",
	           object->kind, object->name, guard->forbidden ? ": it asks for " : "",
	           guard->forbidden ? guard->forbidden : "");
	return rb_err_hint(err, "the backup was not written by rowback, or was changed: nothing of "
	                        "this definition was run");
}

static void keep_reason(struct rb_sqlite_target *target, char *why)
{
	snprintf(why, RB_ERR_MSG_SIZE, "%s", sqlite3_errmsg(target->conn.db));
}

/*
 * Compile under the guard.
 *
 * returns 0 with *out NULL, and the reason in why, when SQLite cannot compile it here
 */
static int compile(struct rb_sqlite_target *target, struct guard *guard, sqlite3_stmt **out,
                   char *why, struct rb_err *err)
{
	sqlite3 *db = target->conn.db;
	const char *tail = NULL;
	int code = sqlite3_prepare_v2(db, guard->object->sql, -1, out, &tail);

	if (guard->forbidden)
		return refuse(guard, err);
	if ((code & 0xff) == SQLITE_ERROR) {
		keep_reason(target, why);
		return RB_OK;
	}
	if (code != SQLITE_OK)
		return rb_sqlite_fail(&target->conn, code, err, "cannot make %s '%.200s'",
		                      guard->object->kind, guard->object->name);
	/* IF NOT EXISTS compiles to nothing, and so does an empty text. */
	if (!*out || !guard->makes_object || tail[strspn(tail, " \t\r\n\f")])
		return refuse(guard, err);
	return RB_OK;
}

int rb_sqlite_has(struct rb_sqlite_target *target, const char *list, const char *name, bool *out,
                  struct rb_err *err)
{
	sqlite3_stmt *stmt = NULL;
	int code = SQLITE_OK;
	char sql[96];
	int rc;

	snprintf(sql, sizeof(sql), "SELECT 1 FROM pragma_%s WHERE name = ?1 COLLATE NOCASE", list);
	rc = rb_sqlite_prepare(&target->conn, sql, &stmt, err);
	if (rc == RB_OK)
		code = sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	if (code != SQLITE_OK)
		rc = rb_sqlite_fail(&target->conn, code, err, "'%.100s' of %s", name, list);
	if (rc == RB_OK)
		rc = rb_sqlite_step(&target->conn, stmt, err);
	*out = rc > 0;
	sqlite3_finalize(stmt);
	return rc < 0 ? rc : RB_OK;
}

int rb_sqlite_has_module(struct rb_sqlite_target *target, const char *module, bool *out,
                         struct rb_err *err)
{
	return rb_sqlite_has(target, "module_list", module, out, err);
}

/* A savepoint makes full-text tables write what they hold back in memory. */
static int flush(struct rb_sqlite_target *target, struct rb_err *err)
{
	return rb_sqlite_exec(&target->conn, "SAVEPOINT rowback; RELEASE rowback", err);
}

int rb_sqlite_schema_write(struct rb_sqlite_target *target, const char *sql, int count,
                           const char *const *texts, struct rb_err *err)
{
	sqlite3_stmt *stmt = NULL;
	int code = SQLITE_OK;
	int reset;
	int rc;

	/* Forgetting the schema takes full-text tables from their objects in memory. */
	rc = flush(target, err);
	if (rc == RB_OK)
		rc = rb_sqlite_exec(&target->conn, "PRAGMA writable_schema = ON", err);
	if (rc == RB_OK)
		rc = rb_sqlite_prepare(&target->conn, sql, &stmt, err);
	for (int i = 0; i < count && rc == RB_OK && code == SQLITE_OK; i++)
		code = sqlite3_bind_text(stmt, i + 1, texts[i], -1, SQLITE_STATIC);
	if (rc == RB_OK && code != SQLITE_OK)
		rc = rb_sqlite_fail(&target->conn, code, err, "cannot write the schema");
	if (rc == RB_OK)
		rc = rb_sqlite_step(&target->conn, stmt, err);
	sqlite3_finalize(stmt);
	/* RESET also forgets the schema as it was read before. */
	reset = rb_sqlite_exec(&target->conn, "PRAGMA writable_schema = RESET",
	                       rc < 0 ? NULL : err);
	return rc < 0 ? rc : reset;
}

/* A virtual table whose module is not there is entered as text, as the sqlite3 shell does. */
static int enter_unserved(struct rb_sqlite_target *target, const struct rb_object *object,
                          struct rb_err *err)
{
	const char *texts[] = {object->name, object->sql};

	return rb_sqlite_schema_write(target,
	                              "INSERT INTO main.sqlite_schema"
	                              "(type, name, tbl_name, rootpage, sql)"
	                              " VALUES('table', ?1, ?1, 0, ?2)",
	                              2, texts, err);
}

/* Run a compiled definition. */
static int run(struct rb_sqlite_target *target, struct guard *guard, sqlite3_stmt *stmt,
               enum rb_sqlite_made *made, char *why, struct rb_err *err)
{
	int code;

	guard->phase = RUNNING;
	code = sqlite3_step(stmt);
	guard->phase = OURS;
	if (guard->forbidden)
		return refuse(guard, err);
	if (code == SQLITE_DONE) {
		*made = RB_SQLITE_MADE;
		return RB_OK;
	}
	if ((code & 0xff) == SQLITE_ERROR) {
		keep_reason(target, why);
		*made = RB_SQLITE_NOT_MADE;
		return RB_OK;
	}
	return rb_sqlite_fail(&target->conn, code, err, "cannot make %s '%.200s'",
	                      guard->object->kind, guard->object->name);
}

int rb_sqlite_ddl_run(struct rb_sqlite_target *target, const struct rb_object *object,
                      enum rb_sqlite_made *made, char *why, struct rb_err *err)
{
	struct guard guard = {.object = object};
	sqlite3_stmt *stmt = NULL;
	bool is_served = true;
	int rc;

	*made = RB_SQLITE_NOT_MADE;
	why[0] = '\0';
	/* Or another table's module would do that under the guard. */
	rc = flush(target, err);
	if (rc < 0)
		return rc;
	/* One authorizer all the way: setting another makes SQLite compile anew. */
	sqlite3_set_authorizer(target->conn.db, authorize, &guard);
	rc = compile(target, &guard, &stmt, why, err);
	guard.phase = OURS;
	if (rc < 0 || !stmt)
		goto out;

	if (guard.module[0])
		rc = rb_sqlite_has_module(target, guard.module, &is_served, err);
	if (rc < 0)
		goto out;
	if (is_served)
		rc = run(target, &guard, stmt, made, why, err);
	else
		snprintf(why, RB_ERR_MSG_SIZE, "no such module: %s", guard.module);
	/* A module that is there may still not know the arguments (a tokenizer). */
	if (rc == RB_OK && guard.module[0] && *made == RB_SQLITE_NOT_MADE) {
		sqlite3_finalize(stmt);
		stmt = NULL;
		rc = enter_unserved(target, object, err);
		*made = RB_SQLITE_MADE_UNSERVED;
	}
out:
	sqlite3_finalize(stmt);
	sqlite3_set_authorizer(target->conn.db, NULL, NULL);
	return rc;
}
