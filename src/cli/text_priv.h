/*
 * Writing documents piece by piece: after the first failure nothing more is added, and the
 * status says so at the end.
 */
#ifndef ROWBACK_CLI_TEXT_PRIV_H
#define ROWBACK_CLI_TEXT_PRIV_H

#include <stddef.h>

#include "rowback/base/buf.h"
#include "rowback/base/err.h"
#include "rowback/cli/command.h"

/** Columns that help text is wrapped at: a terminal of 80 shows it without a break. */
#define RB_CLI_WRAP_COLUMNS 79

/** A document being written. */
struct rb_cli_text {
	struct rb_buf *out;
	struct rb_err *err;
	int rc; /**< 0 so far, or the first failure */
};

/** Append formatted text. */
void rb_cli_text_addf(struct rb_cli_text *text, const char *fmt, ...) RB_PRINTF(2, 3);

/**
 * Append words, in lines of RB_CLI_WRAP_COLUMNS.
 *
 * column  where the line is now
 * indent  where further lines begin
 */
void rb_cli_text_wrap(struct rb_cli_text *text, const char *words, size_t column, size_t indent);

/** Calls fn with each paragraph of a description: separated by empty lines, on one line or, as
 * an example, on several. */
void rb_cli_text_paragraphs(struct rb_cli_text *text, const char *description,
                            void (*fn)(struct rb_cli_text *text, const char *paragraph,
                                       bool is_example));

/** Append what an option's value is called, "DIR" or "full|quick"; nothing for a flag. */
void rb_cli_text_value_name(struct rb_cli_text *text, const struct rb_cli_opt *opt);

/**
 * Whether a global option is shown for a command: it applies there, and no option of the
 * command has its names.
 */
bool rb_cli_shows_global(const struct rb_cli_command *command, const struct rb_cli_opt *opt);

/** The short name of an option for a command; 0 when the command's own has taken it. */
char rb_cli_short_name(const struct rb_cli_command *command, const struct rb_cli_opt *opt);

#endif /* ROWBACK_CLI_TEXT_PRIV_H */
