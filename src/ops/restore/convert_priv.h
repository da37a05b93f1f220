/*
 * A backup of one engine as a catalog, and values, of another one.
 *
 *	convert.c        tables, keys and what is left behind
 *	convert_type.c   the type of a column, and what becomes of its values
 *	convert_names.c  names that the other engine takes, and that do not meet there
 *	convert_index.c  indexes and foreign keys over plain columns
 *	convert_value.c  a row on its way
 *
 * Layer: ops (3), private.  Uses: rowback/base, rowback/value.  Nothing here reads a store
 * or a database.
 *
 *	SQLite to PostgreSQL                           PostgreSQL to SQLite
 *	all INTEGER              bigint                int      INTEGER
 *	all REAL                 double precision      bool     INTEGER, 0 and 1
 *	INTEGER and REAL         numeric               real     REAL; BLOB with NaN or -0.0
 *	TEXT                     text                  number   TEXT, each digit
 *	TEXT with NUL, or bytes  bytea                 blob     BLOB
 *	BLOB                     bytea                 text     TEXT
 *	kinds that do not mix    text: JSON
 */
#ifndef OPS_CONVERT_PRIV_H
#define OPS_CONVERT_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowback/base/buf.h"
#include "rowback/base/map.h"
#include "rowback/value/schema.h"
#include "rowback/value/value.h"

/** What values a column holds, as bits. */
enum {
	RB_SEEN_NULL = 1,
	RB_SEEN_INT = 2,
	RB_SEEN_REAL = 4,      /**< any */
	RB_SEEN_REAL_FAR = 8,  /**< one whose text is not plain digits: 1e300, inf, -0.0 */
	RB_SEEN_REAL_ODD = 16, /**< NaN or -0.0, which a REAL column of SQLite does not keep */
	RB_SEEN_TEXT = 32,
	RB_SEEN_TEXT_NUL = 64, /**< text with a NUL, or that is not UTF-8 */
	RB_SEEN_BLOB = 128,
	RB_SEEN_OTHER = 256 /**< a kind that its engine does not give */
};

/** One column of a backup, from all of its rows. */
struct rb_seen {
	unsigned int kinds; /**< RB_SEEN_...; 0: no rows */
	int64_t max;        /**< the greatest integer; INT64_MIN: none */
};

/** What happens to the values of a column. */
enum rb_convert_how {
	RB_CONVERT_KEEP,
	RB_CONVERT_SQLITE, /**< what SQLite has no kind for becomes an integer or a text */
	RB_CONVERT_BYTES,  /**< texts become their bytes */
	RB_CONVERT_DIGITS, /**< numbers become their digits */
	RB_CONVERT_JSON,   /**< the value's JSON, as rows of a backup have it */
};

/** A table on its way; catalog->tables[i] goes with tables[i]. */
struct rb_convert_table {
	size_t from;              /**< the table in the backup's catalog */
	size_t width;             /**< stored columns, and so columns there */
	enum rb_convert_how *how; /**< one for each */
};

/** A catalog of the other engine.  Release with rb_conversion_release(). */
struct rb_conversion {
	const struct rb_catalog *from;
	bool to_sqlite;
	struct rb_catalog *catalog;
	struct rb_convert_table *tables;
	struct rb_catalog *changes; /**< its remarks: types that change, what is left behind */
	size_t type_count;          /**< how many of them are changes of type */
	struct rb_map *taken;       /**< names in use there */
};

/** Look at one value. */
void rb_seen_add(struct rb_seen *seen, const struct rb_value *value);

/**
 * Make the catalog.
 *
 * from     borrowed until the release
 * engine   "sqlite" or "postgres", and not `from`'s
 * wanted   for each table of `from`, whether it is to be there
 * seen     for each table of `from`, its stored columns; NULL for a table that is not wanted
 * returns  0; RB_E_UNSUPPORTED for engines or names it does not know; RB_E_NOMEM
 */
int rb_convert_catalog(const struct rb_catalog *from, const char *engine, const bool *wanted,
                       struct rb_seen *const *seen, struct rb_conversion *out,
                       struct rb_err *err) RB_MUST_CHECK;

/** The struct is empty afterwards. */
void rb_conversion_release(struct rb_conversion *conversion);

/** Whether a table is converted: an engine's own, and one that stores no columns, is not. */
bool rb_convert_takes(const struct rb_table *table);

/** Append a column's value as JSON, as rows have it but for files of their own. */
int rb_convert_json(const struct rb_value *value, struct rb_buf *out,
                    struct rb_err *err) RB_MUST_CHECK;

/**
 * Convert a value.
 *
 * room  holds the bytes of out where they are not value's
 */
int rb_convert_value(enum rb_convert_how how, const struct rb_value *value, struct rb_value *out,
                     struct rb_buf *room, struct rb_err *err) RB_MUST_CHECK;

/* convert_type.c */

/** The declared type of a stored column there, a constant; what becomes of its values. */
const char *rb_convert_type(const struct rb_conversion *conversion, const struct rb_column *column,
                            const struct rb_seen *seen, enum rb_convert_how *how);

/** List the change when it is one that a reader of the values notices. */
int rb_convert_list_type(struct rb_conversion *conversion, const char *table,
                         const struct rb_column *column, const char *type, enum rb_convert_how how,
                         struct rb_err *err) RB_MUST_CHECK;

/* convert_names.c */

/** Append a name in quotes, as both engines read them. */
int rb_convert_quote(const char *name, struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

/** Append a table as SQL has it: "orders", or public."orders". */
int rb_convert_add_table(const struct rb_conversion *conversion, const struct rb_table *table,
                         struct rb_buf *out, struct rb_err *err) RB_MUST_CHECK;

/** Choose a name for a table; RB_E_UNSUPPORTED for one that is not UTF-8. */
int rb_convert_table_name(struct rb_conversion *conversion, const char *name, char **out,
                          struct rb_err *err) RB_MUST_CHECK;

/** Choose a name for an index. */
int rb_convert_index_name(struct rb_conversion *conversion, const char *name, char **out,
                          struct rb_err *err) RB_MUST_CHECK;

/** Choose a name for a column, among those that `taken` has. */
int rb_convert_column_name(struct rb_conversion *conversion, const char *table, const char *name,
                           struct rb_map *taken, char **out, struct rb_err *err) RB_MUST_CHECK;

/** The table of the conversion that was this one, or -1. */
long rb_convert_find_table(const struct rb_conversion *conversion, const char *name);

/** The column of a converted table that was this one, or -1. */
long rb_convert_find_column(const struct rb_conversion *conversion, size_t table, const char *name);

/* convert_index.c */

/**
 * Make an index from one of the backup's, or from a UNIQUE constraint.
 *
 * made  false when its definition is not one over plain columns
 */
int rb_convert_index(struct rb_conversion *conversion, const struct rb_object *object, bool *made,
                     struct rb_err *err) RB_MUST_CHECK;

/** Append `FOREIGN KEY (...) REFERENCES ...`; nothing, and false, when that cannot be said. */
int rb_convert_foreign_key(const struct rb_conversion *conversion, size_t table,
                           const struct rb_foreign_key *key, struct rb_buf *out, bool *made,
                           struct rb_err *err) RB_MUST_CHECK;

/** Add an object; its SQL is taken from the buffer. */
int rb_convert_add_object(struct rb_catalog *catalog, const char *kind, const char *name,
                          const char *table, struct rb_buf *sql, struct rb_err *err) RB_MUST_CHECK;

#endif /* OPS_CONVERT_PRIV_H */
