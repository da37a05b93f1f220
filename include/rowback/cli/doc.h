/*
 * What is made from the tables of commands and options: help, manual, completions.
 *
 * Layer: cli (5).  Uses: rowback/cli/command.h, rowback/cli/exit.h, rowback/config/config.h.
 */
#ifndef ROWBACK_CLI_DOC_H
#define ROWBACK_CLI_DOC_H

#include "rowback/base/buf.h"
#include "rowback/base/err.h"
#include "rowback/cli/command.h"

/** Bytes a document may have: the manual has about 30,000. */
#define RB_CLI_DOC_MAX ((size_t)1024 * 1024)

/** Append what `rowback --help` prints: commands, global options, exit statuses. */
int rb_cli_help_all(struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

/** Append what `rowback help COMMAND` prints: usage, description, options. */
int rb_cli_help_command(const struct rb_cli_command *command, struct rb_buf *out,
                        struct rb_err *err) RB_MUST_CHECK;

/** Append the manual page, rowback(1), in man(7) macros. */
int rb_cli_man(struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

/** Append the completion script for a shell: "bash", "zsh" or "fish"; else RB_E_USAGE. */
int rb_cli_completion(const char *shell, struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_CLI_DOC_H */
