/*
 * See schema_priv.h: SQL cut into tokens.
 *
 * source  postgresql.org/docs/current/sql-syntax-lexical.html; pg_dump sets
 *         standard_conforming_strings, so only E'...' has backslashes
 */
#include <string.h>
#include <strings.h>

#include "schema_priv.h"

static bool is_word_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (unsigned char)c >= 0x80;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word_part(char c)
{
	return is_word_start(c) || is_digit(c) || c == '$';
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static size_t left(const struct rb_pg_lexer *lexer)
{
	return (size_t)(lexer->end - lexer->at);
}

/* Behind the quote that closes what begins here; a doubled one is taken for two texts. */
static void skip_quoted(struct rb_pg_lexer *lexer, bool backslashes)
{
	char quote = *lexer->at++;

	while (lexer->at < lexer->end) {
		char c = *lexer->at++;

		if (c == quote && (lexer->at == lexer->end || *lexer->at != quote))
			return;
		if ((c == quote || (c == '\\' && backslashes)) && lexer->at < lexer->end)
			lexer->at++;
	}
}

/* The length of $tag$ where one begins; 0: none does. */
static size_t dollar_tag(const struct rb_pg_lexer *lexer)
{
	size_t len = 1;

	if (left(lexer) > 1 && is_digit(lexer->at[1]))
		return 0;
	while (len < left(lexer) && lexer->at[len] != '$' && is_word_part(lexer->at[len]))
		len++;
	return len < left(lexer) && lexer->at[len] == '$' ? len + 1 : 0;
}

/* $tag$ ... $tag$, or a single $. */
static void skip_dollar(struct rb_pg_lexer *lexer)
{
	const char *tag = lexer->at;
	size_t len = dollar_tag(lexer);

	lexer->at += len > 0 ? len : 1;
	while (len > 0) {
		const char *dollar = memchr(lexer->at, '$', left(lexer));

		if (!dollar) {
			lexer->at = lexer->end;
			return;
		}
		lexer->at = dollar;
		if (left(lexer) >= len && memcmp(dollar, tag, len) == 0) {
			lexer->at += len;
			return;
		}
		lexer->at++;
	}
}

static void skip_line(struct rb_pg_lexer *lexer)
{
	const char *newline = memchr(lexer->at, '\n', left(lexer));

	lexer->at = newline ? newline : lexer->end;
}

static bool is_line_start(const struct rb_pg_lexer *lexer)
{
	return lexer->at == lexer->begin || lexer->at[-1] == '\n';
}

static bool starts(const struct rb_pg_lexer *lexer, const char *two)
{
	return left(lexer) >= 2 && memcmp(lexer->at, two, 2) == 0;
}

/* Comments that span lines nest. */
static void skip_block_comment(struct rb_pg_lexer *lexer)
{
	size_t depth = 0;

	do {
		if (starts(lexer, "/*")) {
			depth++;
			lexer->at += 2;
		} else if (starts(lexer, "*/")) {
			depth--;
			lexer->at += 2;
		} else {
			lexer->at++;
		}
	} while (depth > 0 && lexer->at < lexer->end);
}

void rb_pg_lex_part(struct rb_pg_lexer *lexer)
{
	if (*lexer->at == '"') {
		skip_quoted(lexer, false);
		return;
	}
	while (lexer->at < lexer->end && is_word_part(*lexer->at))
		lexer->at++;
}

/* Whether a text goes on in another line, where backslashes mean what they meant before. */
static bool goes_on(struct rb_pg_lexer *lexer)
{
	const char *at = lexer->at;
	bool newline = false;

	for (; at < lexer->end && is_space(*at); at++)
		newline |= *at == '\n' || *at == '\r';
	if (!newline || at == lexer->end || *at != '\'')
		return false;
	lexer->at = at;
	return true;
}

/* A word; E'...' is a text. */
static enum rb_pg_token_kind skip_word(struct rb_pg_lexer *lexer)
{
	const char *begin = lexer->at;

	rb_pg_lex_part(lexer);
	if (lexer->at - begin == 1 && (*begin == 'E' || *begin == 'e') && lexer->at < lexer->end &&
	    *lexer->at == '\'') {
		do
			skip_quoted(lexer, true);
		while (goes_on(lexer));
		return RB_PG_TOKEN_OTHER;
	}
	while (left(lexer) >= 2 && *lexer->at == '.' &&
	       (is_word_start(lexer->at[1]) || lexer->at[1] == '"')) {
		lexer->at++;
		rb_pg_lex_part(lexer);
	}
	return RB_PG_TOKEN_WORD;
}

struct rb_pg_token rb_pg_lex(struct rb_pg_lexer *lexer)
{
	struct rb_pg_token token = {.kind = RB_PG_TOKEN_OTHER};

	while (lexer->at < lexer->end && is_space(*lexer->at))
		lexer->at++;
	token.text = lexer->at;
	if (lexer->at == lexer->end) {
		token.kind = RB_PG_TOKEN_END;
		return token;
	}
	if (starts(lexer, "--") || (*lexer->at == '\\' && is_line_start(lexer))) {
		token.kind = RB_PG_TOKEN_COMMENT;
		skip_line(lexer);
	} else if (starts(lexer, "/*")) {
		token.kind = RB_PG_TOKEN_COMMENT;
		skip_block_comment(lexer);
	} else if (*lexer->at == '\'') {
		skip_quoted(lexer, false);
	} else if (*lexer->at == '$') {
		skip_dollar(lexer);
	} else if (*lexer->at == '"' || is_word_start(*lexer->at)) {
		token.kind = skip_word(lexer);
	} else if (is_digit(*lexer->at)) {
		rb_pg_lex_part(lexer);
	} else {
		lexer->at++;
	}
	token.len = (size_t)(lexer->at - token.text);
	return token;
}

bool rb_pg_token_is(const struct rb_pg_token *token, const char *keyword)
{
	return token->kind == RB_PG_TOKEN_WORD && token->len == strlen(keyword) &&
	       memcmp(token->text, keyword, token->len) == 0;
}

/* What a part of a name stands for, without its quotes. */
static int unquote(const char *part, size_t len, struct rb_buf *out, struct rb_err *err)
{
	int rc = RB_OK;

	rb_buf_clear(out);
	if (len < 2 || *part != '"')
		return rb_buf_add(out, part, len, err);
	for (size_t i = 1; rc == RB_OK && i + 1 < len; i++) {
		rc = rb_buf_add(out, part + i, 1, err);
		if (part[i] == '"')
			i++;
	}
	return rc;
}

int rb_pg_add_word(struct rb_buf *out, const struct rb_pg_token *word, struct rb_err *err)
{
	struct rb_pg_lexer lexer = {word->text, word->text + word->len, word->text};
	struct rb_buf name = RB_BUF(RB_PG_SCHEMA_MAX);
	int rc = RB_OK;

	while (rc == RB_OK && lexer.at < lexer.end) {
		const char *part = lexer.at;

		rb_pg_lex_part(&lexer);
		rc = unquote(part, (size_t)(lexer.at - part), &name, err);
		if (rc == RB_OK)
			rc = rb_pg_add_shown(out, rb_buf_str(&name), err);
		/* The dot. */
		if (rc == RB_OK && lexer.at < lexer.end) {
			lexer.at++;
			rc = rb_buf_adds(out, ".", err);
		}
	}
	rb_buf_release(&name);
	return rc;
}

static bool is_keyword(const struct rb_pg_token *token, const char *keyword)
{
	return token->kind == RB_PG_TOKEN_WORD && token->len == strlen(keyword) &&
	       strncasecmp(token->text, keyword, token->len) == 0;
}

static bool is_control(const struct rb_pg_token *token)
{
	static const char *const words[] = {"ABORT",   "BEGIN",    "COMMIT",    "PREPARE",
	                                    "RELEASE", "ROLLBACK", "SAVEPOINT", "START"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (is_keyword(token, words[i]))
			return true;
	return false;
}

bool rb_pg_ends_transaction(const char *sql)
{
	struct rb_pg_lexer lexer = {sql, sql + strlen(sql), sql};
	struct rb_pg_token before = {.kind = RB_PG_TOKEN_END};
	struct rb_pg_token token;
	bool is_first = true;
	size_t bodies = 0;

	while ((token = rb_pg_lex(&lexer)).kind != RB_PG_TOKEN_END) {
		if (token.kind == RB_PG_TOKEN_COMMENT)
			continue;
		if (is_first && is_control(&token))
			return true;
		if (is_first && is_keyword(&token, "END") && bodies-- == 0)
			return true;
		if (is_keyword(&before, "BEGIN") && is_keyword(&token, "ATOMIC"))
			bodies++;
		/* The first statement of a body follows without a semicolon. */
		is_first = *token.text == ';' ||
		           (is_keyword(&before, "BEGIN") && is_keyword(&token, "ATOMIC"));
		before = token;
	}
	return false;
}
