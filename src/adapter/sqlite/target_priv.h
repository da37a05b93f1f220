/*
 * What the files of the writing half of the SQLite adapter share.
 *
 * Layer: adapter (2), private to src/adapter/sqlite.  Uses: sqlite_priv.h.
 *
 *	target.c           target_open() to target_commit(): the handle and its transaction
 *	target_reader.c    target_reader(), target_expose(): others read a new database
 *	target_vfs.c       its file, written and read in large pieces
 *	target_writer.c    what is written, on its way to that file
 *	target_file.c      the file of a new database: made aside, named at the end
 *	target_schema.c    target_schema(): which objects, in which order
 *	target_ddl.c       running one definition out of a backup, and nothing else it may say
 *	target_loose.c     a table's definition without what would change or refuse its rows
 *	target_standin.c   functions that only the application has
 *	target_drop.c      dropping objects
 *	target_rebuild.c   full-text indexes over another table
 *	target_rows.c      target_table_begin() to target_table_end()
 *	target_feed.c      many rows by one statement
 *	target_bind.c      texts that SQLite would change on their way into UTF-16
 *	target_delete.c    target_delete(): the statements that find one row by its values
 *	target_keep.c      columns that are not in the backup
 *	target_sequence.c  sqlite_sequence, which SQLite writes, too
 *	target_check.c     target_check(): foreign keys
 *	target_names.c     lists of names
 *
 * A new database is written to a file beside the place where it is to be, with no journal
 * on disk, and gets its name when it is whole.  An existing one is written in one ordinary
 * transaction; its file is never replaced.
 */
#ifndef ROWBACK_ADAPTER_SQLITE_TARGET_PRIV_H
#define ROWBACK_ADAPTER_SQLITE_TARGET_PRIV_H

#include "rowback/base/map.h"
#include "sqlite_priv.h"

/** Where a target stands between target_open() and target_close(). */
enum rb_sqlite_stage {
	RB_SQLITE_OPENED,    /**< nothing begun */
	RB_SQLITE_BEGUN,     /**< target_begin() was called */
	RB_SQLITE_EXPOSED,   /**< a new database is written, and others may read it */
	RB_SQLITE_COMMITTED, /**< nothing more can be written */
};

/** A list of names; zero it to begin. */
struct rb_sqlite_names {
	char **names;
	size_t count;
};

/** Rows in memory that a statement inserts. */
struct rb_sqlite_feed {
	sqlite3_stmt *insert;          /**< NULL until needed */
	size_t columns;                /**< stored columns of the table */
	const struct rb_value *values; /**< row after row; borrowed while the statement runs */
	size_t row_count;
};

/** The table whose rows are being written. */
struct rb_sqlite_rows {
	const struct rb_table *table; /**< borrowed; NULL between tables */
	size_t count;                 /**< stored columns */
	size_t *stored;               /**< their indexes in the table */
	char *affinity;               /**< what each does to values (target_rows.c) */
	bool *not_null;               /**< for each: whether NULL is refused */
	size_t *by;                   /**< positions of the values that a row is found by */
	size_t by_count;              /**< in by */
	struct rb_sqlite_feed feed;   /**< for many rows at once */
	sqlite3_stmt *insert;         /**< NULL until needed, like the others */
	sqlite3_stmt *remove;         /**< finds the row by an index where there is one */
	sqlite3_stmt *remove_exact;   /**< finds it by its stored bytes, reading the table */
	char *definition;             /**< the true one while a loose one is in its place */
	bool written;                 /**< a row was to be inserted or deleted */
	struct rb_buf text;           /**< UTF-16 form of a text that SQLite would change */
};

/** A row of sqlite_sequence. */
struct rb_sqlite_sequence_row {
	sqlite3_value *values[3]; /**< rowid, name, seq */
};

/** The rows of sqlite_sequence as they are to be at the end. */
struct rb_sqlite_sequence {
	struct rb_sqlite_sequence_row *rows;
	size_t count;
	bool is_managed; /**< the caller wrote them */
};

/** What target_keep() made for one table. */
struct rb_sqlite_kept {
	size_t number;   /**< of the temporary table */
	size_t *columns; /**< of the backup's table, whose values are kept */
	size_t count;    /**< in columns */
};

/** A target. */
struct rb_sqlite_target {
	struct rb_target base;
	struct rb_sqlite_conn conn;
	struct rb_sqlite_source source; /**< the same connection as a source */
	char *path;                     /**< the database's place, links resolved */
	char *tmp_path;                 /**< where a new one is built; NULL: it exists */
	bool tmp_exists;                /**< a file of that name is to be removed */
	bool dry_run;                   /**< nothing may be written */
	bool is_empty;                  /**< no schema object was there when it was opened */
	bool is_blank;                  /**< no page yet: its size and the encoding can be chosen */
	bool is_foreign_text;           /**< the backup has another encoding */
	bool in_transaction;            /**< BEGIN was run */
	bool has_committed;             /**< all rows so far are: target_reader() was called */
	enum rb_sqlite_stage stage;
	int64_t data_version; /**< PRAGMA data_version when it was opened */
	struct rb_sqlite_rows rows;
	struct rb_sqlite_sequence sequence;
	struct rb_sqlite_names written;    /**< tables made or written */
	struct rb_sqlite_names made;       /**< virtual tables made */
	struct rb_sqlite_names collations; /**< collations that a stand-in serves */
	struct rb_sqlite_names functions;  /**< functions that a stand-in serves */
	struct rb_sqlite_names hollow;     /**< tables made with stand-ins */
	bool stands_in;                    /**< functions' stand-ins give NULL, else they fail */
	struct rb_map *kept;               /**< by table, a struct rb_sqlite_kept; NULL: none */
	struct rb_map *broken;             /**< foreign keys that were broken before; NULL: none */
};

/* target.c */

/**
 * Whether a step may write now.
 *
 * returns 0; RB_E_USAGE in a dry run, before target_begin() or after target_commit()
 */
int rb_sqlite_target_may_write(const struct rb_sqlite_target *target,
                               struct rb_err *err) RB_MUST_CHECK;

/** Begin the transaction of a blank database, its page size and encoding as the catalog's. */
int rb_sqlite_target_start_blank(struct rb_sqlite_target *target, const struct rb_catalog *catalog,
                                 struct rb_err *err) RB_MUST_CHECK;

/** A setting's value out of a catalog, or NULL. */
const char *rb_sqlite_setting(const struct rb_catalog *catalog, const char *name);

/**
 * A setting that is an integer.
 *
 * found    whether it is there
 * returns  0; RB_E_FORMAT when it is not in min..max
 */
int rb_sqlite_setting_int(const struct rb_catalog *catalog, const char *name, int64_t min,
                          int64_t max, bool *found, int64_t *out, struct rb_err *err) RB_MUST_CHECK;

/* target_names.c */

/** Append a copy of a name. */
int rb_sqlite_names_add(struct rb_sqlite_names *names, const char *name,
                        struct rb_err *err) RB_MUST_CHECK;

/** Whether a name is in a list, as SQLite compares names: ASCII case does not count. */
bool rb_sqlite_names_have(const struct rb_sqlite_names *names, const char *name);

/** Append the first column of a query. */
int rb_sqlite_names_select(struct rb_sqlite_names *names, struct rb_sqlite_conn *conn,
                           const char *sql, struct rb_err *err) RB_MUST_CHECK;

/** Free the names; the list is empty afterwards. */
void rb_sqlite_names_release(struct rb_sqlite_names *names);

/* target_file.c */

/**
 * Find the place a path names.
 *
 * out       the path with links resolved, on the heap
 * exists    whether a file is there
 * returns   0; RB_E_UNREACHABLE for a directory that is not there, a link that leads
 *           nowhere, or something that is no file
 */
int rb_sqlite_file_locate(const char *path, char **out, bool *exists,
                          struct rb_err *err) RB_MUST_CHECK;

/**
 * Make an empty file (0600) beside the place of a new database, and remove those that
 * runs which were killed left there.
 *
 * tmp      its path, on the heap
 * returns  0; RB_E_CONFLICT when a journal without its database lies at that place;
 *          RB_E_UNREACHABLE when no file can be made there
 */
int rb_sqlite_file_make(const char *path, char **tmp, struct rb_err *err) RB_MUST_CHECK;

/**
 * Give a finished file its name, durably and never over another file.
 *
 * returns 0; RB_E_CONFLICT when something has this name now; RB_E_IO.  After a failure
 *         nothing of ours has this name.
 */
int rb_sqlite_file_publish(const char *tmp, const char *path, struct rb_err *err) RB_MUST_CHECK;

/* target_vfs.c, target_writer.c */

/** Some bytes of a file. */
struct rb_sqlite_stretch {
	char *bytes;
	sqlite3_int64 at; /**< where in the file */
	size_t len;       /**< 0: it holds nothing */
};

/** Whether a stretch holds some of these bytes. */
bool rb_sqlite_overlaps(const struct rb_sqlite_stretch *stretch, sqlite3_int64 at, size_t len);

/** A thread that writes to a file.  What these return is SQLite's: SQLITE_OK, SQLITE_FULL, ... */
struct rb_sqlite_writer;

/**
 * Open a file that is there.
 *
 * room  bytes that each stretch's memory has
 */
int rb_sqlite_writer_open(const char *path, size_t room,
                          struct rb_sqlite_writer **out) RB_MUST_CHECK;

/**
 * Let a stretch be written after what was put before, and take other memory in exchange.
 *
 * stretch  empty afterwards, unless something failed
 * returns  also what became of stretches before: a failure stays
 */
int rb_sqlite_writer_put(struct rb_sqlite_writer *writer,
                         struct rb_sqlite_stretch *stretch) RB_MUST_CHECK;

/** Whether some of these bytes are not in the file yet. */
bool rb_sqlite_writer_has(struct rb_sqlite_writer *writer, sqlite3_int64 at, size_t len);

/** Wait until all of it is in the file. */
int rb_sqlite_writer_wait(struct rb_sqlite_writer *writer) RB_MUST_CHECK;

/** Wait, and close.  NULL is allowed. */
int rb_sqlite_writer_close(struct rb_sqlite_writer *writer);

/* target_schema.c */

/** What the target has under an object's kind and name. */
enum rb_sqlite_presence {
	RB_SQLITE_ABSENT,
	RB_SQLITE_SAME,  /**< the same definition */
	RB_SQLITE_OTHER, /**< another one */
};

/** Look for an object. */
int rb_sqlite_find(struct rb_sqlite_target *target, const struct rb_object *object,
                   enum rb_sqlite_presence *out, struct rb_err *err) RB_MUST_CHECK;

/** Whether an object is a virtual table. */
bool rb_sqlite_is_virtual(const struct rb_object *object);

/* target_ddl.c */

/** What became of a definition. */
enum rb_sqlite_made {
	RB_SQLITE_MADE,
	RB_SQLITE_MADE_UNSERVED, /**< entered, though nothing here serves the virtual table */
	RB_SQLITE_NOT_MADE,      /**< something it needs is missing */
};

/**
 * Run the one CREATE statement that an object's text must be.
 *
 * why      RB_ERR_MSG_SIZE bytes; SQLite's words when it is not RB_SQLITE_MADE
 * returns  0; RB_E_FORMAT when the text is anything else; as rb_sqlite_fail()
 */
int rb_sqlite_ddl_run(struct rb_sqlite_target *target, const struct rb_object *object,
                      enum rb_sqlite_made *made, char *why, struct rb_err *err) RB_MUST_CHECK;

/** Run one statement with sqlite_schema open for writing; texts are its parameters. */
int rb_sqlite_schema_write(struct rb_sqlite_target *target, const char *sql, int count,
                           const char *const *texts, struct rb_err *err) RB_MUST_CHECK;

/** Whether SQLite lists a name: list is "module_list" or "function_list". */
int rb_sqlite_has(struct rb_sqlite_target *target, const char *list, const char *name, bool *out,
                  struct rb_err *err) RB_MUST_CHECK;

/** Whether a module of this name is there. */
int rb_sqlite_has_module(struct rb_sqlite_target *target, const char *module, bool *out,
                         struct rb_err *err) RB_MUST_CHECK;

/* target_drop.c */

/** Drop an object; one that is not there is no error. */
int rb_sqlite_drop(struct rb_sqlite_target *target, const struct rb_object *object,
                   struct rb_err *err) RB_MUST_CHECK;

/* target_rebuild.c */

/** Build those full-text indexes anew whose content was written. */
int rb_sqlite_rebuild(struct rb_sqlite_target *target, struct rb_catalog *remarks,
                      struct rb_err *err) RB_MUST_CHECK;

/* target_loose.c */

/**
 * Append a table's definition without types, NOT NULL and CHECK: what is stored under it is
 * stored in the same way, but unchanged.
 *
 * sql      the definition of an ordinary table
 * returns  0; RB_E_UNSUPPORTED when it does not have the table's columns
 */
int rb_sqlite_loosen(const char *sql, const struct rb_table *table, struct rb_buf *out,
                     struct rb_err *err) RB_MUST_CHECK;

/** Enter another definition for a table that is there. */
int rb_sqlite_redefine(struct rb_sqlite_target *target, const char *name, const char *sql,
                       struct rb_err *err) RB_MUST_CHECK;

/** Put the table whose rows are being written under its loose definition. */
int rb_sqlite_loose_begin(struct rb_sqlite_target *target, struct rb_err *err) RB_MUST_CHECK;

/** Give it its own definition back. */
int rb_sqlite_loose_end(struct rb_sqlite_target *target, struct rb_err *err) RB_MUST_CHECK;

/* target_feed.c */

/** Whether rows of the table being written can be inserted by rb_sqlite_feed_run(). */
bool rb_sqlite_feed_serves(const struct rb_sqlite_target *target);

/** Whether such a row can hold a value.  Not asked: whether its column keeps it. */
bool rb_sqlite_feed_takes(const struct rb_value *value);

/**
 * Insert rows whose values all fit their columns.  After a failure some are inserted.
 *
 * values  row after row, one for each stored column
 */
int rb_sqlite_feed_run(struct rb_sqlite_target *target, const struct rb_value *values,
                       size_t row_count, struct rb_err *err) RB_MUST_CHECK;

/* target_standin.c */

/**
 * Try a definition again that SQLite could not compile, with stand-ins for the functions
 * that are missing.
 *
 * made, why  as of rb_sqlite_ddl_run(), of the try before and then of the last one
 * returns    0, whether it was made or not; as rb_sqlite_ddl_run()
 */
int rb_sqlite_stand_in(struct rb_sqlite_target *target, const struct rb_object *object,
                       enum rb_sqlite_made *made, char *why, struct rb_err *err) RB_MUST_CHECK;

/** Append the functions of a definition that stand-ins serve: "title_sort(), uuid4()". */
int rb_sqlite_stood_in(const struct rb_sqlite_target *target, const struct rb_object *object,
                       struct rb_buf *names, struct rb_err *err) RB_MUST_CHECK;

/* target_rows.c, target_bind.c, target_delete.c */

/** Forget the table whose rows are being written; its statements are closed. */
void rb_sqlite_rows_release(struct rb_sqlite_target *target);

/** Before a row is written.  returns 0; RB_E_USAGE without a table; RB_E_UNSUPPORTED */
int rb_sqlite_rows_first(struct rb_sqlite_target *target, struct rb_err *err) RB_MUST_CHECK;

/** Prepare a statement about its rows.  returns 0; RB_E_UNSUPPORTED with SQLite's reason */
int rb_sqlite_rows_prepare(struct rb_sqlite_target *target, struct rb_buf *sql, sqlite3_stmt **out,
                           struct rb_err *err) RB_MUST_CHECK;

/** Whether a stored column gives back what is put into it. */
bool rb_sqlite_rows_fit(const struct rb_sqlite_rows *rows, size_t position,
                        const struct rb_value *value);

/** Bind a value, as rb_sqlite_bind() does, but every text of UTF-16 stays as it is. */
int rb_sqlite_rows_bind(struct rb_sqlite_target *target, sqlite3_stmt *stmt, int index,
                        const struct rb_value *value, struct rb_err *err) RB_MUST_CHECK;

/** Choose the columns that a row is found by: the key, or key and all the rest. */
void rb_sqlite_delete_order(struct rb_sqlite_rows *rows);

/* target_keep.c */

/** Free what rb_sqlite_target_keep() noted; NULL is allowed. */
void rb_sqlite_kept_free(struct rb_map *kept);

/* target_sequence.c */

/** Whether a table is sqlite_sequence. */
bool rb_sqlite_is_sequence(const char *table);

/** Make sqlite_sequence, where no table with AUTOINCREMENT has. */
int rb_sqlite_sequence_make(struct rb_sqlite_target *target, struct rb_err *err) RB_MUST_CHECK;

/** The caller has written its rows: keep them. */
int rb_sqlite_sequence_keep(struct rb_sqlite_target *target, struct rb_err *err) RB_MUST_CHECK;

/** All other rows are written, too: put those back that were kept. */
int rb_sqlite_sequence_finish(struct rb_sqlite_target *target, struct rb_err *err) RB_MUST_CHECK;

/** Free the rows. */
void rb_sqlite_sequence_release(struct rb_sqlite_sequence *sequence);

#endif /* ROWBACK_ADAPTER_SQLITE_TARGET_PRIV_H */
