/*
 * See convert_priv.h: indexes and foreign keys.
 *
 * A strict reader of three statements over plain columns; whatever else stands in them (an
 * expression, WHERE, COLLATE, another method) makes it give up:
 *
 *	CREATE [UNIQUE] INDEX [IF NOT EXISTS] name ON [ONLY] table [USING btree] (a, b DESC)
 *	ALTER TABLE [ONLY] table ADD CONSTRAINT name UNIQUE (a, b)
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "convert_priv.h"

#define SQL_MAX ((size_t)1 << 20)

/* What has been read of a statement. */
struct reader {
	const char *at;
	bool is_good;
	struct rb_buf word; /* the name read last, without its quotes */
	int rc;             /* no memory for it */
	struct rb_err *err;
};

static void skip_space(struct reader *reader)
{
	while (*reader->at == ' ' || (*reader->at >= '\t' && *reader->at <= '\r'))
		reader->at++;
}

static bool is_word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

/* Whether a keyword comes next; it is read then. */
static bool take(struct reader *reader, const char *keyword)
{
	size_t len = strlen(keyword);

	skip_space(reader);
	if (strncasecmp(reader->at, keyword, len) != 0 ||
	    (is_word_byte(keyword[0]) && is_word_byte(reader->at[len])))
		return false;
	reader->at += len;
	return true;
}

static void expect(struct reader *reader, const char *keyword)
{
	reader->is_good = reader->is_good && take(reader, keyword);
}

static void add(struct reader *reader, const char *data, size_t len)
{
	if (reader->rc == RB_OK)
		reader->rc = rb_buf_add(&reader->word, data, len, reader->err);
}

static void take_quoted(struct reader *reader, char close)
{
	for (reader->at++; *reader->at; reader->at++) {
		if (*reader->at == close && *++reader->at != close)
			return;
		add(reader, reader->at, 1);
	}
	reader->is_good = false;
}

/* A name, in any of the quotes that the two engines know. */
static void take_name(struct reader *reader)
{
	const char *from;

	skip_space(reader);
	rb_buf_clear(&reader->word);
	from = reader->at;
	if (*from == '"' || *from == '`') {
		take_quoted(reader, *from);
	} else if (*from == '[') {
		take_quoted(reader, ']');
	} else {
		while (is_word_byte(*reader->at))
			reader->at++;
		add(reader, from, (size_t)(reader->at - from));
	}
	reader->is_good = reader->is_good && reader->rc == RB_OK && reader->word.len > 0;
}

/* A name that may have its schema in front. */
static void take_path(struct reader *reader)
{
	take_name(reader);
	if (reader->is_good && take(reader, "."))
		take_name(reader);
}

/* "(a, b DESC)" to the end of the statement, as quoted names of the other side. */
static int take_columns(struct reader *reader, const struct rb_conversion *conversion, size_t table,
                        struct rb_buf *out)
{
	const struct rb_table *to = &conversion->catalog->tables[table];
	int rc = rb_buf_adds(out, " (", reader->err);

	expect(reader, "(");
	for (bool first = true; rc == RB_OK && reader->is_good; first = false) {
		long column;

		take_name(reader);
		column = reader->is_good ? rb_convert_find_column(conversion, table,
		                                                  rb_buf_str(&reader->word))
		                         : -1;
		reader->is_good = column >= 0;
		if (!reader->is_good)
			break;
		rc = rb_buf_adds(out, first ? "" : ", ", reader->err);
		if (rc == RB_OK)
			rc = rb_convert_quote(to->columns[column].name, out, reader->err);
		if (rc == RB_OK && take(reader, "DESC"))
			rc = rb_buf_adds(out, " DESC", reader->err);
		else
			take(reader, "ASC");
		if (!take(reader, ","))
			break;
	}
	expect(reader, ")");
	take(reader, ";");
	skip_space(reader);
	reader->is_good = reader->is_good && *reader->at == '\0';
	return rc < 0 ? rc : rb_buf_adds(out, ")", reader->err);
}

/* Read up to the columns.  name is the caller's to free; NULL: no memory. */
static void take_head(struct reader *reader, bool *is_unique, char **name)
{
	if (take(reader, "ALTER")) {
		expect(reader, "TABLE");
		take(reader, "ONLY");
		take_path(reader);
		expect(reader, "ADD");
		expect(reader, "CONSTRAINT");
		take_name(reader);
		*name = strdup(rb_buf_str(&reader->word));
		expect(reader, "UNIQUE");
		*is_unique = true;
		return;
	}
	expect(reader, "CREATE");
	*is_unique = take(reader, "UNIQUE");
	expect(reader, "INDEX");
	if (take(reader, "IF")) {
		expect(reader, "NOT");
		expect(reader, "EXISTS");
	}
	take_path(reader);
	*name = strdup(rb_buf_str(&reader->word));
	expect(reader, "ON");
	take(reader, "ONLY");
	take_path(reader);
	if (take(reader, "USING"))
		expect(reader, "btree");
}

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for a definition");
}

int rb_convert_add_object(struct rb_catalog *catalog, const char *kind, const char *name,
                          const char *table, struct rb_buf *sql, struct rb_err *err)
{
	struct rb_object *grown =
	        realloc(catalog->objects, (catalog->object_count + 1) * sizeof(*grown));

	if (!grown)
		return no_memory(err);
	catalog->objects = grown;
	grown += catalog->object_count++;
	grown->kind = strdup(kind);
	grown->name = strdup(name);
	grown->table = strdup(table);
	grown->sql = rb_buf_detach(sql);
	return grown->kind && grown->name && grown->table && grown->sql ? RB_OK : no_memory(err);
}

/* CREATE INDEX, for a table and columns that are known by now. */
static int add_index(struct rb_conversion *conversion, size_t table, const char *wish,
                     bool is_unique, const struct rb_buf *columns, struct rb_err *err)
{
	const struct rb_table *to = &conversion->catalog->tables[table];
	struct rb_buf sql = RB_BUF(SQL_MAX);
	struct rb_buf shown = RB_BUF(SQL_MAX);
	char *name = NULL;
	int rc = rb_convert_index_name(conversion, wish, &name, err);

	if (rc == RB_OK)
		rc = rb_buf_addf(&sql, err, "CREATE %sINDEX ", is_unique ? "UNIQUE " : "");
	if (rc == RB_OK)
		rc = rb_convert_quote(name, &sql, err);
	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, " ON ", err);
	if (rc == RB_OK)
		rc = rb_convert_add_table(conversion, to, &sql, err);
	if (rc == RB_OK)
		rc = rb_buf_addf(&sql, err, "%s%s", rb_buf_str(columns),
		                 conversion->to_sqlite ? "" : ";");
	if (rc == RB_OK)
		rc = rb_buf_addf(&shown, err, "%s%s", conversion->to_sqlite ? "" : "public.", name);
	if (rc == RB_OK)
		rc = rb_convert_add_object(conversion->catalog, "index", rb_buf_str(&shown),
		                           to->name, &sql, err);
	free(name);
	rb_buf_release(&sql);
	rb_buf_release(&shown);
	return rc;
}

int rb_convert_index(struct rb_conversion *conversion, const struct rb_object *object, bool *made,
                     struct rb_err *err)
{
	struct reader reader = {
	        .at = object->sql, .is_good = true, .word = RB_BUF(SQL_MAX), .err = err};
	long table = object->sql ? rb_convert_find_table(conversion, object->table) : -1;
	struct rb_buf columns = RB_BUF(SQL_MAX);
	bool is_unique = false;
	char *name = NULL;
	int rc = RB_OK;

	*made = false;
	if (table < 0)
		return RB_OK;
	take_head(&reader, &is_unique, &name);
	if (!name)
		rc = no_memory(err);
	if (rc == RB_OK && reader.is_good)
		rc = take_columns(&reader, conversion, (size_t)table, &columns);
	if (rc == RB_OK)
		rc = reader.rc;
	if (rc == RB_OK && reader.is_good) {
		rc = add_index(conversion, (size_t)table, name, is_unique, &columns, err);
		*made = rc == RB_OK;
	}
	free(name);
	rb_buf_release(&reader.word);
	rb_buf_release(&columns);
	return rc;
}

/* The columns of one side of a foreign key. */
struct side {
	size_t table;
	char *const *names; /* NULL: the primary key */
	size_t count;
};

/* "(a, b)"; found is false when the table has no such columns. */
static int add_side(const struct rb_conversion *conversion, const struct side *side,
                    struct rb_buf *out, bool *found, struct rb_err *err)
{
	const struct rb_table *to = &conversion->catalog->tables[side->table];
	int rc = rb_buf_adds(out, " (", err);

	*found = side->names || (to->key_kind == RB_KEY_PRIMARY && to->key_count == side->count);
	for (size_t i = 0; rc == RB_OK && *found && i < side->count; i++) {
		long column = side->names ? rb_convert_find_column(conversion, side->table,
		                                                   side->names[i])
		                          : (long)to->key[i];

		*found = column >= 0;
		if (!*found)
			break;
		rc = rb_buf_adds(out, i > 0 ? ", " : "", err);
		if (rc == RB_OK)
			rc = rb_convert_quote(to->columns[column].name, out, err);
	}
	return rc < 0 ? rc : rb_buf_adds(out, ")", err);
}

/* An action as SQL; NO ACTION is what both do anyway. */
static int add_action(const char *when, const char *action, struct rb_buf *out, struct rb_err *err)
{
	static const char *const actions[] = {"CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT"};

	for (size_t i = 0; action && i < sizeof(actions) / sizeof(actions[0]); i++)
		if (strcasecmp(actions[i], action) == 0)
			return rb_buf_addf(out, err, " %s %s", when, actions[i]);
	return RB_OK;
}

int rb_convert_foreign_key(const struct rb_conversion *conversion, size_t table,
                           const struct rb_foreign_key *key, struct rb_buf *out, bool *made,
                           struct rb_err *err)
{
	long other = rb_convert_find_table(conversion, key->ref_table);
	struct side child = {table, key->columns, key->column_count};
	struct side parent = {(size_t)other, key->ref_columns, key->column_count};
	struct rb_buf sql = RB_BUF(SQL_MAX);
	int rc;

	*made = false;
	if (other < 0)
		return RB_OK;
	rc = rb_buf_adds(&sql, "FOREIGN KEY", err);
	if (rc == RB_OK)
		rc = add_side(conversion, &child, &sql, made, err);
	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, " REFERENCES ", err);
	if (rc == RB_OK)
		rc = rb_convert_add_table(conversion, &conversion->catalog->tables[other], &sql,
		                          err);
	if (rc == RB_OK && *made)
		rc = add_side(conversion, &parent, &sql, made, err);
	if (rc == RB_OK)
		rc = add_action("ON UPDATE", key->on_update, &sql, err);
	if (rc == RB_OK)
		rc = add_action("ON DELETE", key->on_delete, &sql, err);
	if (rc == RB_OK && *made)
		rc = rb_buf_add(out, sql.data, sql.len, err);
	rb_buf_release(&sql);
	return rc;
}
