/*
 * What a table looks like, for every engine.
 *
 * Layer: value (1).  Uses: libc, rowback/value/value.h.
 *
 * Names are NUL-terminated byte strings as the engine gives them; they need not be
 * UTF-8.  All strings and arrays of a struct are its own and are freed by
 * rb_table_release() / rb_catalog_free().
 */
#ifndef ROWBACK_VALUE_SCHEMA_H
#define ROWBACK_VALUE_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rowback/base/err.h"
#include "rowback/base/map.h"

/**
 * What the values of a column are, where its type decides that and not each value: "int",
 * "bool", "real", "number" (decimals whose text is kept as it is, 1.50), "blob", "text".
 * A value that its column's form cannot say is text: "NaN" among numbers.
 */
#define RB_FORM_NUMBER "number"

enum rb_generated { RB_GENERATED_NO, RB_GENERATED_VIRTUAL, RB_GENERATED_STORED };

struct rb_column {
	char *name;                  /**< "" for the implicit rowid */
	char *type;                  /**< declared type as written; "" when none */
	char *form;                  /**< of its values, see above; NULL: each value says */
	bool is_rowid;               /**< the implicit rowid of a table that declares no key */
	bool not_null;               /**< NULL is not allowed */
	enum rb_generated generated; /**< generated columns are never in rows */
	bool left_out;               /**< on request: its values are in no row either */
	char *default_sql;           /**< expression as written; NULL: none */
	char *collation;             /**< NULL: the engine's default */
};

/** What makes a row the row it is. */
enum rb_key_kind {
	RB_KEY_PRIMARY, /**< the declared primary key */
	RB_KEY_ROWID,   /**< the implicit rowid, column 0 then */
	RB_KEY_UNIQUE,  /**< a unique index over columns that are not null */
	RB_KEY_ROW,     /**< the whole row, all columns in order */
};

struct rb_foreign_key {
	char **columns;      /**< of this table */
	char *ref_table;     /**< the table referred to */
	char **ref_columns;  /**< of ref_table; NULL: its primary key */
	size_t column_count; /**< in columns, and in ref_columns when it is there */
	char *on_update;     /**< "NO ACTION", "CASCADE", ... */
	char *on_delete;     /**< likewise */
};

/** How a table's content is kept. */
enum rb_table_kind {
	RB_TABLE_PLAIN,   /**< an ordinary table */
	RB_TABLE_VIRTUAL, /**< a virtual table, kept through its own interface */
	RB_TABLE_SHADOW,  /**< storage of a virtual table, kept as it is (contentless, unknown
	                     module) */
	RB_TABLE_SYSTEM,  /**< a table of the engine itself (sqlite_sequence, sqlite_stat1) */
};

struct rb_table {
	char *name; /**< as the engine gives it */
	enum rb_table_kind kind;
	struct rb_column *columns; /**< in the order of declaration; implicit rowid first */
	size_t column_count;
	enum rb_key_kind key_kind;
	size_t *key; /**< indexes into columns, in key order; never generated ones */
	size_t key_count;
	bool key_may_repeat; /**< equal keys are possible (NULLs in the key, whole-row keys) */
	struct rb_foreign_key *foreign_keys;
	size_t foreign_key_count;
	char *options; /**< "WITHOUT ROWID", "STRICT", "WITHOUT ROWID, STRICT"; "" */
	char *note;    /**< how it is kept, when that needs a word; NULL */
};

/** One schema object as the engine defines it. */
struct rb_object {
	char *kind; /**< "table", "index", "view", "trigger" */
	char *name;
	char *table; /**< the table it belongs to; equal to name for a table */
	char *sql;   /**< the DDL as the engine keeps it */
};

/** An engine setting that is part of the data ("user_version", "encoding"). */
struct rb_setting {
	char *name;
	char *value;
};

/** Something that could not be exported, or is kept in another way than users would think. */
struct rb_remark {
	char *object;    /**< the table or object */
	char *what;      /**< one clause for people */
	bool incomplete; /**< it is missing from the export (exit 3), or from the target */
};

/** All of a source but its rows. */
struct rb_catalog {
	char *engine;                /**< "sqlite" */
	struct rb_setting *settings; /**< sorted by name */
	size_t setting_count;
	struct rb_object *objects; /**< tables, indexes, views, triggers; sorted by name in each */
	size_t object_count;
	struct rb_table *tables; /**< what has rows of its own; sorted by name (memcmp) */
	size_t table_count;
	struct rb_remark *remarks;
	size_t remark_count;
	struct rb_map *places; /**< where objects are, by kind and name; NULL: not indexed */
};

/** Free what a table holds; the struct is zero afterwards. */
void rb_table_release(struct rb_table *table);

/** Free a catalog; NULL is allowed. */
void rb_catalog_free(struct rb_catalog *catalog);

/**
 * Make finding quick: a database may have tens of thousands of tables and objects.  Objects must
 * stay as they are from then on, and tables sorted.
 */
int rb_catalog_index(struct rb_catalog *catalog, struct rb_err *err) RB_MUST_CHECK;

/** The first object of a kind and name, or NULL. */
const struct rb_object *rb_catalog_object(const struct rb_catalog *catalog, const char *kind,
                                          const char *name);

/** The table of this name, or NULL; names compare byte for byte. */
const struct rb_table *rb_catalog_table(const struct rb_catalog *catalog, const char *name);

/** Whether rows hold a column: it is neither generated nor left out. */
bool rb_column_is_stored(const struct rb_column *column);

/** The column of this name, or NULL; never the implicit rowid. */
struct rb_column *rb_table_column(const struct rb_table *table, const char *name);

/**
 * The columns that rows hold, generated ones and those left out not among them.
 *
 * out   column indexes; room for table->column_count
 * returns how many
 */
size_t rb_table_stored_columns(const struct rb_table *table, size_t *out);

/**
 * Where each key column stands among the stored columns.
 *
 * out   positions as in a row's values; room for table->key_count
 */
void rb_table_key_positions(const struct rb_table *table, size_t *out);

/** Add a remark to a catalog; strings are copied. */
int rb_catalog_remark(struct rb_catalog *catalog, const char *object, bool incomplete,
                      struct rb_err *err, const char *fmt, ...) RB_PRINTF(5, 6) RB_MUST_CHECK;

#endif /* ROWBACK_VALUE_SCHEMA_H */
