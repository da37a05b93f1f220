/*
 * What every engine promises: reading a source, writing a target.
 *
 * Layer: adapter (2 of 4).  Uses: rowback/base, rowback/value.
 *
 * An engine is a table of functions (struct rb_adapter), registered in
 * adapter/registry.c.  A source is read in one consistent snapshot from
 * rb_source_catalog() to rb_source_close().  A target can be looked at as a source on the
 * same connection (rb_target_source()), so that what was written is exported again and
 * compared before it is committed; where definitions are not seen that way, target_prove()
 * compares them.
 */
#ifndef ROWBACK_ADAPTER_ADAPTER_H
#define ROWBACK_ADAPTER_ADAPTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowback/base/buf.h"
#include "rowback/base/err.h"
#include "rowback/value/schema.h"
#include "rowback/value/value.h"

struct rb_adapter;

/** A source that is open for reading.  Engines embed this as their first member. */
struct rb_source {
	const struct rb_adapter *adapter;
};

/** A target that is open for writing.  Engines embed this as their first member. */
struct rb_target {
	const struct rb_adapter *adapter;
};

/** Which schemas are looked at, for engines that have schemas; {0}: all but a platform's own. */
struct rb_schema_choice {
	/**
	 * Whether a schema is left out.
	 *
	 * schema        its name, as the engine has it
	 * is_platforms  it is a platform's own (Supabase's), not the user's
	 */
	bool (*leaves_out)(const void *ctx, const char *schema, bool is_platforms);
	const void *ctx; /**< borrowed for as long as the source or target is open */
};

/**
 * The setting of a catalog that names the schemas that were left out, with ", " between; none
 * where none was.
 */
#define RB_SETTING_LEFT_OUT "schemas_left_out"

/** How to open. */
struct rb_open_opts {
	const char *url;                 /**< "sqlite:/srv/app/app.db", as configured */
	int64_t busy_timeout_ms;         /**< how long to wait for another program's lock */
	struct rb_schema_choice schemas; /**< copied */
};

/** How to open for writing. */
struct rb_target_opts {
	struct rb_open_opts open;
	bool create;  /**< make it when it is not there (made under another name until commit) */
	bool dry_run; /**< every write is refused at the handle */
};

/** Receives rows.  A negative return ends the reading and is its result. */
struct rb_row_sink {
	/** values: one for each stored column, valid during the call only. */
	int (*row)(void *ctx, const struct rb_value *values, struct rb_err *err);
	/**
	 * The row's text, right before row(): what source_groups() hashes.  An engine without
	 * groups never calls it.  NULL: not wanted.
	 */
	int (*text)(void *ctx, const char *text, size_t len, struct rb_err *err);
	void *ctx;
};

/*
 * Groups: a table's rows in key order, cut where the rows themselves say, each group with a
 * digest that the server computes.  Equal digests are equal rows.
 *
 * With h the SHA-256 of a row's text, a row begins a group when the first 8 bytes of h, as a
 * big-endian integer, are less than RB_GROUP_ROW_MAX or the text's bytes, whichever is less,
 * times RB_GROUP_FACTOR: a group is 16 kB of text on average.  The first row always does.  A
 * group's digest is the beginning of the SHA-256 of its rows' h, one after the other.
 */
#define RB_GROUP_ROW_MAX 8191
#define RB_GROUP_FACTOR ((uint64_t)1 << 50)
/** Bytes of a digest: as many as git's own names have. */
#define RB_GROUP_DIGEST_SIZE 20

/** A group of rows. */
struct rb_group {
	uint32_t rows; /**< 1 at least */
	unsigned char digest[RB_GROUP_DIGEST_SIZE];
};

/** Receives groups.  A negative return ends the reading and is its result. */
struct rb_group_sink {
	int (*group)(void *ctx, const struct rb_group *group, struct rb_err *err);
	void *ctx;
};

/** Rows of a table by their place in key order, from 0: from, ..., to - 1. */
struct rb_row_range {
	uint64_t from;
	uint64_t to;
};

/** Which schema objects a call of target_schema() is about. */
enum rb_schema_step {
	RB_SCHEMA_DROP,   /**< drop what is given: objects that are to go or to be made anew */
	RB_SCHEMA_TABLES, /**< make the tables, virtual ones included, and settings that come first
	                   */
	RB_SCHEMA_AFTER,  /**< indexes, then views and triggers; rebuild external-content indexes;
	                       settings that come last */
};

/** What goes with objects that are dropped.  All texts are borrowed while the function runs. */
struct rb_dependent {
	const char *kind;  /**< as in the catalog; NULL for what a catalog has no objects for */
	const char *name;  /**< likewise */
	const char *table; /**< the table that it is on; NULL when it stands by itself */
	const char *what;  /**< as the engine calls it, for messages */
	bool is_forced;    /**< it has to be dropped before; else it goes by itself */
	bool is_part;      /**< of something else that is told of, too */
};

typedef int rb_dependent_fn(void *ctx, const struct rb_dependent *dependent, struct rb_err *err);

struct rb_adapter {
	const char *name;             /**< "sqlite": the engine, as rowback.json has it */
	const char *const *schemes;   /**< URL schemes, without ':'; NULL-terminated */
	const char *(*version)(void); /**< of the library it uses: "3.40.1" */
	/**
	 * Two sources whose fingerprints were equal when they were opened stay equal: one may read
	 * tables for the other.
	 */
	bool shares_reading;

	/** Whether a URL has a password in it.  NULL when URLs of this engine have none. */
	bool (*url_has_secret)(const char *url);

	/**
	 * Open a source, read-only.
	 *
	 * returns 0; RB_E_UNREACHABLE (exit 13) with a hint when it is not there, is no
	 *         database, is locked past the time-out, or may not be read
	 */
	int (*source_open)(const struct rb_open_opts *opts, struct rb_source **out,
	                   struct rb_err *err);

	/** NULL is allowed. */
	void (*source_close)(struct rb_source *source);

	/**
	 * A text that is equal as long as the content is proved to be the same, "" when the
	 * engine cannot prove it.  Made under the snapshot.  Two equal non-empty texts mean:
	 * nothing was written between them.
	 */
	int (*source_fingerprint)(struct rb_source *source, struct rb_buf *out, struct rb_err *err);

	/**
	 * Read all of the schema.  What cannot be read becomes a remark.
	 *
	 * out  the caller's, for rb_catalog_free()
	 */
	int (*source_catalog)(struct rb_source *source, struct rb_catalog **out,
	                      struct rb_err *err);

	/** Append the DDL script for people: what a restore without rowback would run. */
	int (*source_schema_sql)(struct rb_source *source, const struct rb_catalog *catalog,
	                         struct rb_buf *out, struct rb_err *err);

	/**
	 * Open another source of the same snapshot, for a thread of its own to read tables of the
	 * catalog that source_catalog() gave before; closed before this one.  NULL when the engine
	 * cannot.
	 *
	 * returns 0; RB_E_UNSUPPORTED; RB_E_UNREACHABLE: reading goes on without it
	 */
	int (*source_share)(struct rb_source *source, struct rb_source **out, struct rb_err *err);

	/**
	 * Read a table's rows in key order (value/key.h).
	 *
	 * returns 0; RB_E_INCOMPLETE when the engine cannot read the table (corrupt pages):
	 *         rows may have been delivered; RB_E_UNREACHABLE; RB_E_CANCELLED; the sink's
	 */
	int (*source_read)(struct rb_source *source, const struct rb_table *table,
	                   const struct rb_row_sink *sink, struct rb_err *err);

	/**
	 * What rows' texts depend on besides the rows, as a text: the server's version, for one.
	 * Digests are compared only when it is equal.  NULL, with both that follow, when the
	 * engine has no groups.
	 *
	 * out      appended to
	 * is_near  set when reading all rows costs less than having the server digest them
	 */
	int (*source_groups_form)(struct rb_source *source, struct rb_buf *out, bool *is_near,
	                          struct rb_err *err);

	/** The groups of a table's rows, in their order; statuses as source_read(). */
	int (*source_groups)(struct rb_source *source, const struct rb_table *table,
	                     const struct rb_group_sink *sink, struct rb_err *err);

	/**
	 * Read some of a table's rows, in key order.
	 *
	 * ranges  ascending, none empty, none touching the next
	 * returns as source_read()
	 */
	int (*source_read_ranges)(struct rb_source *source, const struct rb_table *table,
	                          const struct rb_row_range *ranges, size_t count,
	                          const struct rb_row_sink *sink, struct rb_err *err);

	/**
	 * Append the URL of a database that is not there, on the server that another URL leads
	 * to: target_open() makes it, and it is gone when nothing is committed.  NULL when the
	 * engine has no servers.
	 *
	 * out      secrets included
	 * returns  0; RB_E_UNREACHABLE when it could not be made: no server, or no right to
	 */
	int (*scratch_url)(const char *url, struct rb_buf *out, struct rb_err *err);

	/**
	 * Open a target.
	 *
	 * returns 0; RB_E_UNREACHABLE; RB_E_EXISTS never: what is there is opened
	 */
	int (*target_open)(const struct rb_target_opts *opts, struct rb_target **out,
	                   struct rb_err *err);

	/** Close; what was not committed is taken back, a new database removed.  NULL is allowed.
	 */
	void (*target_close)(struct rb_target *target);

	/** Whether the target was made by target_open() or holds nothing at all. */
	bool (*target_is_empty)(struct rb_target *target);

	/** The target as a source on the same connection; borrowed, not for use after commit. */
	struct rb_source *(*target_source)(struct rb_target *target);

	/**
	 * Begin the one transaction; from here nobody else can write.
	 *
	 * fingerprint  what source_fingerprint() gave when the plan was made, or NULL
	 * returns      0; RB_E_CONFLICT when the content changed since; RB_E_UNREACHABLE when
	 *              it is locked past the time-out
	 */
	int (*target_begin)(struct rb_target *target, const char *fingerprint, struct rb_err *err);

	/**
	 * Find what depends on objects that are to be dropped, through any number of steps: what
	 * goes by itself with them, and what has to be dropped before them.  NULL when in this
	 * engine no object stands in the way of another one's drop.
	 *
	 * dropped  a catalog with the objects, as the target has them
	 * fn       called for each, and for those that are given
	 */
	int (*target_dependents)(struct rb_target *target, const struct rb_catalog *dropped,
	                         rb_dependent_fn *fn, void *ctx, struct rb_err *err);

	/**
	 * Whether an object that has another definition is given this one by RB_SCHEMA_TABLES
	 * without being dropped, so that what depends on it stays.  NULL: none is.
	 */
	bool (*target_overwrites)(const struct rb_object *there, const struct rb_object *wanted);

	/**
	 * Do one step of the schema.  What RB_SCHEMA_DROP has dropped is made again by the later
	 * steps, whatever `only` says, if the catalog has it; it is an error when that fails.
	 *
	 * catalog   the backup's catalog; objects and tables to handle are those in it
	 * only      names of tables to handle (with their indexes and triggers); NULL: all
	 * remarks   receives what could not be done (a missing module, collation, function):
	 *           not fatal
	 */
	int (*target_schema)(struct rb_target *target, enum rb_schema_step step,
	                     const struct rb_catalog *catalog, const char *const *only,
	                     struct rb_catalog *remarks, struct rb_err *err);

	/**
	 * Prepare to write rows of one table; triggers and foreign key actions stay off.  A
	 * table of the engine itself (RB_TABLE_SYSTEM) is emptied: its rows are written whole,
	 * and last, since the engine writes some, too.  So is storage that was made just now.
	 */
	int (*target_table_begin)(struct rb_target *target, const struct rb_table *table,
	                          struct rb_err *err);

	/** Insert a row.  values: one for each stored column. */
	int (*target_insert)(struct rb_target *target, const struct rb_value *values,
	                     struct rb_err *err);

	/**
	 * Insert rows, as target_insert() does one by one, in less time.  NULL when the engine has
	 * no such way.
	 *
	 * values   row after row, one for each stored column
	 * count    how many rows
	 * returns  as target_insert(); after a failure some are inserted
	 */
	int (*target_insert_rows)(struct rb_target *target, const struct rb_value *values,
	                          size_t count, struct rb_err *err);

	/**
	 * Delete one row: by its key, and by all of its values where keys may repeat.
	 *
	 * returns 0; RB_E_MISMATCH when there is no such row
	 */
	int (*target_delete)(struct rb_target *target, const struct rb_value *values,
	                     struct rb_err *err);

	/**
	 * Remember the values of columns that a table's rows do not have (left_out), by the key
	 * of each row, before rows or the table itself are written anew.
	 *
	 * table    as the backup has it
	 * live     as the target has it: columns that it has not are passed over, but it has
	 *          those of the key
	 * cost     a copy of these columns and the key, of all rows
	 */
	int (*target_keep)(struct rb_target *target, const struct rb_table *table,
	                   const struct rb_table *live, struct rb_err *err);

	/** Write what was kept into the rows of the table begun last that have such a key now. */
	int (*target_give_back)(struct rb_target *target, struct rb_err *err);

	/** End writing rows of the table begun last. */
	int (*target_table_end)(struct rb_target *target, struct rb_err *err);

	/**
	 * Check what the engine can check before the commit: foreign keys.
	 *
	 * problems  receives a remark for each foreign key that is broken, but was not when
	 *           this was called with NULL; NULL: remember what is broken now, right
	 *           after target_begin()
	 * cost      reads all tables with foreign keys, and looks up each row they refer to
	 */
	int (*target_check)(struct rb_target *target, struct rb_catalog *problems,
	                    struct rb_err *err);

	/**
	 * Open a source that sees the rows written so far, for another thread to read while
	 * other tables are written and target_schema() makes what comes after them.  To be
	 * called between two tables and before RB_SCHEMA_AFTER; calls with no row between them
	 * open sources of the same state.  Its catalog has to be read before anything else is
	 * written; rows of ordinary tables (RB_TABLE_PLAIN) that were written can be read until
	 * target_expose(): no later step changes them.  NULL when the engine cannot.
	 *
	 * returns 0; RB_E_UNSUPPORTED for a database that was there before, and where a later
	 *         step may move or change rows
	 */
	int (*target_reader)(struct rb_target *target, struct rb_source **out, struct rb_err *err);

	/**
	 * Let other connections read what was written to a database that target_open() made:
	 * nothing more can be written then, only target_commit() follows.  NULL when the engine
	 * cannot.
	 *
	 * url      receives where it is, for source_open()
	 * returns  0; RB_E_UNSUPPORTED for a database that was there before
	 */
	int (*target_expose)(struct rb_target *target, struct rb_buf *url, struct rb_err *err);

	/**
	 * Make it durable; a new database gets its name.
	 *
	 * returns 0; RB_E_UNREACHABLE when readers did not let go within the time-out;
	 *         RB_E_CONFLICT when another file has the name of a new database now.  After
	 *         a failure nothing is changed.
	 */
	int (*target_commit)(struct rb_target *target, struct rb_err *err);

	/**
	 * Read the definitions as others see them, and compare them with those that the steps of
	 * target_schema() should have left; what these told of as not made is no difference.
	 * For engines where target_source() cannot read them before target_commit(); NULL in
	 * others.
	 *
	 * For a database that target_open() made it is called before target_commit(), which alone
	 * may follow; without it the database goes, as ever.  For one that was there it is called
	 * after target_commit().
	 *
	 * differences  receives a remark for each object that is otherwise, and how; as incomplete
	 *              for a table whose definition could not be read
	 * returns      0, also with differences; RB_E_UNSUPPORTED, with nothing done, before
	 *              target_commit() for a database that was there; others when definitions
	 *              cannot be read: what was written stays as it is
	 * cost         as source_catalog()
	 */
	int (*target_prove)(struct rb_target *target, struct rb_catalog *differences,
	                    struct rb_err *err);
};

/** The engine for a URL's scheme.  RB_E_USAGE, with the list of schemes, when there is none. */
int rb_adapter_for_url(const char *url, const struct rb_adapter **out,
                       struct rb_err *err) RB_MUST_CHECK;

/** The engine of this name, as a manifest has it; NULL when unknown. */
const struct rb_adapter *rb_adapter_by_name(const char *name);

extern const struct rb_adapter rb_adapter_sqlite;
extern const struct rb_adapter rb_adapter_postgres;

#endif /* ROWBACK_ADAPTER_ADAPTER_H */
