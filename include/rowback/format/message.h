/*
 * The message of a backup commit: a subject, a table of changes, trailers.
 *
 * Layer: format (2).  Uses: rowback/base.
 *
 *	backup: app +3 ~2 -1 rows in 2 of 12 tables
 *
 *	> tried the new importer,
 *	> see the ticket
 *
 *	  app/orders            +3         ~2
 *	  app/sessions                                -1
 *
 *	Backup-Id: 20261120T155800Z
 *	Backup-Kind: full
 *	Backup-Label: before-upgrade
 *	...
 *
 * Where no row and no definition changed and the code is known, the subject is
 * "backup: app unchanged, code 1a2b3c4 fix the importer"; of a quick one always
 * "quick backup: code 1a2b3c4 fix the importer".
 *
 * Whatever a label, a note or a name holds, it cannot pass for a trailer: texts are kept on
 * their line, a note's lines begin with '>'.  There control bytes (in notes all but the tab)
 * and bytes that are no UTF-8 become '?', and blanks around a label go.
 */
#ifndef ROWBACK_FORMAT_MESSAGE_H
#define ROWBACK_FORMAT_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowback/base/buf.h"
#include "rowback/base/err.h"

/** Rows that differ in one table. */
struct rb_table_change {
	char *source;
	char *table;
	uint64_t inserted;
	uint64_t updated;
	uint64_t deleted;
	bool schema_changed; /**< its definition differs */
	bool created;        /**< it was not there before */
	bool dropped;        /**< it is not there any more */
};

/** All that a backup commit says.  Strings may be NULL where there is nothing to say. */
struct rb_message {
	char *id;          /**< "20261120T155800Z" */
	char *kind;        /**< "full", "quick", "safety" */
	char *trigger;     /**< "manual", "schedule", "deploy", "pre-restore", "api" */
	char *label;       /**< one line */
	char *note;        /**< free text; line ends at its end go */
	char *sources;     /**< "app crm": the sources that were read */
	uint64_t rows;     /**< rows in the whole backup */
	uint64_t inserted; /**< against the backup before */
	uint64_t updated;
	uint64_t deleted;
	char *code_commit; /**< the app repository's commit */
	char *code_branch;
	char *code_subject;  /**< that commit's first line */
	char *code_deployed; /**< what its remote's branch was, where that is another commit */
	char *code_state;    /**< "clean", or "dirty" when its working tree had changes */
	char *bytes_added;   /**< "6630000": bytes that the backup added to the store */
	char *tool_version;
	char *subject;    /**< replaces the first line when it is set; not read back */
	char *incomplete; /**< "app/logs": tables that could not be read */
};

/** The struct is empty afterwards. */
void rb_message_release(struct rb_message *message);

/**
 * Write the message.
 *
 * changes       sorted by source and table; borrowed
 * table_count   tables in the whole backup
 */
int rb_message_write(const struct rb_message *message, const struct rb_table_change *changes,
                     size_t change_count, size_t table_count, struct rb_buf *out,
                     struct rb_err *err) RB_MUST_CHECK;

/**
 * Read a commit's message.  Trailers are looked for where git looks: in the last paragraph,
 * which is not the first.
 *
 * returns 0; RB_E_FORMAT when it has no Backup-Id that is a time: the commit is not a backup;
 *         or a number in it is none
 */
int rb_message_read(const char *text, struct rb_message *out, struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_FORMAT_MESSAGE_H */
