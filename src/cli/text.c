/*
 * See text_priv.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text_priv.h"

void rb_cli_text_addf(struct rb_cli_text *text, const char *fmt, ...)
{
	va_list ap;
	int len;

	if (text->rc < 0)
		return;
	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	text->rc = rb_buf_reserve(text->out, (size_t)len, text->err);
	if (text->rc < 0)
		return;
	va_start(ap, fmt);
	vsnprintf(text->out->data + text->out->len, (size_t)len + 1, fmt, ap);
	va_end(ap);
	text->out->len += (size_t)len;
}

void rb_cli_text_wrap(struct rb_cli_text *text, const char *words, size_t column, size_t indent)
{
	bool is_first = true;

	while (*words) {
		size_t len = strcspn(words, " ");

		if (!is_first && column + 1 + len > RB_CLI_WRAP_COLUMNS) {
			rb_cli_text_addf(text, "\n%*s", (int)indent, "");
			column = indent;
		} else if (!is_first) {
			rb_cli_text_addf(text, " ");
			column++;
		}
		rb_cli_text_addf(text, "%.*s", (int)len, words);
		column += len;
		words += len + strspn(words + len, " ");
		is_first = false;
	}
	rb_cli_text_addf(text, "\n");
}

void rb_cli_text_paragraphs(struct rb_cli_text *text, const char *description,
                            void (*fn)(struct rb_cli_text *text, const char *paragraph,
                                       bool is_example))
{
	while (*description) {
		const char *end = strstr(description, "\n\n");
		size_t len = end ? (size_t)(end - description) : strlen(description);
		char *paragraph = strndup(description, len);

		if (!paragraph) {
			text->rc = rb_err_set(text->err, RB_E_NOMEM, "no memory for the help");
			return;
		}
		fn(text, paragraph, paragraph[0] == ' ');
		free(paragraph);
		description += len + (end ? 2 : 0);
	}
}

void rb_cli_text_value_name(struct rb_cli_text *text, const struct rb_cli_opt *opt)
{
	if (opt->kind != RB_CLI_CHOICE) {
		rb_cli_text_addf(text, "%s", opt->arg ? opt->arg : "");
		return;
	}
	for (size_t i = 0; opt->choices[i]; i++)
		rb_cli_text_addf(text, "%s%s", i > 0 ? "|" : "", opt->choices[i]);
}

char rb_cli_short_name(const struct rb_cli_command *command, const struct rb_cli_opt *opt)
{
	const struct rb_cli_opt *own = command ? command->opts : NULL;

	for (; own && own->kind != RB_CLI_END; own++) {
		if (own != opt && own->short_name == opt->short_name)
			return '\0';
	}
	return opt->short_name;
}

bool rb_cli_shows_global(const struct rb_cli_command *command, const struct rb_cli_opt *opt)
{
	const struct rb_cli_opt *own = command->opts;

	for (; own && own->kind != RB_CLI_END; own++) {
		if (strcmp(own->long_name, opt->long_name) == 0)
			return false;
	}
	return opt->needs == 0 || (opt->needs & command->needs) != 0;
}
