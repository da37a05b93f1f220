/*
 * See target_priv.h: functions that only the application has.
 *
 * A generated column, an index over an expression and a partial index cannot be made where
 * a function they use is missing.  So one that gives NULL stands in for it, under which the
 * table's own values are stored as they are; what is generated is empty until the
 * application has written it anew, and that is said of each object.
 *
 * The stand-in serves what is made in this run only.  An index that was there before holds
 * what the true function gave, and entries by another one would damage it: there the
 * stand-in fails, and with it the restore.
 */
#include <stdlib.h>
#include <string.h>

#include "target_priv.h"

static void stand_in(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	const struct rb_sqlite_target *target = sqlite3_user_data(ctx);

	(void)argc;
	(void)argv;
	if (target->stands_in)
		sqlite3_result_null(ctx);
	else
		sqlite3_result_error(ctx, "a function of the application's is not here", -1);
}

/* Make a stand-in known to SQLite, or take it away again. */
static int set_function(struct rb_sqlite_target *target, const char *name, bool is_known,
                        struct rb_err *err)
{
	int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
	int code = sqlite3_create_function_v2(target->conn.db, name, -1, flags, target,
	                                      is_known ? stand_in : NULL, NULL, NULL, NULL);

	return code == SQLITE_OK
	               ? RB_OK
	               : rb_sqlite_fail(&target->conn, code, err, "function '%.100s'", name);
}

/*
 * The next word that may be the name of a function: one before a bracket, which may be a
 * type's as well, or an operator that is served by a function of its name.
 *
 * returns  false at the end
 */
static bool next_name(const char **p, struct rb_sqlite_token *before, struct rb_sqlite_token *out)
{
	for (;;) {
		struct rb_sqlite_token token = rb_sqlite_next_token(p);
		bool is_operator = rb_sqlite_is_keyword(token, "REGEXP") ||
		                   rb_sqlite_is_keyword(token, "MATCH");
		bool is_call = token.len == 1 && *token.at == '(' && before->len > 0;

		*out = is_call ? *before : token;
		*before = token;
		if (token.len == 0)
			return false;
		if (is_call || is_operator)
			return true;
	}
}

/* Append a name to a list in words. */
static int add_in_words(struct rb_buf *names, const char *name, struct rb_err *err)
{
	return rb_buf_addf(names, err, "%s%.100s()", names->len > 0 ? ", " : "", name);
}

/* Try a definition with one more stand-in; keep that when it was what was missing. */
static int try_name(struct rb_sqlite_target *target, const struct rb_object *object,
                    const char *name, enum rb_sqlite_made *made, char *why, struct rb_err *err)
{
	char before[RB_ERR_MSG_SIZE];
	bool is_known = false;
	int rc = rb_sqlite_has(target, "function_list", name, &is_known, err);

	if (rc < 0 || is_known)
		return rc;
	memcpy(before, why, sizeof(before));
	rc = set_function(target, name, true, err);
	if (rc == RB_OK)
		rc = rb_sqlite_ddl_run(target, object, made, why, err);
	if (rc < 0)
		return rc;
	if (*made == RB_SQLITE_NOT_MADE && strcmp(before, why) == 0)
		return set_function(target, name, false, err);
	return rb_sqlite_names_add(&target->functions, name, err);
}

/* Try every name of a definition once. */
static int try_names(struct rb_sqlite_target *target, const struct rb_object *object,
                     enum rb_sqlite_made *made, char *why, struct rb_err *err)
{
	const char *p = object->sql;
	struct rb_sqlite_token before = {.len = 0};
	struct rb_sqlite_token token;
	int rc = RB_OK;

	while (rc == RB_OK && *made == RB_SQLITE_NOT_MADE && next_name(&p, &before, &token)) {
		char *name = rb_sqlite_unquote(token);

		if (!name)
			return rb_err_set(err, RB_E_NOMEM, "no memory to make the schema");
		if (*name)
			rc = try_name(target, object, name, made, why, err);
		free(name);
	}
	return rc;
}

int rb_sqlite_stand_in(struct rb_sqlite_target *target, const struct rb_object *object,
                       enum rb_sqlite_made *made, char *why, struct rb_err *err)
{
	size_t before;
	int rc;

	/* SQLite complains of one function at a time, in an order of its own. */
	do {
		before = target->functions.count;
		rc = try_names(target, object, made, why, err);
	} while (rc == RB_OK && *made == RB_SQLITE_NOT_MADE && target->functions.count > before);
	return rc;
}

int rb_sqlite_stood_in(const struct rb_sqlite_target *target, const struct rb_object *object,
                       struct rb_buf *names, struct rb_err *err)
{
	const char *p = object->sql;
	struct rb_sqlite_token before = {.len = 0};
	struct rb_sqlite_names seen = {0};
	struct rb_sqlite_token token;
	int rc = RB_OK;

	while (rc == RB_OK && target->functions.count > 0 && next_name(&p, &before, &token)) {
		char *name = rb_sqlite_unquote(token);

		if (!name)
			rc = rb_err_set(err, RB_E_NOMEM, "no memory to make the schema");
		else if (rb_sqlite_names_have(&target->functions, name) &&
		         !rb_sqlite_names_have(&seen, name))
			rc = rb_sqlite_names_add(&seen, name, err);
		free(name);
	}
	for (size_t i = 0; i < seen.count && rc == RB_OK; i++)
		rc = add_in_words(names, seen.names[i], err);
	rb_sqlite_names_release(&seen);
	return rc;
}
