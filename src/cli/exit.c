/*
 * See rowback/cli/exit.h.
 */
#include "rowback/base/err.h"
#include "rowback/cli/exit.h"

/* Codes other than 1 and 2 are for scripts that react to one thing; the rest is an error. */
static const struct rb_cli_exit rows[] = {
        {RB_OK, 0, "ok", "success, also when nothing changed"},
        {RB_CLI_FINDINGS, 1, "findings", "findings: differences, warnings, a stale backup"},
        {RB_E_USAGE, 2, "usage", "error: wrong usage, and all that is not listed here"},
        {RB_E_NOMEM, 2, "no-memory", NULL},
        {RB_E_LIMIT, 2, "limit", NULL},
        {RB_E_IO, 2, "io", NULL},
        {RB_E_NOTFOUND, 2, "not-found", NULL},
        {RB_E_FORMAT, 2, "format", NULL},
        {RB_E_EXISTS, 2, "exists", NULL},
        {RB_E_UNSUPPORTED, 2, "unsupported", NULL},
        {RB_E_CANCELLED, 2, "cancelled", NULL},
        {RB_E_TIMEOUT, 2, "timeout", NULL},
        {RB_E_INCOMPLETE, 3, "incomplete", "incomplete export; nothing was committed"},
        {RB_E_NOSTORE, 10, "no-store", "store or backup not found"},
        {RB_E_LOCKED, 11, "locked", "another operation holds the store's lock"},
        {RB_E_AUTH, 12, "auth", "authentication or decryption failed"},
        {RB_E_UNREACHABLE, 13, "unreachable", "the source cannot be opened or read"},
        {RB_E_REJECTED, 14, "rejected",
         "push rejected or remote diverged; the local backup is safe"},
        {RB_E_MISMATCH, 15, "mismatch", "verification found a mismatch"},
        {RB_E_CONFLICT, 16, "conflict", "the restore conflicts with newer changes"},
        {RB_E_GATE, 17, "gate", "the gate refused"},
        {RB_E_SAFETY, 18, "safety", "the safety backup failed; nothing was restored"},
        {RB_E_SUSPICIOUS, 19, "suspicious", "a suspicious backup was set aside"},
        {RB_E_PUBLIC, 20, "public", "the remote is public; nothing was pushed"},
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

const struct rb_cli_exit *rb_cli_exit_at(size_t n)
{
	return n < ROW_COUNT ? &rows[n] : NULL;
}

const struct rb_cli_exit *rb_cli_exit_of(int status)
{
	static const struct rb_cli_exit other = {RB_E_IO, 2, "error", NULL};

	for (size_t i = 0; i < ROW_COUNT; i++) {
		if (rows[i].status == status)
			return &rows[i];
	}
	return &other;
}
