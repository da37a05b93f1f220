/*
 * See sqlite_priv.h: what a CREATE VIRTUAL TABLE statement says.
 *
 *	CREATE VIRTUAL TABLE "docs" USING fts5(title, body, content='', tokenize = "porter")
 *
 * SQLite has parsed the statement before and keeps it from the name on as it was written:
 * here only words, quotes, comments and brackets have to be told apart.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sqlite_priv.h"

/* Past white space and comments. */
static const char *skip_space(const char *p)
{
	for (;;) {
		if (isspace((unsigned char)*p)) {
			p++;
		} else if (p[0] == '-' && p[1] == '-') {
			p += strcspn(p, "\n");
		} else if (p[0] == '/' && p[1] == '*') {
			const char *end = strstr(p + 2, "*/");

			p = end ? end + 2 : p + strlen(p);
		} else {
			return p;
		}
	}
}

/* The quote that closes what `c` opens; 0 when it opens nothing. */
static char closing_quote(char c)
{
	if (c == '[')
		return ']';
	if (c == '\'' || c == '"' || c == '`')
		return c;
	return '\0';
}

/* Past a quoted token; a doubled quote is part of it, but "]" cannot be doubled. */
static const char *skip_quoted(const char *p)
{
	char quote = closing_quote(*p++);

	while (*p) {
		if (*p++ != quote)
			continue;
		if (*p != quote || quote == ']')
			return p;
		p++;
	}
	return p;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

struct rb_sqlite_token rb_sqlite_next_token(const char **p)
{
	struct rb_sqlite_token token = {.at = skip_space(*p), .len = 0};
	const char *end = token.at;

	if (closing_quote(*end))
		end = skip_quoted(end);
	else if (is_word(*end))
		while (is_word(*end))
			end++;
	else if (*end)
		end++;
	token.len = (size_t)(end - token.at);
	*p = end;
	return token;
}

bool rb_sqlite_is_keyword(struct rb_sqlite_token token, const char *word)
{
	return strlen(word) == token.len && strncasecmp(token.at, word, token.len) == 0;
}

char *rb_sqlite_unquote(struct rb_sqlite_token token)
{
	char quote = closing_quote(token.at[0]);
	char *copy = malloc(token.len + 1);
	size_t len = 0;

	if (!copy)
		return NULL;
	if (!quote) {
		memcpy(copy, token.at, token.len);
		copy[token.len] = '\0';
		return copy;
	}
	for (size_t i = 1; i < token.len; i++) {
		if (token.at[i] == quote) {
			if (i + 1 >= token.len || token.at[i + 1] != quote)
				break;
			i++;
		}
		copy[len++] = token.at[i];
	}
	copy[len] = '\0';
	return copy;
}

/* The next argument of the module, up to a comma or the closing bracket outside brackets. */
static bool next_argument(const char **p, struct rb_sqlite_token *out)
{
	unsigned int depth = 0;
	struct rb_sqlite_token token;

	out->at = skip_space(*p);
	out->len = 0;
	for (;;) {
		token = rb_sqlite_next_token(p);
		if (token.len == 0)
			return out->len > 0;
		if (depth == 0 && (*token.at == ',' || *token.at == ')'))
			break;
		if (*token.at == '(')
			depth++;
		if (*token.at == ')')
			depth--;
		out->len = (size_t)(token.at + token.len - out->at);
	}
	/* The closing bracket stays, so that the argument after the last one is none. */
	if (*token.at == ')')
		*p = token.at;
	return out->len > 0 || *token.at == ',';
}

/* Split "name = value"; false for a column. */
static bool split_option(struct rb_sqlite_token argument, struct rb_sqlite_token *name,
                         struct rb_sqlite_token *value)
{
	const char *p = argument.at;
	const char *end = argument.at + argument.len;
	struct rb_sqlite_token equals;

	*name = rb_sqlite_next_token(&p);
	if (name->len == 0 || !is_word(*name->at))
		return false;
	equals = rb_sqlite_next_token(&p);
	if (p > end || equals.len != 1 || *equals.at != '=')
		return false;
	value->at = skip_space(p);
	if (value->at > end)
		value->at = end;
	value->len = (size_t)(end - value->at);
	return true;
}

static enum rb_sqlite_vtab_kind kind_of(const char *module)
{
	static const struct {
		const char *module;
		enum rb_sqlite_vtab_kind kind;
	} known[] = {
	        {"fts5", RB_SQLITE_VTAB_FTS5},       {"fts4", RB_SQLITE_VTAB_FTS4},
	        {"fts3", RB_SQLITE_VTAB_FTS4},       {"rtree", RB_SQLITE_VTAB_RTREE},
	        {"rtree_i32", RB_SQLITE_VTAB_RTREE}, {"geopoly", RB_SQLITE_VTAB_GEOPOLY},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcasecmp(module, known[i].module) == 0)
			return known[i].kind;
	return RB_SQLITE_VTAB_OTHER;
}

/* Whether the module reads fts4's options; to fts3 they are columns of that name. */
static bool is_fts4(const struct rb_sqlite_vtab *vtab)
{
	return vtab->kind == RB_SQLITE_VTAB_FTS4 && vtab->module[3] == '4';
}

/*
 * Whether an option is content=.  FTS5 takes any beginning of the word, FTS4 the whole.
 *
 * source: SQLite's fts5_config.c fts5ConfigParseSpecial(), fts3.c fts3InitVtab()
 */
static bool is_content(const struct rb_sqlite_vtab *vtab, struct rb_sqlite_token name)
{
	if (vtab->kind == RB_SQLITE_VTAB_FTS5)
		return name.len <= 7 && strncasecmp(name.at, "content", name.len) == 0;
	return is_fts4(vtab) && rb_sqlite_is_keyword(name, "content");
}

static int read_option(struct rb_sqlite_vtab *out, struct rb_sqlite_token argument,
                       struct rb_err *err)
{
	struct rb_sqlite_token name;
	struct rb_sqlite_token value;
	char *text;

	if (!split_option(argument, &name, &value))
		return RB_OK;
	if (is_content(out, name)) {
		text = rb_sqlite_unquote(value);
		if (!text)
			return rb_err_set(err, RB_E_NOMEM, "no memory to read the schema");
		free(out->content_table);
		out->content_table = text;
		out->content = *text ? RB_SQLITE_CONTENT_EXTERNAL : RB_SQLITE_CONTENT_NONE;
	} else if (is_fts4(out) && rb_sqlite_is_keyword(name, "languageid")) {
		text = rb_sqlite_unquote(value);
		if (!text)
			return rb_err_set(err, RB_E_NOMEM, "no memory to read the schema");
		free(out->languageid);
		out->languageid = text;
	}
	return RB_OK;
}

/* Find the module's name: CREATE VIRTUAL TABLE [IF NOT EXISTS] [schema.]name USING module */
static bool find_module(const char **p, struct rb_sqlite_token *module)
{
	static const char *const start[] = {"CREATE", "VIRTUAL", "TABLE"};
	struct rb_sqlite_token token;

	for (size_t i = 0; i < sizeof(start) / sizeof(start[0]); i++)
		if (!rb_sqlite_is_keyword(rb_sqlite_next_token(p), start[i]))
			return false;
	/* The table's name comes first, whatever it is. */
	rb_sqlite_next_token(p);
	do {
		token = rb_sqlite_next_token(p);
		if (token.len == 0)
			return false;
	} while (!rb_sqlite_is_keyword(token, "USING"));
	*module = rb_sqlite_next_token(p);
	return module->len > 0;
}

int rb_sqlite_vtab_parse(const char *sql, struct rb_sqlite_vtab *out, struct rb_err *err)
{
	struct rb_sqlite_token argument;
	struct rb_sqlite_token module;
	struct rb_sqlite_token open;
	int rc = RB_OK;

	memset(out, 0, sizeof(*out));
	if (!find_module(&sql, &module))
		return rb_err_set(err, RB_E_FORMAT, "no CREATE VIRTUAL TABLE statement");
	out->module = rb_sqlite_unquote(module);
	if (!out->module)
		return rb_err_set(err, RB_E_NOMEM, "no memory to read the schema");
	out->kind = kind_of(out->module);

	open = rb_sqlite_next_token(&sql);
	if (open.len == 1 && *open.at == '(')
		while (rc == RB_OK && next_argument(&sql, &argument))
			rc = read_option(out, argument, err);
	if (out->content != RB_SQLITE_CONTENT_EXTERNAL) {
		free(out->content_table);
		out->content_table = NULL;
	}
	if (rc < 0)
		rb_sqlite_vtab_release(out);
	return rc;
}

void rb_sqlite_vtab_release(struct rb_sqlite_vtab *vtab)
{
	free(vtab->module);
	free(vtab->content_table);
	free(vtab->languageid);
	memset(vtab, 0, sizeof(*vtab));
}

bool rb_sqlite_vtab_owns(const struct rb_sqlite_vtab *vtab, const char *owner, const char *name)
{
	/* source: xShadowName of fts5_main.c, fts3.c, rtree.c; geopoly is an rtree */
	static const char *const suffixes[][6] = {
	        [RB_SQLITE_VTAB_FTS5] = {"config", "content", "data", "docsize", "idx"},
	        [RB_SQLITE_VTAB_FTS4] = {"content", "docsize", "segdir", "segments", "stat"},
	        [RB_SQLITE_VTAB_RTREE] = {"node", "parent", "rowid"},
	        [RB_SQLITE_VTAB_GEOPOLY] = {"node", "parent", "rowid"},
	};
	size_t len = strlen(owner);

	if (vtab->kind == RB_SQLITE_VTAB_OTHER || strncasecmp(name, owner, len) != 0 ||
	    name[len] != '_')
		return false;
	/* An index over another table has no such storage, and that table may be named so. */
	if (vtab->content != RB_SQLITE_CONTENT_OWN && strcasecmp(name + len, "_content") == 0)
		return false;
	for (size_t i = 0; suffixes[vtab->kind][i]; i++)
		if (strcasecmp(name + len + 1, suffixes[vtab->kind][i]) == 0)
			return true;
	return false;
}
