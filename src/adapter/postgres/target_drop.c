/*
 * See target_priv.h: what drops an object.
 *
 * Names are taken from the statement that made it, which pg_dump wrote and the server read.
 * Nothing is dropped with CASCADE: what stands on it is to be dropped before, or is in the way.
 */
#include <stdlib.h>
#include <string.h>

#include "target_priv.h"

/* How a kind is dropped. */
enum how {
	HOW_NAME,       /* DROP VIEW name */
	HOW_INDEX,      /* DROP INDEX name, in the schema of its table */
	HOW_SIGNATURE,  /* DROP FUNCTION name(types) */
	HOW_ON_TABLE,   /* DROP TRIGGER name ON table */
	HOW_MEMBER,     /* ALTER PUBLICATION name DROP TABLE ONLY table */
	HOW_CONSTRAINT, /* ALTER TABLE table DROP CONSTRAINT name */
	HOW_PREFIX,     /* the statement up to a word, and another end */
	HOW_RIGHTS,     /* GRANT for REVOKE, and the other way round */
	HOW_NOTHING,    /* it goes with something else, or is overwritten */
};

static const struct drop {
	const char *kind;
	enum how how;
	const char *text; /* what is said for it */
	const char *word; /* behind which its name stands; HOW_PREFIX: with which to stop */
} drops[] = {
        {"acl", HOW_RIGHTS, NULL, NULL},
        {"aggregate", HOW_SIGNATURE, "AGGREGATE", "AGGREGATE"},
        {"check constraint", HOW_CONSTRAINT, NULL, "CONSTRAINT"},
        {"collation", HOW_NAME, "COLLATION", "COLLATION"},
        {"comment", HOW_PREFIX, "IS NULL", "IS"},
        {"constraint", HOW_CONSTRAINT, NULL, "CONSTRAINT"},
        {"default", HOW_PREFIX, "DROP DEFAULT", "SET"},
        {"default acl", HOW_RIGHTS, NULL, NULL},
        {"domain", HOW_NAME, "DOMAIN", "DOMAIN"},
        {"event trigger", HOW_NAME, "EVENT TRIGGER", "TRIGGER"},
        {"extension", HOW_NAME, "EXTENSION", "EXISTS"},
        {"fk constraint", HOW_CONSTRAINT, NULL, "CONSTRAINT"},
        {"foreign table", HOW_NAME, "FOREIGN TABLE", "TABLE"},
        {"function", HOW_SIGNATURE, "FUNCTION", "FUNCTION"},
        {"index", HOW_INDEX, "INDEX", "INDEX"},
        {"index attach", HOW_NOTHING, NULL, NULL},
        {"materialized view", HOW_NAME, "MATERIALIZED VIEW", "VIEW"},
        {RB_PG_VIEW_DATA, HOW_PREFIX, "WITH NO DATA", "WITH"},
        {"owner", HOW_NOTHING, NULL, NULL},
        {"policy", HOW_ON_TABLE, "POLICY", "POLICY"},
        {"procedure", HOW_SIGNATURE, "PROCEDURE", "PROCEDURE"},
        {"publication", HOW_NAME, "PUBLICATION", "PUBLICATION"},
        {RB_PG_MEMBER, HOW_MEMBER, "DROP TABLE ONLY ", "ONLY"},
        {"row security", HOW_PREFIX, "DISABLE ROW LEVEL SECURITY", "ENABLE"},
        {"rule", HOW_ON_TABLE, "RULE", "RULE"},
        {"schema", HOW_NAME, "SCHEMA", "SCHEMA"},
        {"sequence", HOW_NAME, "SEQUENCE", "SEQUENCE"},
        {"sequence owned by", HOW_PREFIX, "OWNED BY NONE", "OWNED"},
        {"statistics", HOW_NAME, "STATISTICS", "STATISTICS"},
        {"table", HOW_NAME, "TABLE", "TABLE"},
        {"table attach", HOW_NOTHING, NULL, NULL},
        {"trigger", HOW_ON_TABLE, "TRIGGER", "TRIGGER"},
        {"type", HOW_NAME, "TYPE", "TYPE"},
        {"view", HOW_NAME, "VIEW", "VIEW"},
};

bool rb_pg_word_behind(const char *sql, const char *word, struct rb_pg_token *out)
{
	struct rb_pg_lexer lexer = {sql, sql + strlen(sql), sql};
	bool found = false;

	while ((*out = rb_pg_lex(&lexer)).kind != RB_PG_TOKEN_END) {
		if (found)
			return out->kind == RB_PG_TOKEN_WORD;
		found = rb_pg_token_is(out, word);
	}
	return false;
}

/* Append a statement up to, and without, a word, and another end. */
static bool add_prefix(const char *sql, const char *word, const char *end, struct rb_buf *out,
                       int *rc, struct rb_err *err)
{
	struct rb_pg_lexer lexer = {sql, sql + strlen(sql), sql};
	struct rb_pg_token token;

	while ((token = rb_pg_lex(&lexer)).kind != RB_PG_TOKEN_END) {
		if (!rb_pg_token_is(&token, word))
			continue;
		*rc = rb_buf_add(out, sql, (size_t)(token.text - sql), err);
		if (*rc == RB_OK)
			*rc = rb_buf_adds(out, end, err);
		return true;
	}
	return false;
}

const char *rb_pg_signature(const struct rb_object *object)
{
	const char *at = object->name + strlen(object->name);
	size_t depth = 0;

	while (at > object->name) {
		at--;
		if (*at == ')')
			depth++;
		if (*at == '(' && --depth == 0)
			return at;
		if (depth == 0)
			break;
	}
	return NULL;
}

static int unsupported(const struct rb_object *object, struct rb_err *err)
{
	rb_err_set(err, RB_E_UNSUPPORTED, "%s '%.200s' would have to be dropped", object->kind,
	           object->name);
	rb_err_hint(err, "drop it, or restore into another database with --to");
	return RB_E_UNSUPPORTED;
}

/*
 * An identity is a sequence to pg_dump, and rules of views are the views.  Of the schema public it
 * says only what is otherwise than in a new database.
 *
 * source: PostgreSQL, pg_dump.c, getNamespaces(), dumpNamespace(); since 15 the owner is a role
 */
static const struct drop *special(const struct rb_object *object)
{
	static const char public_comment[] = "COMMENT ON SCHEMA public IS ";
	static const struct drop comment = {"comment", HOW_PREFIX, "IS 'standard public schema'",
	                                    "IS"};
	static const struct drop owner = {"owner", HOW_PREFIX, "OWNER TO pg_database_owner",
	                                  "OWNER"};
	static const struct drop identity = {"sequence", HOW_PREFIX, "DROP IDENTITY", "ADD"};
	static const struct drop nothing = {"rule", HOW_NOTHING, NULL, NULL};

	if (strcmp(object->kind, "sequence") == 0 &&
	    strncmp(object->sql, "ALTER TABLE", strlen("ALTER TABLE")) == 0)
		return &identity;
	if (strcmp(object->kind, "rule") == 0 && !strstr(object->sql, "CREATE RULE"))
		return &nothing;
	/* The schema itself, where its owner is another one. */
	if (!*object->sql)
		return &nothing;
	if (strcmp(object->kind, "owner") == 0 && strcmp(object->name, "schema public") == 0)
		return &owner;
	if (strcmp(object->kind, "comment") == 0 &&
	    strncmp(object->sql, public_comment, sizeof(public_comment) - 1) == 0)
		return &comment;
	return NULL;
}

static const struct drop *find(const struct rb_object *object)
{
	const struct drop *found = special(object);

	for (size_t i = 0; !found && i < sizeof(drops) / sizeof(drops[0]); i++)
		if (strcmp(drops[i].kind, object->kind) == 0)
			found = &drops[i];
	return found;
}

static int add_index(const struct rb_object *object, const struct rb_pg_token *name,
                     struct rb_buf *sql, struct rb_err *err)
{
	char *schema = NULL;
	char *table = NULL;
	int rc = rb_pg_split_name(object->table, &schema, &table, err);

	if (rc == RB_OK)
		rc = rb_buf_adds(sql, "DROP INDEX ", err);
	if (rc == RB_OK)
		rc = rb_pg_add_name(sql, schema, err);
	if (rc == RB_OK)
		rc = rb_buf_addf(sql, err, ".%.*s", (int)name->len, name->text);
	free(schema);
	free(table);
	return rc;
}

static int add_constraint(const struct rb_object *object, const struct rb_pg_token *name,
                          struct rb_buf *sql, struct rb_err *err)
{
	int rc = rb_buf_adds(sql, "ALTER TABLE ", err);

	if (rc == RB_OK)
		rc = rb_pg_add_table(sql, object->table, err);
	return rc < 0 ? rc
	              : rb_buf_addf(sql, err, " DROP CONSTRAINT %.*s", (int)name->len, name->text);
}

int rb_pg_add_drop(const struct rb_object *object, struct rb_buf *sql, struct rb_err *err)
{
	const struct drop *drop = find(object);
	const char *signature = rb_pg_signature(object);
	struct rb_pg_token name = {.kind = RB_PG_TOKEN_END};
	int rc = RB_OK;

	if (!drop)
		return unsupported(object, err);
	if (drop->how == HOW_NOTHING)
		return RB_OK;
	if (drop->how == HOW_RIGHTS) {
		rc = rb_pg_add_opposite(object->sql, sql, err);
		return rc == RB_E_UNSUPPORTED ? unsupported(object, err) : rc;
	}
	if (drop->how == HOW_PREFIX)
		return add_prefix(object->sql, drop->word, drop->text, sql, &rc, err)
		               ? rc
		               : unsupported(object, err);
	if (!rb_pg_word_behind(object->sql, drop->word, &name) ||
	    (drop->how == HOW_SIGNATURE && !signature))
		return unsupported(object, err);
	if (drop->how == HOW_CONSTRAINT)
		return add_constraint(object, &name, sql, err);
	if (drop->how == HOW_MEMBER && !add_prefix(object->sql, "ADD", drop->text, sql, &rc, err))
		return unsupported(object, err);
	if (drop->how == HOW_MEMBER)
		return rc < 0 ? rc : rb_buf_add(sql, name.text, name.len, err);
	if (drop->how == HOW_INDEX)
		return add_index(object, &name, sql, err);
	rc = rb_buf_addf(sql, err, "DROP %s %.*s%s", drop->text, (int)name.len, name.text,
	                 drop->how == HOW_SIGNATURE ? signature : "");
	if (rc == RB_OK && drop->how == HOW_ON_TABLE)
		rc = rb_buf_adds(sql, " ON ", err);
	if (rc == RB_OK && drop->how == HOW_ON_TABLE)
		rc = rb_pg_add_table(sql, object->table, err);
	return rc;
}

/* Where the statement that makes a function says what REPLACE may change; NULL: it is none. */
static const char *changeable(const struct rb_object *object)
{
	static const char *const begins[] = {"CREATE FUNCTION ", "CREATE PROCEDURE "};

	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
		if (strncmp(object->sql, begins[i], strlen(begins[i])) == 0)
			return strstr(object->sql, "\n    LANGUAGE ");
	return NULL;
}

bool rb_pg_target_overwrites(const struct rb_object *there, const struct rb_object *wanted)
{
	const char *old_end = changeable(there);
	const char *new_end = changeable(wanted);

	/* Names of arguments, their defaults, and what is returned. */
	return old_end && new_end && old_end - there->sql == new_end - wanted->sql &&
	       memcmp(there->sql, wanted->sql, (size_t)(old_end - there->sql)) == 0;
}

int rb_pg_add_overwrite(const struct rb_object *there, const struct rb_object *wanted,
                        struct rb_buf *sql, struct rb_err *err)
{
	if (!rb_pg_target_overwrites(there, wanted))
		return RB_E_UNSUPPORTED;
	return rb_buf_addf(sql, err, "CREATE OR REPLACE%s", wanted->sql + strlen("CREATE"));
}
