/*
 * See gate_priv.h: spans of time and commands, as people read them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/base/time.h"
#include "gate_priv.h"

/* Set by our hooks where a person's shell would not find "rowback". */
#define PROGRAM_ENV "ROWBACK_PROGRAM"

static const char *const words[RB_GATE_REASON_COUNT] = {
        [RB_GATE_PASSES] = "",
        [RB_GATE_NO_BACKUP] = "no_backup",
        [RB_GATE_TOO_OLD] = "too_old",
        [RB_GATE_NOT_PUSHED] = "not_pushed",
        [RB_GATE_KIND] = "kind",
        [RB_GATE_INCOMPLETE] = "incomplete",
        [RB_GATE_SOURCE_MISSING] = "source_missing",
        [RB_GATE_NO_REMOTE] = "no_remote",
        [RB_GATE_REMOTE_UNREACHABLE] = "remote_unreachable",
        [RB_GATE_CLOCK] = "clock",
        [RB_GATE_BACKUP_FAILED] = "backup_failed",
        [RB_GATE_EFFECT] = "effect",
};

const char *rb_gate_reason_word(enum rb_gate_reason reason)
{
	return words[reason];
}

void rb_gate_span_text(int64_t seconds, char out[RB_GATE_TEXT_SIZE])
{
	static const char ago[] = " ago";
	size_t len;

	rb_time_format_ago(0, seconds < 0 ? -seconds : seconds, out, RB_GATE_TEXT_SIZE);
	len = strlen(out);
	if (len >= strlen(ago) && strcmp(out + len - strlen(ago), ago) == 0)
		out[len - strlen(ago)] = '\0';
}

void rb_gate_duration_text(int64_t seconds, char out[RB_GATE_TEXT_SIZE])
{
	static const struct {
		int64_t seconds;
		char unit;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	size_t i = 0;

	/* The largest unit that leaves no rest: 26h stays 26h. */
	while (seconds == 0 ? units[i].seconds > 1 : seconds % units[i].seconds != 0)
		i++;
	snprintf(out, RB_GATE_TEXT_SIZE, "%lld%c", (long long)(seconds / units[i].seconds),
	         units[i].unit);
}

int rb_gate_add_word(const char *word, struct rb_buf *out, struct rb_err *err)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                            "0123456789_@%+=:,./~-";
	int rc;

	/* "~" would be somebody's home in front. */
	if (*word && *word != '~' && strspn(word, plain) == strlen(word))
		return rb_buf_adds(out, word, err);
	rc = rb_buf_adds(out, "'", err);
	for (const char *c = word; rc == RB_OK && *c; c++)
		rc = *c == '\'' ? rb_buf_adds(out, "'\\''", err) : rb_buf_add(out, c, 1, err);
	return rc == RB_OK ? rb_buf_adds(out, "'", err) : rc;
}

int rb_gate_command(const struct rb_store *store, struct rb_buf *out, struct rb_err *err)
{
	const char *program = getenv(PROGRAM_ENV);
	int rc = rb_gate_add_word(program && *program ? program : "rowback", out, err);

	if (rc == RB_OK)
		rc = rb_buf_adds(out, " -C ", err);
	if (rc == RB_OK)
		rc = rb_gate_add_word(rb_store_dir(store), out, err);
	return rc;
}

int rb_gate_refuse(const struct rb_err *answer, struct rb_err *err)
{
	rb_err_set(err, RB_E_GATE, "the gate refused: %.900s", answer->msg);
	if (answer->hint[0])
		rb_err_hint(err, "%s", answer->hint);
	return RB_E_GATE;
}
