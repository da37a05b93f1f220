/*
 * See target_priv.h: a table's definition without what would change or refuse its rows.
 *
 * SQLite converts values to the affinity of their column, so that '12' put into an INTEGER
 * column becomes 12; yet a column may hold a text '12', when it was declared differently
 * once, or was written by other means.  To put such rows back as they were, the table is
 * filled under a definition that differs in nothing that SQLite stores:
 *
 *	CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER NOT NULL CHECK(f(n)), UNIQUE(n))
 *	CREATE TABLE t(id INTEGER PRIMARY KEY, n  NULL CHECK(1), UNIQUE(n))
 *
 * and gets its own back in the same transaction.
 */
#include <string.h>
#include <strings.h>

#include "target_priv.h"

/* A text that is copied with changes. */
struct edit {
	const char *from; /* what is not copied yet */
	const char *next; /* what is not read yet */
	struct rb_buf *out;
};

static struct rb_sqlite_token read_token(struct edit *edit)
{
	return rb_sqlite_next_token(&edit->next);
}

static struct rb_sqlite_token peek_token(const struct edit *edit)
{
	const char *next = edit->next;

	return rb_sqlite_next_token(&next);
}

static bool is_byte(struct rb_sqlite_token token, char byte)
{
	return token.len == 1 && *token.at == byte;
}

/* Put `instead` for what lies between two places. */
static int replace(struct edit *edit, const char *start, const char *end, const char *instead,
                   struct rb_err *err)
{
	int rc = rb_buf_add(edit->out, edit->from, (size_t)(start - edit->from), err);

	if (rc == RB_OK)
		rc = rb_buf_adds(edit->out, instead, err);
	edit->from = end;
	return rc;
}

/* Past the bracket that closes the one just read; false when there is none. */
static bool skip_brackets(struct edit *edit)
{
	unsigned int depth = 1;
	struct rb_sqlite_token token;

	while (depth > 0) {
		token = read_token(edit);
		if (token.len == 0)
			return false;
		if (is_byte(token, '('))
			depth++;
		if (is_byte(token, ')'))
			depth--;
	}
	return true;
}

static bool is_one_of(struct rb_sqlite_token token, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (rb_sqlite_is_keyword(token, words[i]))
			return true;
	return false;
}

/* Whether a column's type ends before this token. */
static bool ends_type(struct rb_sqlite_token token)
{
	/* source: sqlite.org/syntax/column-constraint.html */
	static const char *const words[] = {"CONSTRAINT", "PRIMARY",   "NOT",     "NULL",
	                                    "UNIQUE",     "CHECK",     "DEFAULT", "COLLATE",
	                                    "REFERENCES", "GENERATED", "AS"};

	return token.len == 0 || is_byte(token, ',') || is_byte(token, ')') ||
	       is_one_of(token, words, sizeof(words) / sizeof(words[0]));
}

/* Whether an entry of the list is a constraint of the table, not a column. */
static bool starts_constraint(struct rb_sqlite_token token)
{
	/* source: sqlite.org/syntax/table-constraint.html; all are reserved words */
	static const char *const words[] = {"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"};

	return is_one_of(token, words, sizeof(words) / sizeof(words[0]));
}

static int drop_type(struct edit *edit, struct rb_err *err)
{
	const char *start = edit->next;
	struct rb_sqlite_token token;

	while (!ends_type(token = peek_token(edit))) {
		read_token(edit);
		if (is_byte(token, '(') && !skip_brackets(edit))
			break;
	}
	return edit->next == start ? RB_OK : replace(edit, start, edit->next, " ", err);
}

/* The rest of an entry: NOT NULL becomes NULL, CHECK(...) becomes CHECK(1). */
static int loosen_constraints(struct edit *edit, struct rb_err *err)
{
	struct rb_sqlite_token token;
	const char *start;
	int rc = RB_OK;

	while (rc == RB_OK) {
		token = peek_token(edit);
		if (token.len == 0 || is_byte(token, ',') || is_byte(token, ')'))
			break;
		read_token(edit);
		if (rb_sqlite_is_keyword(token, "NOT") &&
		    rb_sqlite_is_keyword(peek_token(edit), "NULL")) {
			rc = replace(edit, token.at, edit->next, "", err);
		} else if (is_byte(token, '(')) {
			if (!skip_brackets(edit))
				break;
		} else if (rb_sqlite_is_keyword(token, "CHECK") && is_byte(peek_token(edit), '(')) {
			start = edit->next;
			read_token(edit);
			if (!skip_brackets(edit))
				break;
			rc = replace(edit, start, edit->next, "(1)", err);
		}
	}
	return rc;
}

/* "INTEGER PRIMARY KEY" is another name of the rowid, and only with this very type. */
static bool keeps_type(const struct rb_table *table, size_t column)
{
	if (table->columns[column].generated != RB_GENERATED_NO)
		return true;
	return table->key_kind == RB_KEY_PRIMARY && table->key_count == 1 &&
	       table->key[0] == column && !strstr(table->options, "WITHOUT ROWID") &&
	       strcasecmp(table->columns[column].type, "INTEGER") == 0;
}

static int malformed(const struct rb_table *table, struct rb_err *err)
{
	return rb_err_set(err, RB_E_UNSUPPORTED,
	                  "the definition of table '%.200s' does not list its columns",
	                  table->name);
}

int rb_sqlite_loosen(const char *sql, const struct rb_table *table, struct rb_buf *out,
                     struct rb_err *err)
{
	struct edit edit = {.from = sql, .next = sql, .out = out};
	size_t column = table->column_count > 0 && table->columns[0].is_rowid ? 1 : 0;
	struct rb_sqlite_token token;
	int rc = RB_OK;

	do {
		token = read_token(&edit);
		if (token.len == 0)
			return malformed(table, err);
	} while (!is_byte(token, '('));

	do {
		if (!starts_constraint(peek_token(&edit))) {
			if (column == table->column_count)
				return malformed(table, err);
			read_token(&edit);
			if (!keeps_type(table, column++))
				rc = drop_type(&edit, err);
		}
		if (rc == RB_OK)
			rc = loosen_constraints(&edit, err);
		if (rc < 0)
			return rc;
		token = read_token(&edit);
	} while (is_byte(token, ','));
	if (!is_byte(token, ')') || column != table->column_count)
		return malformed(table, err);
	return rb_buf_adds(out, edit.from, err);
}

/* The definition of a table as the target has it, on the heap. */
static int read_definition(struct rb_sqlite_target *target, const char *name, char **out,
                           struct rb_err *err)
{
	sqlite3_stmt *stmt = NULL;
	int code;
	int rc;

	rc = rb_sqlite_prepare(&target->conn,
	                       "SELECT sql FROM main.sqlite_schema"
	                       " WHERE type = 'table' AND name = ?1",
	                       &stmt, err);
	if (rc < 0)
		return rc;
	code = sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	if (code != SQLITE_OK)
		rc = rb_sqlite_fail(&target->conn, code, err, "table '%.200s'", name);
	if (rc == RB_OK)
		rc = rb_sqlite_step(&target->conn, stmt, err);
	if (rc > 0)
		rc = rb_sqlite_copy_text(stmt, 0, out, err);
	if (rc == RB_OK && !*out)
		rc = rb_err_set(err, RB_E_UNSUPPORTED, "table '%.200s' has no definition", name);
	sqlite3_finalize(stmt);
	return rc;
}

int rb_sqlite_redefine(struct rb_sqlite_target *target, const char *name, const char *sql,
                       struct rb_err *err)
{
	const char *texts[] = {name, sql};

	return rb_sqlite_schema_write(target,
	                              "UPDATE main.sqlite_schema SET sql = ?2"
	                              " WHERE type = 'table' AND name = ?1",
	                              2, texts, err);
}

int rb_sqlite_loose_begin(struct rb_sqlite_target *target, struct rb_err *err)
{
	struct rb_sqlite_rows *rows = &target->rows;
	struct rb_buf sql = RB_BUF(SIZE_MAX / 4);
	int rc;

	rc = read_definition(target, rows->table->name, &rows->definition, err);
	if (rc == RB_OK)
		rc = rb_sqlite_loosen(rows->definition, rows->table, &sql, err);
	if (rc == RB_OK)
		rc = rb_sqlite_redefine(target, rows->table->name, rb_buf_str(&sql), err);
	rb_buf_release(&sql);
	return rc;
}

int rb_sqlite_loose_end(struct rb_sqlite_target *target, struct rb_err *err)
{
	return rb_sqlite_redefine(target, target->rows.table->name, target->rows.definition, err);
}
