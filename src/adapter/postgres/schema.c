/*
 * See schema_priv.h: pg_dump's text, cut into objects and put together again.
 *
 * pg_dump writes three lines in front of each object:
 *
 *	--
 *	-- Name: orders; Type: TABLE; Schema: public; Owner: shop
 *	--
 *
 * The same lines may stand in the body of a function, so they count outside of quotes only.
 * Line ends in names are blanks there, and names may hold "; Type: ": what a table is called
 * is read from its definition.  Lines of pg_dump itself (versions, \restrict and its random
 * key, settings) stand before the first object, behind the last one, or are statements SET.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/base/map.h"
#include "schema_priv.h"

#define NAME_MAX_BYTES ((size_t)64 << 10)

/* What pg_dump's header says of an object. */
struct header {
	struct rb_bytes name;
	struct rb_bytes type;
	struct rb_bytes schema;
};

/* One pass over a dump. */
struct splitter {
	struct rb_catalog *catalog;
	size_t room;                 /* objects that there is room for */
	struct rb_map *names;        /* "kind\0name" of all objects */
	struct header header;        /* of the object that is being read */
	bool has_header;             /* there is one */
	struct rb_bytes body;        /* its statements, without the one about its owner */
	struct rb_bytes owner;       /* that one */
	struct rb_bytes method;      /* the access method of its table */
	struct rb_bytes next_method; /* what the last SET said: it stands in front of a header */
	const char *statement;       /* where the statement begins; NULL: not yet */
	struct rb_pg_token first;    /* its first two words */
	struct rb_pg_token second;
	size_t words;        /* tokens in it */
	bool is_owner;       /* it says OWNER TO */
	bool was_owner_word; /* the token before was OWNER */
	char *last_table;    /* the table of the object before: comments follow what they are about
	                      */
};

/* Kinds, and the word behind which they name their table. */
static const struct {
	const char *kind;
	const char *word;
} table_words[] = {
        {"acl", "TABLE"},      {"check constraint", "TABLE"}, {"constraint", "TABLE"},
        {"default", "TABLE"},  {"fk constraint", "TABLE"},    {"index", "ON"},
        {"policy", "ON"},      {"row security", "TABLE"},     {"rule", "TO"},
        {"sequence", "TABLE"}, {"statistics", "FROM"},        {"table attach", "PARTITION"},
        {"trigger", "ON"},
};

static const char *const post_data[] = {
        "check constraint",
        "constraint",
        "event trigger",
        "fk constraint",
        "index",
        "index attach",
        RB_PG_VIEW_DATA,
        "policy",
        "publication",
        "publication table",
        "publication tables in schema",
        "row security",
        "rule",
        "statistics",
        "subscription",
        "subscription table",
        "trigger",
};

bool rb_pg_is_post_data(const char *kind)
{
	for (size_t i = 0; i < sizeof(post_data) / sizeof(post_data[0]); i++)
		if (strcmp(post_data[i], kind) == 0)
			return true;
	return false;
}

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory to read a schema");
}

static bool equals(const struct rb_bytes *bytes, const char *text)
{
	return bytes->len == strlen(text) && memcmp(bytes->data, text, bytes->len) == 0;
}

static bool begins(const struct rb_pg_token *token, const char *text)
{
	return token->len >= strlen(text) && memcmp(token->text, text, strlen(text)) == 0;
}

/* The last place where a mark stands in a text; NULL: nowhere. */
static const char *find_last(const char *text, size_t len, const char *mark)
{
	size_t mark_len = strlen(mark);

	for (size_t at = len; at >= mark_len; at--)
		if (memcmp(text + at - mark_len, mark, mark_len) == 0)
			return text + at - mark_len;
	return NULL;
}

/* Take what stands behind the last mark off the end of a text. */
static bool take_last(const char *text, size_t *len, const char *mark, struct rb_bytes *out)
{
	const char *at = find_last(text, *len, mark);

	if (!at)
		return false;
	out->data = at + strlen(mark);
	out->len = (size_t)(text + *len - out->data);
	*len = (size_t)(at - text);
	return true;
}

/* "-- Name: orders; Type: TABLE; Schema: public; Owner: shop" */
static bool read_header(const struct rb_pg_token *line, struct header *out)
{
	static const char name[] = "-- Name: ";
	struct rb_bytes owner;
	size_t len = line->len;

	if (!begins(line, name) || !take_last(line->text, &len, "; Owner: ", &owner) ||
	    !take_last(line->text, &len, "; Schema: ", &out->schema) ||
	    !take_last(line->text, &len, "; Type: ", &out->type) || len < sizeof(name) - 1)
		return false;
	out->name.data = line->text + sizeof(name) - 1;
	out->name.len = len - (sizeof(name) - 1);
	return out->type.len > 0;
}

/* The next name in a statement, behind a word: "ALTER TABLE ONLY public.t" has it behind TABLE. */
static bool name_behind(const struct rb_bytes *sql, const char *word, struct rb_pg_token *out)
{
	struct rb_pg_lexer lexer = {sql->data, sql->data + sql->len, sql->data};
	size_t depth = 0;
	bool found = false;

	while ((*out = rb_pg_lex(&lexer)).kind != RB_PG_TOKEN_END) {
		if (found && !rb_pg_token_is(out, "ONLY"))
			return out->kind == RB_PG_TOKEN_WORD;
		depth += begins(out, "(") ? 1 : 0;
		depth -= begins(out, ")") && depth > 0 ? 1 : 0;
		found |= depth == 0 && rb_pg_token_is(out, word);
	}
	return false;
}

/* The name that CREATE TABLE gives, and those like it. */
static bool name_of_relation(const char *kind, const struct rb_bytes *sql, struct rb_pg_token *out)
{
	static const char *const kinds[][2] = {{"foreign table", "TABLE"},
	                                       {"materialized view", "VIEW"},
	                                       {"sequence", "SEQUENCE"},
	                                       {"table", "TABLE"},
	                                       {"view", "VIEW"}};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i][0], kind) == 0)
			return name_behind(sql, kinds[i][1], out);
	return false;
}

static int copy_kind(const struct rb_bytes *type, char **out, struct rb_err *err)
{
	char *kind = strndup(type->data, type->len);

	if (!kind)
		return no_memory(err);
	for (char *c = kind; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	*out = kind;
	return RB_OK;
}

static int detach(struct rb_buf *buf, char **out, struct rb_err *err)
{
	*out = rb_buf_detach(buf);
	return *out ? RB_OK : no_memory(err);
}

/* Two objects of one kind never have one name: the second is called "NAME #2". */
static int make_unique(struct splitter *split, const char *kind, struct rb_buf *name,
                       struct rb_err *err)
{
	struct rb_buf key = RB_BUF(RB_PG_SCHEMA_MAX);
	size_t plain_len = 0;
	size_t count = 1;
	int rc = rb_buf_add(&key, kind, strlen(kind) + 1, err);

	if (rc == RB_OK)
		rc = rb_buf_adds(&key, rb_buf_str(name), err);
	plain_len = key.len;
	while (rc == RB_OK && rb_map_get(split->names, key.data, key.len)) {
		key.len = plain_len;
		rc = rb_buf_addf(&key, err, " #%zu", ++count);
	}
	if (rc == RB_OK)
		rc = rb_map_put(split->names, key.data, key.len, NULL, err);
	if (rc == RB_OK && count > 1)
		rc = rb_buf_addf(name, err, " #%zu", count);
	rb_buf_release(&key);
	return rc;
}

static int add_schema(struct rb_buf *out, const struct rb_bytes *schema, struct rb_err *err)
{
	char *name = strndup(schema->data, schema->len);
	int rc = name ? rb_pg_add_shown(out, name, err) : no_memory(err);

	free(name);
	return rc;
}

static int name_object(struct splitter *split, const char *kind, char **out, struct rb_err *err)
{
	const struct header *header = &split->header;
	struct rb_buf name = RB_BUF(RB_PG_SCHEMA_MAX);
	struct rb_pg_token word;
	int rc = RB_OK;

	if (name_of_relation(kind, &split->body, &word)) {
		rc = rb_pg_add_word(&name, &word, err);
	} else {
		if (!equals(&header->schema, "-"))
			rc = add_schema(&name, &header->schema, err);
		if (rc == RB_OK && name.len > 0)
			rc = rb_buf_adds(&name, ".", err);
		if (rc == RB_OK)
			rc = rb_buf_add(&name, header->name.data, header->name.len, err);
	}
	if (rc == RB_OK)
		rc = make_unique(split, kind, &name, err);
	if (rc == RB_OK)
		rc = detach(&name, out, err);
	rb_buf_release(&name);
	return rc;
}

/* The table that an object belongs to, or its own name. */
static int find_table(struct splitter *split, const struct rb_object *object, char **out,
                      struct rb_err *err)
{
	struct rb_buf table = RB_BUF(RB_PG_SCHEMA_MAX);
	const char *word = NULL;
	struct rb_pg_token name;
	int rc;

	if (strcmp(object->kind, "comment") == 0 || strcmp(object->kind, "security label") == 0)
		rc = rb_buf_adds(&table, split->last_table ? split->last_table : object->name, err);
	else {
		for (size_t i = 0; i < sizeof(table_words) / sizeof(table_words[0]); i++)
			if (strcmp(table_words[i].kind, object->kind) == 0)
				word = table_words[i].word;
		rc = word && name_behind(&split->body, word, &name)
		             ? rb_pg_add_word(&table, &name, err)
		             : rb_buf_adds(&table, object->name, err);
	}
	if (rc == RB_OK)
		rc = detach(&table, out, err);
	rb_buf_release(&table);
	return rc;
}

/* Room for one more object, all NULL. */
static int new_object(struct splitter *split, struct rb_object **out, struct rb_err *err)
{
	struct rb_catalog *catalog = split->catalog;

	if (catalog->object_count == split->room) {
		size_t room = split->room * 2 + 64;
		struct rb_object *grown = realloc(catalog->objects, room * sizeof(*grown));

		if (!grown)
			return no_memory(err);
		catalog->objects = grown;
		split->room = room;
	}
	*out = &catalog->objects[catalog->object_count++];
	memset(*out, 0, sizeof(**out));
	return RB_OK;
}

/* Statements of an object; those of a table with an access method say it. */
static int copy_sql(const struct splitter *split, const struct rb_object *object, char **out,
                    struct rb_err *err)
{
	bool has_method = split->method.len > 0 && !equals(&split->method, "heap") &&
	                  (strcmp(object->kind, "table") == 0 ||
	                   strcmp(object->kind, "materialized view") == 0);
	struct rb_buf sql = RB_BUF(RB_PG_SCHEMA_MAX + 1024);
	int rc = RB_OK;

	if (has_method)
		rc = rb_buf_addf(&sql, err, "SET default_table_access_method = %.*s;\n\n",
		                 (int)split->method.len, split->method.data);
	if (rc == RB_OK)
		rc = rb_buf_add(&sql, split->body.data, split->body.len, err);
	if (rc == RB_OK && has_method)
		rc = rb_buf_adds(&sql, "\n\nSET default_table_access_method = heap;", err);
	if (rc == RB_OK)
		rc = detach(&sql, out, err);
	rb_buf_release(&sql);
	return rc;
}

/* The statement that gives the object to a role, as an object of its own. */
static int add_owner(struct splitter *split, const char *kind, const char *name, const char *table,
                     struct rb_err *err)
{
	struct rb_buf of = RB_BUF(RB_PG_SCHEMA_MAX);
	struct rb_object *object = NULL;
	int rc = rb_buf_addf(&of, err, "%s %s", kind, name);

	if (rc == RB_OK)
		rc = new_object(split, &object, err);
	if (rc == RB_OK && object)
		rc = detach(&of, &object->name, err);
	rb_buf_release(&of);
	if (rc < 0 || !object)
		return rc;
	object->kind = strdup("owner");
	object->table = strdup(table);
	object->sql = strndup(split->owner.data, split->owner.len);
	return object->kind && object->table && object->sql ? RB_OK : no_memory(err);
}

/* An object ends: add it. */
static int end_object(struct splitter *split, struct rb_err *err)
{
	struct rb_object *object = NULL;
	char *kind;
	char *name;
	char *table;
	int rc = RB_OK;

	if (!split->has_header || (split->body.len == 0 && split->owner.len == 0))
		return RB_OK;
	rc = new_object(split, &object, err);
	if (rc == RB_OK)
		rc = copy_kind(&split->header.type, &object->kind, err);
	if (rc == RB_OK)
		rc = name_object(split, object->kind, &object->name, err);
	if (rc == RB_OK)
		rc = find_table(split, object, &object->table, err);
	if (rc == RB_OK)
		rc = copy_sql(split, object, &object->sql, err);
	if (rc < 0)
		return rc;
	/* The list may move. */
	kind = object->kind;
	name = object->name;
	table = object->table;
	free(split->last_table);
	split->last_table = strdup(table);
	if (!split->last_table)
		return no_memory(err);
	return split->owner.len > 0 ? add_owner(split, kind, name, table, err) : RB_OK;
}

static void begin_statement(struct splitter *split)
{
	split->statement = NULL;
	split->words = 0;
	split->is_owner = false;
	split->was_owner_word = false;
}

static void begin_object(struct splitter *split, const struct header *header)
{
	static const struct rb_bytes none = {"", 0};

	split->header = *header;
	split->has_header = true;
	split->method = split->next_method;
	split->body = none;
	split->owner = none;
	begin_statement(split);
}

/* SET default_table_access_method = heap */
static void note_method(struct splitter *split, const char *end)
{
	const char *equal = memchr(split->statement, '=', (size_t)(end - split->statement));

	if (!rb_pg_token_is(&split->second, "default_table_access_method") || !equal)
		return;
	for (equal++; equal < end && *equal == ' ';)
		equal++;
	split->next_method.data = equal;
	split->next_method.len = (size_t)(end - equal);
}

/* A statement ends with the ';' at `end`. */
static void end_statement(struct splitter *split, const char *end)
{
	struct rb_bytes *into = &split->body;

	/* SET SESSION AUTHORIZATION belongs to the rights that somebody else gave. */
	if (rb_pg_token_is(&split->first, "SET") && begins(&split->second, "default_")) {
		note_method(split, end);
		begin_statement(split);
		return;
	}
	if (split->is_owner && rb_pg_token_is(&split->first, "ALTER"))
		into = &split->owner;
	if (into->len == 0)
		into->data = split->statement;
	into->len = (size_t)(end + 1 - into->data);
	begin_statement(split);
}

static void take_token(struct splitter *split, const struct rb_pg_token *token)
{
	if (!split->statement) {
		split->statement = token->text;
		split->first = *token;
	}
	if (split->words++ == 1)
		split->second = *token;
	split->is_owner |= split->was_owner_word && rb_pg_token_is(token, "TO");
	split->was_owner_word = rb_pg_token_is(token, "OWNER");
	if (begins(token, ";"))
		end_statement(split, token->text);
}

static int take_comment(struct splitter *split, const struct rb_pg_token *token, bool *end,
                        struct rb_err *err)
{
	static const struct rb_bytes none = {"", 0};
	struct header header = {none, none, none};
	int rc;

	*end = begins(token, "-- PostgreSQL database dump complete");
	if (!*end && !read_header(token, &header))
		return RB_OK;
	rc = end_object(split, err);
	if (rc == RB_OK)
		begin_object(split, &header);
	return rc;
}

static int split_all(struct splitter *split, const char *dump, size_t len, struct rb_err *err)
{
	struct rb_pg_lexer lexer = {dump, dump + len, dump};
	bool end = false;
	int rc = RB_OK;

	while (rc == RB_OK && !end) {
		struct rb_pg_token token = rb_pg_lex(&lexer);

		if (token.kind == RB_PG_TOKEN_END)
			return rb_err_set(err, RB_E_FORMAT, "the output of pg_dump is cut off");
		if (token.kind == RB_PG_TOKEN_COMMENT)
			rc = take_comment(split, &token, &end, err);
		else
			take_token(split, &token);
	}
	return rc;
}

/* The table of "ALTER SEQUENCE public.q OWNED BY public.t.id", and which sequence it is. */
static int read_owned(const struct rb_object *object, struct rb_buf *sequence, struct rb_buf *table,
                      struct rb_err *err)
{
	const struct rb_bytes sql = {object->sql, strlen(object->sql)};
	struct rb_pg_token word;
	int rc = RB_OK;

	if (name_behind(&sql, "SEQUENCE", &word))
		rc = rb_pg_add_word(sequence, &word, err);
	if (rc == RB_OK && name_behind(&sql, "BY", &word)) {
		struct rb_pg_lexer lexer = {word.text, word.text + word.len, word.text};

		/* Schema and table, without the column. */
		rb_pg_lex_part(&lexer);
		lexer.at += lexer.at < lexer.end ? 1 : 0;
		rb_pg_lex_part(&lexer);
		word.len = (size_t)(lexer.at - word.text);
		rc = rb_pg_add_word(table, &word, err);
	}
	return rc;
}

static int set_table(struct rb_object *object, const char *table, struct rb_err *err)
{
	char *copy = strdup(table);

	if (!copy)
		return no_memory(err);
	free(object->table);
	object->table = copy;
	return RB_OK;
}

/* A sequence that a column owns goes and comes with the column's table. */
static int link_sequence(struct rb_catalog *catalog, size_t owned, struct rb_err *err)
{
	struct rb_buf sequence = RB_BUF(NAME_MAX_BYTES);
	struct rb_buf table = RB_BUF(NAME_MAX_BYTES);
	int rc = read_owned(&catalog->objects[owned], &sequence, &table, err);

	if (rc == RB_OK && table.len > 0)
		rc = set_table(&catalog->objects[owned], rb_buf_str(&table), err);
	/* It stands right before, with what is said about it. */
	for (size_t i = owned; rc == RB_OK && table.len > 0 && i > 0; i--) {
		struct rb_object *object = &catalog->objects[i - 1];
		bool is_it = strcmp(object->kind, "sequence") == 0 &&
		             strcmp(object->name, rb_buf_str(&sequence)) == 0;

		if (is_it || strcmp(object->table, rb_buf_str(&sequence)) == 0)
			rc = set_table(object, rb_buf_str(&table), err);
		if (is_it)
			break;
	}
	rb_buf_release(&sequence);
	rb_buf_release(&table);
	return rc;
}

int rb_pg_schema_split(const char *dump, size_t len, struct rb_catalog *catalog, struct rb_err *err)
{
	struct splitter split = {.catalog = catalog};
	int rc = rb_map_new(0, &split.names, err);

	if (rc == RB_OK && len > 0 && memchr(dump, '\0', len))
		rc = rb_err_set(err, RB_E_FORMAT, "the output of pg_dump holds a NUL");
	split.room = catalog->object_count;
	if (rc == RB_OK)
		rc = split_all(&split, dump, len, err);
	for (size_t i = 0; rc == RB_OK && i < catalog->object_count; i++)
		if (strcmp(catalog->objects[i].kind, "sequence owned by") == 0)
			rc = link_sequence(catalog, i, err);
	rb_map_free(split.names);
	free(split.last_table);
	return rc;
}

int rb_pg_schema_sql(const struct rb_catalog *catalog, struct rb_buf *out, struct rb_err *err)
{
	int rc = rb_buf_adds(out,
	                     "-- The schema of a PostgreSQL database, as pg_dump writes it.\n"
	                     "-- To make an empty copy: createdb NEW && psql -d NEW -f schema.sql\n"
	                     "SET client_encoding = 'UTF8';\n"
	                     "SET standard_conforming_strings = on;\n"
	                     "SET check_function_bodies = false;\n"
	                     "SET search_path = '';\n"
	                     "SET row_security = off;\n"
	                     "SET xmloption = content;\n",
	                     err);

	for (size_t i = 0; rc == RB_OK && i < catalog->object_count; i++)
		rc = rb_buf_addf(out, err, "\n%s\n", catalog->objects[i].sql);
	return rc;
}
