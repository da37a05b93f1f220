/*
 * rb_config_redact_text(): see rowback/config/secret.h.
 */
#include <ctype.h>
#include <string.h>

#include "config_priv.h"
#include "rowback/config/secret.h"

#define TEXT_MAX ((size_t)16 << 20)
/* Shorter ones with a known beginning are names of ours or somebody's: "sk-learn". */
#define KNOWN_BYTES_MIN 16
/* Random text of this length that is no token is rare; words of people have few digits. */
#define RANDOM_BYTES_MIN 20
#define RANDOM_DIGITS_MIN 2

/* What those who give tokens out put in front of them, so that they are found. */
static const char *const beginnings[] = {
        "ghp_",  "gho_",  "ghu_", "ghs_",     "ghr_",  "github_pat_", "glpat-", "xoxa-",
        "xoxb-", "xoxp-", "sk-",  "sk_live_", "sk_",   "rk_live_",    "AKIA",   "AIza",
        "eyJ",   "npm_",  "hf_",  "dop_v1_",  "pypi-", "ya29",        NULL};

static bool is_token_byte(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static bool is_token(const char *word, size_t len)
{
	size_t digits = 0;
	bool has_upper = false;
	bool has_lower = false;

	for (size_t i = 0; len >= KNOWN_BYTES_MIN && beginnings[i]; i++) {
		if (strncmp(word, beginnings[i], strlen(beginnings[i])) == 0)
			return true;
	}
	for (size_t i = 0; i < len; i++) {
		digits += isdigit((unsigned char)word[i]) != 0;
		has_upper |= isupper((unsigned char)word[i]) != 0;
		has_lower |= islower((unsigned char)word[i]) != 0;
	}
	return len >= RANDOM_BYTES_MIN && digits >= RANDOM_DIGITS_MIN && has_upper && has_lower;
}

/* Append text with what looks like a token in it hidden. */
static int hide_tokens(const char *text, struct rb_buf *out, struct rb_err *err)
{
	int rc = RB_OK;

	while (rc == RB_OK && *text) {
		size_t len = 0;

		while (is_token_byte(text[len]))
			len++;
		if (is_token(text, len))
			rc = rb_buf_adds(out, "***", err);
		else
			rc = rb_buf_add(out, text, len ? len : 1, err);
		text += len ? len : 1;
	}
	return rc;
}

/* Each word by itself: another URL may stand behind the first. */
static int hide_in_words(const char *text, struct rb_buf *out, struct rb_err *err)
{
	static const char ends[] = " \t\r\n'\"";
	struct rb_buf word = RB_BUF(TEXT_MAX);
	struct rb_buf shown = RB_BUF(TEXT_MAX);
	int rc = RB_OK;

	while (rc == RB_OK && *text) {
		size_t len = strcspn(text, ends);
		size_t gap = strspn(text + len, ends);

		rb_buf_clear(&word);
		rb_buf_clear(&shown);
		rc = rb_buf_add(&word, text, len, err);
		if (rc == RB_OK)
			rc = rb_config_redact_url(rb_buf_str(&word), &shown, err);
		if (rc == RB_OK)
			rc = hide_tokens(rb_buf_str(&shown), out, err);
		if (rc == RB_OK)
			rc = rb_buf_add(out, text + len, gap, err);
		text += len + gap;
	}
	rb_secret_release_buf(&word);
	rb_buf_release(&shown);
	return rc;
}

int rb_config_redact_text(const char *text, struct rb_buf *out, struct rb_err *err)
{
	struct rb_buf shown = RB_BUF(TEXT_MAX);
	int rc = rb_config_redact_url(text, &shown, err);

	if (rc == RB_OK)
		rc = hide_in_words(rb_buf_str(&shown), out, err);
	rb_secret_release_buf(&shown);
	return rc;
}

bool rb_config_is_secret_option(const char *argument)
{
	size_t len = strlen(argument);

	return argument[0] == '-' && !strchr(argument, '=') &&
	       rb_config_is_secret_name(argument, len);
}
