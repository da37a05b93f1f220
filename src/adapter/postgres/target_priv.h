/*
 * What the files of the writing half of the PostgreSQL adapter share.
 *
 * Layer: adapter (2), private to src/adapter/postgres.  Uses: postgres_priv.h, schema_priv.h.
 *
 *	target.c           target_open() to target_commit(): the handle and its transaction
 *	target_create.c    a database that is not there
 *	target_schema.c    target_schema(): which objects, in which order
 *	target_partitions.c  partitions that are made for a table that is there
 *	target_shared.c    what is made besides the tables that are asked for
 *	target_objects.c   the objects that the target has, as far as the transaction has come
 *	target_drop.c      what drops an object
 *	target_depend.c    target_dependents(): what depends on objects that are to go
 *	target_rights.c    what takes back GRANT and REVOKE
 *	target_rows.c      target_table_begin() to target_table_end(): COPY
 *	target_text.c      values as texts for the server
 *	target_delete.c    target_delete(): the statement that finds one row by its values
 *	target_keep.c      columns that are not in the backup
 *	target_system.c    sequences and large objects
 *	target_quiet.c     nothing fires while rows are written
 *	target_check.c     target_check(): foreign keys
 *	target_defaults.c  rights that tables would have by default
 *	target_prove.c     target_prove(): definitions, read again
 *
 * All is written in one transaction, definitions too; a database that is not there is made
 * before it, and dropped when it does not commit.  pg_dump sees what is committed only, so
 * what objects there are is followed from statement to statement; columns, keys and rows are
 * read from the server before the commit, and the objects after it: from a database that was
 * made here while it can still be dropped.
 */
#ifndef ROWBACK_ADAPTER_POSTGRES_TARGET_PRIV_H
#define ROWBACK_ADAPTER_POSTGRES_TARGET_PRIV_H

#include "rowback/base/map.h"
#include "schema_priv.h"

/** Where a target stands between target_open() and target_close(). */
enum rb_pg_stage {
	RB_PG_OPENED,    /**< nothing begun */
	RB_PG_BEGUN,     /**< target_begin() was called */
	RB_PG_SEEN,      /**< written and seen by others, in a database that goes all the same
	                      unless target_commit() is called */
	RB_PG_COMMITTED, /**< nothing more can be written */
};

/** The table whose rows are being written. */
struct rb_pg_rows {
	const struct rb_table *table; /**< borrowed; NULL between tables */
	bool is_copying;              /**< COPY is open */
	bool is_quiet;                /**< its triggers were seen to */
	bool can_delete;              /**< the statement that deletes is prepared */
	uint64_t sent;                /**< rows given to the open COPY */
	size_t *stored;               /**< indexes of its stored columns; NULL: not yet needed */
	size_t stored_count;          /**< in stored */
	size_t *params;               /**< positions of the values that a row is found by */
	size_t param_count;           /**< in params */
	struct rb_buf lines;          /**< rows on their way */
	struct rb_buf values;         /**< parameters, or one row's text */
};

/** A target. */
struct rb_pg_target {
	struct rb_target base;
	struct rb_pg_conn conn;
	struct rb_pg_source source;      /**< the same connection as a source */
	char *url;                       /**< as it was given, secrets included */
	char *dbname;                    /**< of a database that is not there; NULL: it is */
	int64_t lock_timeout_ms;         /**< of the connection */
	struct rb_schema_choice schemas; /**< likewise */
	bool is_created;                 /**< CREATE DATABASE was run: it goes if nothing commits */
	bool dry_run;                    /**< nothing may be written */
	bool is_empty;                   /**< no object of a user's was there when it was opened */
	bool in_transaction;             /**< BEGIN was run */
	bool is_replica;                 /**< session_replication_role is replica */
	bool was_altered;                /**< triggers or foreign keys are off by ALTER TABLE */
	enum rb_pg_stage stage;
	struct rb_catalog *objects; /**< what it has by now: its objects; NULL: not asked yet */
	struct rb_map *object_at;   /**< "kind\0name" to an index in objects */
	struct rb_map *claimed;     /**< "kind\0name" of those that were told of as not made */
	struct rb_map *shared;    /**< "kind\0name" of what was made without its being asked for */
	struct rb_map *dropped;   /**< "kind\0name" of what RB_SCHEMA_DROP dropped; NULL: nothing */
	struct rb_buf afterwards; /**< statements that turn on what is off; NUL behind each */
	struct rb_map *kept;      /**< by table: the number of what target_keep() made; or NULL */
	struct rb_map *broken;    /**< foreign keys that were broken, and how often */
	struct rb_pg_rows rows;
};

/* target.c */

/**
 * Whether a step may write now.
 *
 * returns 0; RB_E_USAGE in a dry run, before target_begin() or after target_commit()
 */
int rb_pg_may_write(const struct rb_pg_target *target, struct rb_err *err) RB_MUST_CHECK;

/** Begin the transaction of the connection; other writers wait until it ends. */
int rb_pg_target_start(struct rb_pg_target *target, struct rb_err *err) RB_MUST_CHECK;

/**
 * Run a statement that may fail: what it did is taken back then, the transaction goes on.
 *
 * why      RB_ERR_MSG_SIZE bytes: the server's words when it failed
 * returns  0; RB_E_UNSUPPORTED when the server refused it, nothing in err; RB_E_UNREACHABLE
 *          and others when the transaction cannot go on
 */
int rb_pg_try(struct rb_pg_target *target, const char *sql, char *why,
              struct rb_err *err) RB_MUST_CHECK;

/** End the transaction: others see what was written. */
int rb_pg_target_finish(struct rb_pg_target *target, struct rb_err *err) RB_MUST_CHECK;

/* target_create.c */

/** Find the name of the database that a URL is about, on the heap. */
int rb_pg_url_dbname(const char *url, char **out, struct rb_err *err) RB_MUST_CHECK;

/** Make the database, as the backup's settings say, connect to it and begin. */
int rb_pg_create(struct rb_pg_target *target, const struct rb_catalog *catalog,
                 struct rb_catalog *remarks, struct rb_err *err) RB_MUST_CHECK;

/** Drop the database that rb_pg_create() made.  A failure is logged. */
void rb_pg_drop_created(struct rb_pg_target *target);

/** adapter.h scratch_url(). */
int rb_pg_scratch_url(const char *url, struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

/** Whether somebody could make a database where the URL leads; for a message at the start. */
int rb_pg_can_create(struct rb_pg_target *target, struct rb_err *err) RB_MUST_CHECK;

/* target_objects.c */

/** Append what an object is found by in maps: "table\0public.orders". */
int rb_pg_object_key(const struct rb_object *object, struct rb_buf *key,
                     struct rb_err *err) RB_MUST_CHECK;

/** Ask pg_dump once what is there. */
int rb_pg_objects_load(struct rb_pg_target *target, struct rb_err *err) RB_MUST_CHECK;

/** The target's own object of that kind and name; NULL when there is none. */
const struct rb_object *rb_pg_objects_find(const struct rb_pg_target *target,
                                           const struct rb_object *object);

/** An object was made. */
int rb_pg_objects_add(struct rb_pg_target *target, const struct rb_object *object,
                      struct rb_err *err) RB_MUST_CHECK;

/** Whether rb_pg_objects_dropped() was told of an object. */
bool rb_pg_objects_was_dropped(const struct rb_pg_target *target, const struct rb_object *object);

/** An object was dropped, to be made again later, and rights on it went with it. */
int rb_pg_objects_dropped(struct rb_pg_target *target, const struct rb_object *object,
                          struct rb_err *err) RB_MUST_CHECK;

/** An object was dropped. */
int rb_pg_objects_remove(struct rb_pg_target *target, const struct rb_object *object,
                         struct rb_err *err) RB_MUST_CHECK;

/** An object could not be made as it should be, and was told of: it counts as made. */
int rb_pg_objects_claim(struct rb_pg_target *target, const struct rb_object *object,
                        struct rb_err *err) RB_MUST_CHECK;

/** Whether an object was claimed. */
bool rb_pg_objects_is_claimed(const struct rb_pg_target *target, const struct rb_object *object);

/** Bring the objects into the order that another catalog has them in. */
int rb_pg_objects_sort(struct rb_pg_target *target, const struct rb_catalog *like,
                       struct rb_err *err) RB_MUST_CHECK;

/**
 * Foreign keys of a table that could not all be made (and were told of) count as made.
 *
 * table  of the backup; copied; NULL is allowed
 */
int rb_pg_claim_keys(struct rb_pg_target *target, const struct rb_table *table,
                     struct rb_err *err) RB_MUST_CHECK;

void rb_pg_objects_release(struct rb_pg_target *target);

/* target_drop.c */

/** The word behind another one in a statement: the name that it gives. */
bool rb_pg_word_behind(const char *sql, const char *word, struct rb_pg_token *out);

/**
 * Append the statement that drops an object; nothing when it goes with another one (a comment
 * with its table).
 *
 * returns 0; RB_E_UNSUPPORTED for a kind that is not dropped
 */
int rb_pg_add_drop(const struct rb_object *object, struct rb_buf *sql,
                   struct rb_err *err) RB_MUST_CHECK;

/** Where in "f(integer, text)" the types begin; the name may hold parentheses itself.  Or NULL. */
const char *rb_pg_signature(const struct rb_object *object);

/**
 * Append the statement that gives a function its definition while the one that is there stays.
 *
 * returns 0; RB_E_UNSUPPORTED, with nothing in err, where rb_pg_target_overwrites() says no
 */
int rb_pg_add_overwrite(const struct rb_object *there, const struct rb_object *wanted,
                        struct rb_buf *sql, struct rb_err *err) RB_MUST_CHECK;

/* target_rights.c */

/**
 * Append the statements that take back what GRANT and REVOKE statements did.
 *
 * rights   the text of an object of kind "acl" or "default acl"
 * returns  0; RB_E_UNSUPPORTED, with nothing in err, for rights that another role gave
 */
int rb_pg_add_opposite(const char *rights, struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

/**
 * Whether rights are about what a statement gives to a role.
 *
 * rights  the text of an object of kind "acl"
 * owner   that of one of kind "owner"
 */
bool rb_pg_rights_are_of(const char *rights, const char *owner);

/* target_shared.c */

/** Whether an object is of a kind that stands by itself: type, function, schema. */
bool rb_pg_is_shared(const struct rb_object *object);

/** An object of such a kind is made, which was not there. */
int rb_pg_shared_add(struct rb_pg_target *target, const struct rb_object *object,
                     struct rb_err *err) RB_MUST_CHECK;

/** The kind of an object that puts a table into a publication. */
#define RB_PG_MEMBER "publication table"

/** Tables were dropped: publications have lost them, and get those back that are made anew. */
int rb_pg_members_went(struct rb_pg_target *target, const struct rb_catalog *dropped,
                       struct rb_err *err) RB_MUST_CHECK;

/**
 * Whether an object says something of one that was made: its owner, rights, a comment; or puts a
 * table back into a publication.
 */
bool rb_pg_shared_is_about(const struct rb_pg_target *target, const struct rb_catalog *catalog,
                           const struct rb_object *object);

/* target_partitions.c */

/**
 * Find the partitions that have to be attached when their keys and indexes are made: the table
 * that they are attached to has its own by now.
 *
 * catalog  the objects that are to be made
 * out      a map of their names, for those below
 */
int rb_pg_late_partitions(const struct rb_pg_target *target, const struct rb_catalog *catalog,
                          struct rb_map **out, struct rb_err *err) RB_MUST_CHECK;

/** Whether an object attaches one of them.  late: NULL for none. */
bool rb_pg_is_late_attach(const struct rb_map *late, const struct rb_object *object);

/** Whether an object is a key or an index of one of them.  late: NULL for none. */
bool rb_pg_is_late_key(const struct rb_map *late, const struct rb_object *object);

/**
 * The indexes of those that were attached belong to indexes of their table by now, which no table
 * that is asked for may name: these objects count as made.
 */
int rb_pg_take_indexes(struct rb_pg_target *target, const struct rb_catalog *catalog,
                       const struct rb_map *late, struct rb_err *err) RB_MUST_CHECK;

/* target_text.c */

/**
 * Append a value as the text that the server reads; NULL is none.
 *
 * returns 0; RB_E_FORMAT for text with NUL, which PostgreSQL has not; RB_E_NOMEM
 */
int rb_pg_add_value(struct rb_buf *out, const struct rb_value *value,
                    struct rb_err *err) RB_MUST_CHECK;

/** Bytes of a value from which on it is sent in slices: it would be in memory several times. */
#define RB_PG_SLICE_BYTES ((size_t)256 << 10)

/** Whether a value is so long. */
bool rb_pg_is_sliced(const struct rb_value *value);

/** Append a slice of such a value, as COPY has it; the first one from 0 on. */
int rb_pg_add_copy_slice(struct rb_buf *out, const struct rb_value *value, size_t from, size_t len,
                         struct rb_err *err) RB_MUST_CHECK;

/** Append a value as COPY has it: \N for NULL, backslashes before what has a meaning. */
int rb_pg_add_copy_value(struct rb_buf *out, const struct rb_value *value,
                         struct rb_err *err) RB_MUST_CHECK;

/* target_rows.c */

/** Forget the table whose rows are being written. */
void rb_pg_rows_release(struct rb_pg_target *target);

/** End an open COPY: what was sent is stored, or is refused now. */
int rb_pg_rows_flush(struct rb_pg_target *target, struct rb_err *err) RB_MUST_CHECK;

/** Before a row is written.  returns 0; RB_E_USAGE without a table */
int rb_pg_rows_first(struct rb_pg_target *target, struct rb_err *err) RB_MUST_CHECK;

/* target_delete.c */

/** Choose the values that a row is found by, and prepare the statement. */
int rb_pg_prepare_delete(struct rb_pg_target *target, struct rb_err *err) RB_MUST_CHECK;

/* target_system.c */

/** Write a row of a table of the engine itself. */
int rb_pg_insert_system(struct rb_pg_target *target, const struct rb_value *values,
                        struct rb_err *err) RB_MUST_CHECK;

/** Take out what such a table has: large objects. */
int rb_pg_empty_system(struct rb_pg_target *target, struct rb_err *err) RB_MUST_CHECK;

/**
 * Where single tables are handled, sequences go by their rows: move those that belong to columns
 * of these tables, and that are behind.
 */
int rb_pg_follow_rows(struct rb_pg_target *target, const char *const *only,
                      struct rb_err *err) RB_MUST_CHECK;

/* target_quiet.c */

/** Let nothing fire in this transaction, where that is allowed: replica. */
int rb_pg_quiet(struct rb_pg_target *target, struct rb_err *err) RB_MUST_CHECK;

/** Turn off what would fire all the same for the table whose rows are being written. */
int rb_pg_quiet_table(struct rb_pg_target *target, struct rb_err *err) RB_MUST_CHECK;

/** Turn it on again, and say so. */
int rb_pg_unquiet(struct rb_pg_target *target, struct rb_err *err) RB_MUST_CHECK;

/* target_defaults.c */

/**
 * Take back ALTER DEFAULT PRIVILEGES until rb_pg_unquiet(): what is made has the rights that are
 * said of it then, and no others.  Those that this role cannot take back do not concern it.
 */
int rb_pg_set_defaults_aside(struct rb_pg_target *target, struct rb_err *err) RB_MUST_CHECK;

/* adapter.h */

int rb_pg_target_open(const struct rb_target_opts *opts, struct rb_target **out,
                      struct rb_err *err) RB_MUST_CHECK;
void rb_pg_target_close(struct rb_target *base);
bool rb_pg_target_is_empty(struct rb_target *base);
struct rb_source *rb_pg_target_source(struct rb_target *base);
int rb_pg_target_begin(struct rb_target *base, const char *fingerprint,
                       struct rb_err *err) RB_MUST_CHECK;
int rb_pg_target_dependents(struct rb_target *base, const struct rb_catalog *dropped,
                            rb_dependent_fn *fn, void *ctx, struct rb_err *err);
bool rb_pg_target_overwrites(const struct rb_object *there, const struct rb_object *wanted);
int rb_pg_target_schema(struct rb_target *base, enum rb_schema_step which,
                        const struct rb_catalog *catalog, const char *const *only,
                        struct rb_catalog *remarks, struct rb_err *err) RB_MUST_CHECK;
int rb_pg_target_table_begin(struct rb_target *base, const struct rb_table *table,
                             struct rb_err *err) RB_MUST_CHECK;
int rb_pg_target_insert(struct rb_target *base, const struct rb_value *values,
                        struct rb_err *err) RB_MUST_CHECK;
int rb_pg_target_delete(struct rb_target *base, const struct rb_value *values,
                        struct rb_err *err) RB_MUST_CHECK;
int rb_pg_target_keep(struct rb_target *base, const struct rb_table *table,
                      const struct rb_table *live, struct rb_err *err) RB_MUST_CHECK;
int rb_pg_target_give_back(struct rb_target *base, struct rb_err *err) RB_MUST_CHECK;
int rb_pg_target_table_end(struct rb_target *base, struct rb_err *err) RB_MUST_CHECK;
int rb_pg_target_check(struct rb_target *base, struct rb_catalog *problems,
                       struct rb_err *err) RB_MUST_CHECK;
int rb_pg_target_commit(struct rb_target *base, struct rb_err *err) RB_MUST_CHECK;
int rb_pg_target_prove(struct rb_target *base, struct rb_catalog *differences,
                       struct rb_err *err) RB_MUST_CHECK;

#endif /* ROWBACK_ADAPTER_POSTGRES_TARGET_PRIV_H */
