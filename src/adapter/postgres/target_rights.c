/*
 * See target_priv.h: rights that somebody has, and should not.
 *
 * pg_dump writes how rights differ from those that an object has by itself: a GRANT for each
 * that was given, a REVOKE for each that was taken.  Saying the opposite of each brings the
 * object back to where it began.
 *
 *	GRANT SELECT ON TABLE public.a TO bob;           REVOKE SELECT ON TABLE public.a FROM bob;
 *	REVOKE ALL ON FUNCTION public.f() FROM PUBLIC;   GRANT ALL ON FUNCTION public.f() TO PUBLIC;
 */
#include <string.h>

#include "target_priv.h"

/* The opposites. */
static const char *const pairs[][2] = {{"GRANT", "REVOKE"}, {"TO", "FROM"}};

static const char *opposite(const struct rb_pg_token *token)
{
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		if (rb_pg_token_is(token, pairs[i][0]))
			return pairs[i][1];
		if (rb_pg_token_is(token, pairs[i][1]))
			return pairs[i][0];
	}
	return NULL;
}

/* What is between tokens, and the token or its opposite. */
static int add_token(const char *from, const struct rb_pg_token *token, struct rb_buf *out,
                     struct rb_err *err)
{
	const char *word = opposite(token);
	int rc = rb_buf_add(out, from, (size_t)(token->text - from), err);

	if (rc == RB_OK)
		rc = word ? rb_buf_adds(out, word, err)
		          : rb_buf_add(out, token->text, token->len, err);
	return rc;
}

/* Rights that another role gave are that role's to take. */
static bool is_understood(const struct rb_pg_token *first)
{
	return rb_pg_token_is(first, "GRANT") || rb_pg_token_is(first, "REVOKE") ||
	       rb_pg_token_is(first, "ALTER");
}

int rb_pg_add_opposite(const char *rights, struct rb_buf *out, struct rb_err *err)
{
	struct rb_pg_lexer lexer = {rights, rights + strlen(rights), rights};
	const char *from = rights;
	bool is_first = true;
	bool is_option = false;
	struct rb_pg_token token;
	int rc = RB_OK;

	while (rc == RB_OK && (token = rb_pg_lex(&lexer)).kind != RB_PG_TOKEN_END) {
		if (is_first && !is_understood(&token))
			return RB_E_UNSUPPORTED;
		is_first = *token.text == ';';
		/* WITH GRANT OPTION goes with the right. */
		is_option |= rb_pg_token_is(&token, "WITH");
		if (is_first)
			is_option = false;
		if (!is_option)
			rc = add_token(from, &token, out, err);
		from = token.text + token.len;
	}
	return rc;
}

/*
 * What "ALTER TABLE public.t OWNER TO bob" is about, without its kind, which rights call
 * otherwise; words in capital letters are the statement's.
 */
static bool subject_of(const char *owner, const char **begin, size_t *len)
{
	const char *end = strstr(owner, " OWNER TO ");
	const char *at = owner;

	while (end && at < end) {
		size_t word = strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

		if (word == 0 || at[word] != ' ')
			break;
		at += word + 1;
	}
	*begin = at;
	*len = end && at < end ? (size_t)(end - at) : 0;
	return *len > 0;
}

bool rb_pg_rights_are_of(const char *rights, const char *owner)
{
	const char *subject = NULL;
	size_t len = 0;

	if (!subject_of(owner, &subject, &len))
		return false;
	for (const char *at = strchr(rights, ' '); at; at = strchr(at + 1, ' '))
		if (strncmp(at + 1, subject, len) == 0 && at[1 + len] == ' ')
			return true;
	return false;
}
