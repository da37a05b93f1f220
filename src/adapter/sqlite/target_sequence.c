/*
 * See target_priv.h: sqlite_sequence.
 *
 * SQLite itself writes this table whenever a row goes into a table with AUTOINCREMENT, so
 * what it holds would depend on the order in which tables are written.  Its rows are
 * therefore kept in memory once the caller has written them, and put back at the end.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "target_priv.h"

#define COLUMNS (sizeof(((struct rb_sqlite_sequence_row *)NULL)->values) / sizeof(sqlite3_value *))

bool rb_sqlite_is_sequence(const char *table)
{
	return strcasecmp(table, "sqlite_sequence") == 0;
}

static void forget(struct rb_sqlite_sequence *sequence)
{
	for (size_t i = 0; i < sequence->count; i++)
		for (size_t column = 0; column < COLUMNS; column++)
			sqlite3_value_free(sequence->rows[i].values[column]);
	free(sequence->rows);
	sequence->rows = NULL;
	sequence->count = 0;
}

void rb_sqlite_sequence_release(struct rb_sqlite_sequence *sequence)
{
	forget(sequence);
	sequence->is_managed = false;
}

/* Append the row the statement stands on. */
static int keep_row(struct rb_sqlite_sequence *sequence, sqlite3_stmt *stmt, struct rb_err *err)
{
	struct rb_sqlite_sequence_row *rows =
	        realloc(sequence->rows, (sequence->count + 1) * sizeof(*rows));
	bool is_whole = true;

	if (!rows)
		return rb_err_set(err, RB_E_NOMEM, "no memory to read sqlite_sequence");
	sequence->rows = rows;
	rows += sequence->count++;
	for (size_t i = 0; i < COLUMNS; i++) {
		rows->values[i] = sqlite3_value_dup(sqlite3_column_value(stmt, (int)i));
		is_whole &= rows->values[i] != NULL;
	}
	return is_whole ? RB_OK : rb_err_set(err, RB_E_NOMEM, "no memory to read sqlite_sequence");
}

int rb_sqlite_sequence_keep(struct rb_sqlite_target *target, struct rb_err *err)
{
	struct rb_sqlite_sequence *sequence = &target->sequence;
	sqlite3_stmt *stmt = NULL;
	int rc;

	forget(sequence);
	sequence->is_managed = true;
	rc = rb_sqlite_prepare(&target->conn, "SELECT rowid, name, seq FROM main.sqlite_sequence",
	                       &stmt, err);
	while (rc == RB_OK && (rc = rb_sqlite_step(&target->conn, stmt, err)) > 0)
		rc = keep_row(sequence, stmt, err);
	sqlite3_finalize(stmt);
	return rc;
}

/* Make the table hold the rows that are kept in memory. */
static int put_back(struct rb_sqlite_target *target, struct rb_err *err)
{
	struct rb_sqlite_sequence *sequence = &target->sequence;
	sqlite3_stmt *stmt = NULL;
	int code = SQLITE_OK;
	int rc;

	rc = rb_sqlite_exec(&target->conn, "DELETE FROM main.sqlite_sequence", err);
	if (rc == RB_OK)
		rc = rb_sqlite_prepare(&target->conn,
		                       "INSERT INTO main.sqlite_sequence(rowid, name, seq)"
		                       " VALUES(?, ?, ?)",
		                       &stmt, err);
	for (size_t row = 0; row < sequence->count && rc == RB_OK; row++) {
		for (size_t i = 0; i < COLUMNS && code == SQLITE_OK; i++)
			code = sqlite3_bind_value(stmt, (int)i + 1, sequence->rows[row].values[i]);
		rc = code == SQLITE_OK ? rb_sqlite_step(&target->conn, stmt, err)
		                       : rb_sqlite_fail(&target->conn, code, err,
		                                        "cannot write sqlite_sequence");
		sqlite3_reset(stmt);
	}
	sqlite3_finalize(stmt);
	return rc;
}

int rb_sqlite_sequence_finish(struct rb_sqlite_target *target, struct rb_err *err)
{
	return target->sequence.is_managed ? put_back(target, err) : RB_OK;
}

int rb_sqlite_sequence_make(struct rb_sqlite_target *target, struct rb_err *err)
{
	int64_t count = 0;
	int rc = rb_sqlite_get_int(&target->conn,
	                           "SELECT count(*) FROM main.sqlite_schema"
	                           " WHERE type = 'table' AND name = 'sqlite_sequence'",
	                           &count, err);

	if (rc < 0 || count > 0)
		return rc;
	/* It comes with the first AUTOINCREMENT, and stays when that goes. */
	return rb_sqlite_exec(&target->conn,
	                      "CREATE TABLE main.\"sqlite-sequence of rowback\""
	                      "(id INTEGER PRIMARY KEY AUTOINCREMENT);"
	                      "DROP TABLE main.\"sqlite-sequence of rowback\"",
	                      err);
}
