/*
 * See sqlite_priv.h: the schema as struct rb_catalog.
 *
 * Every object with DDL is kept as DDL.  Rows are kept
 *	- of ordinary tables, as they are;
 *	- of FTS and R-Tree tables through their own interface, and then not a second time
 *	  from their shadow tables (but FTS5's settings, which have no other place);
 *	- of virtual tables that cannot be read so (an FTS index without content, a
 *	  tokenizer of the application's) from their shadow tables, as they are;
 *	- of modules that are not loaded likewise: SQLite sees ordinary tables then.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sqlite_priv.h"

/* How a virtual table is kept. */
enum keeping {
	KEEP_DEFINITION, /* DDL only; storage tables, if any, count as ordinary ones */
	KEEP_ROWS,       /* through its own interface */
	KEEP_SHADOWS,    /* through its shadow tables, which are in the catalog */
};

struct virtual_table {
	const struct rb_sqlite_listing *listing;
	struct rb_sqlite_vtab parsed;
	enum keeping keeping;
};

/* A catalog in the making. */
struct builder {
	struct rb_sqlite_conn *conn;
	struct rb_catalog *catalog;
	struct rb_sqlite_listing *listings; /* tables of every type, sorted by name */
	size_t listing_count;
	struct virtual_table *virtuals; /* room for listing_count */
	size_t virtual_count;
};

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory to read the schema");
}

static bool is_internal(const char *name)
{
	return strncasecmp(name, "sqlite_", 7) == 0;
}

static int compare_objects(const void *a, const void *b)
{
	static const char *const kinds[] = {"table", "index", "view", "trigger"};
	const struct rb_object *left = a;
	const struct rb_object *right = b;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		bool is_left = strcmp(left->kind, kinds[i]) == 0;
		bool is_right = strcmp(right->kind, kinds[i]) == 0;

		if (is_left != is_right)
			return is_left ? -1 : 1;
	}
	return strcmp(left->name, right->name);
}

/* Read sqlite_schema; indexes that SQLite makes by itself have no DDL there. */
static int read_objects(struct builder *b, struct rb_err *err)
{
	struct rb_catalog *catalog = b->catalog;
	sqlite3_stmt *stmt = NULL;
	size_t count = 0;
	int rc;

	rc = rb_sqlite_prepare(b->conn,
	                       "SELECT type, name, tbl_name, sql FROM main.sqlite_schema"
	                       " WHERE type IN ('table', 'index', 'view', 'trigger')"
	                       " AND name IS NOT NULL AND tbl_name IS NOT NULL"
	                       " AND sql IS NOT NULL",
	                       &stmt, err);
	if (rc == RB_OK)
		rc = rb_sqlite_count_rows(b->conn, stmt, &count, err);
	if (rc < 0)
		goto out;
	catalog->objects = calloc(count + 1, sizeof(*catalog->objects));
	if (!catalog->objects) {
		rc = no_memory(err);
		goto out;
	}
	while (catalog->object_count < count && (rc = rb_sqlite_step(b->conn, stmt, err)) > 0) {
		struct rb_object *object = &catalog->objects[catalog->object_count];
		const char *name = (const char *)sqlite3_column_text(stmt, 1);

		if (!name || is_internal(name))
			continue;
		catalog->object_count++;
		rc = rb_sqlite_copy_text(stmt, 0, &object->kind, err);
		if (rc == RB_OK)
			rc = rb_sqlite_copy_text(stmt, 1, &object->name, err);
		if (rc == RB_OK)
			rc = rb_sqlite_copy_text(stmt, 2, &object->table, err);
		if (rc == RB_OK)
			rc = rb_sqlite_copy_text(stmt, 3, &object->sql, err);
		if (rc < 0)
			goto out;
	}
	rc = rc < 0 ? rc : RB_OK;
	if (rc == RB_OK && catalog->object_count > 0)
		qsort(catalog->objects, catalog->object_count, sizeof(*catalog->objects),
		      compare_objects);
out:
	sqlite3_finalize(stmt);
	return rc;
}

static const char *ddl_of(const struct builder *b, const char *table)
{
	for (size_t i = 0; i < b->catalog->object_count; i++) {
		const struct rb_object *object = &b->catalog->objects[i];

		if (strcmp(object->kind, "table") == 0 && strcmp(object->name, table) == 0)
			return object->sql;
	}
	return "";
}

static int compare_listings(const void *a, const void *b)
{
	const struct rb_sqlite_listing *left = a;
	const struct rb_sqlite_listing *right = b;

	return strcmp(left->name, right->name);
}

/* Read PRAGMA table_list, whose order is that of a hash table. */
static int read_listings(struct builder *b, struct rb_err *err)
{
	sqlite3_stmt *stmt = NULL;
	size_t count = 0;
	int rc = rb_sqlite_prepare(b->conn, "PRAGMA main.table_list", &stmt, err);

	if (rc == RB_OK)
		rc = rb_sqlite_count_rows(b->conn, stmt, &count, err);
	if (rc < 0)
		goto out;
	b->listings = calloc(count + 1, sizeof(*b->listings));
	b->virtuals = calloc(count + 1, sizeof(*b->virtuals));
	b->catalog->tables = calloc(count + 1, sizeof(*b->catalog->tables));
	if (!b->listings || !b->virtuals || !b->catalog->tables) {
		rc = no_memory(err);
		goto out;
	}
	while (b->listing_count < count && (rc = rb_sqlite_step(b->conn, stmt, err)) > 0) {
		struct rb_sqlite_listing *listing = &b->listings[b->listing_count++];

		listing->without_rowid = sqlite3_column_int(stmt, 4) != 0;
		listing->strict = sqlite3_column_int(stmt, 5) != 0;
		rc = rb_sqlite_copy_text(stmt, 1, &listing->name, err);
		if (rc == RB_OK)
			rc = rb_sqlite_copy_text(stmt, 2, &listing->type, err);
		if (rc == RB_OK && (!listing->name || !listing->type))
			rc = no_memory(err);
		if (rc < 0)
			goto out;
	}
	rc = rc < 0 ? rc : RB_OK;
	if (rc == RB_OK && b->listing_count > 0)
		qsort(b->listings, b->listing_count, sizeof(*b->listings), compare_listings);
out:
	sqlite3_finalize(stmt);
	return rc;
}

static int read_settings(struct builder *b, struct rb_err *err)
{
	static const char *const names[] = {"application_id", "auto_vacuum", "encoding",
	                                    "page_size", "user_version"};
	struct rb_catalog *catalog = b->catalog;
	char sql[64];

	catalog->settings = calloc(sizeof(names) / sizeof(names[0]), sizeof(*catalog->settings));
	if (!catalog->settings)
		return no_memory(err);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct rb_setting *setting = &catalog->settings[catalog->setting_count++];
		int rc;

		setting->name = strdup(names[i]);
		if (!setting->name)
			return no_memory(err);
		sqlite3_snprintf(sizeof(sql), sql, "PRAGMA main.%s", names[i]);
		rc = rb_sqlite_get_text(b->conn, sql, &setting->value, err);
		if (rc < 0)
			return rc;
	}
	return RB_OK;
}

static int is_module_loaded(struct builder *b, const char *module, bool *out, struct rb_err *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = rb_sqlite_prepare(b->conn, "PRAGMA module_list", &stmt, err);

	*out = false;
	while (rc >= 0 && (rc = rb_sqlite_step(b->conn, stmt, err)) > 0) {
		const char *name = (const char *)sqlite3_column_text(stmt, 0);

		if (name && strcasecmp(name, module) == 0)
			*out = true;
	}
	sqlite3_finalize(stmt);
	return rc;
}

/* Whether ordinary tables are there that look like the storage of a virtual one. */
static bool has_storage_tables(const struct builder *b, const char *owner)
{
	size_t len = strlen(owner);

	for (size_t i = 0; i < b->listing_count; i++) {
		const struct rb_sqlite_listing *listing = &b->listings[i];

		if (strcmp(listing->type, "table") == 0 &&
		    strncasecmp(listing->name, owner, len) == 0 && listing->name[len] == '_')
			return true;
	}
	return false;
}

/* Read a row through the module: it opens its storage only now. */
static int probe(struct builder *b, const struct rb_table *table, struct rb_err *err)
{
	struct rb_buf sql = RB_BUF(SIZE_MAX / 4);
	sqlite3_stmt *stmt = NULL;
	int rc = rb_buf_adds(&sql, "SELECT ", err);

	if (rc == RB_OK)
		rc = rb_sqlite_add_columns(&sql, table, err);
	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, " FROM main.", err);
	if (rc == RB_OK)
		rc = rb_sqlite_add_name(&sql, table->name, err);
	if (rc == RB_OK)
		rc = rb_buf_adds(&sql, " LIMIT 1", err);
	if (rc == RB_OK)
		rc = rb_sqlite_prepare(b->conn, rb_buf_str(&sql), &stmt, err);
	if (rc == RB_OK)
		rc = rb_sqlite_step(b->conn, stmt, err);
	sqlite3_finalize(stmt);
	rb_buf_release(&sql);
	return rc < 0 ? rc : RB_OK;
}

/* Say how a table is kept; after: text behind the name it is about. */
static int set_note(struct rb_table *table, const char *before, const char *name, const char *after,
                    struct rb_err *err)
{
	struct rb_buf note = RB_BUF(SIZE_MAX / 4);
	int rc = rb_buf_adds(&note, before, err);

	if (rc == RB_OK)
		rc = rb_sqlite_add_name(&note, name, err);
	if (rc == RB_OK)
		rc = rb_buf_adds(&note, after, err);
	if (rc == RB_OK) {
		table->note = rb_buf_detach(&note);
		if (!table->note)
			rc = no_memory(err);
	}
	rb_buf_release(&note);
	return rc;
}

/* Try a module that is known and loaded; what it cannot read is kept by its shadow tables. */
static int open_virtual(struct builder *b, struct virtual_table *virtual, struct rb_err *err)
{
	struct rb_table *table = &b->catalog->tables[b->catalog->table_count];
	const char *name = virtual->listing->name;
	int rc = rb_sqlite_vtab_load(b->conn, virtual->listing, &virtual->parsed, table, err);

	if (rc == RB_OK && virtual->parsed.content == RB_SQLITE_CONTENT_OWN)
		rc = probe(b, table, err);
	if (rc == RB_OK && virtual->parsed.content == RB_SQLITE_CONTENT_EXTERNAL)
		rc = set_note(table, "no rows of its own: rebuilt from ",
		              virtual->parsed.content_table, "", err);
	if (rc == RB_OK) {
		b->catalog->table_count++;
		virtual->keeping = KEEP_ROWS;
		return RB_OK;
	}
	rb_table_release(table);
	if (rc != RB_E_IO && rc != RB_E_INCOMPLETE)
		return rc;
	virtual->keeping = KEEP_SHADOWS;
	return rb_catalog_remark(b->catalog, name, false, err,
	                         "kept by its storage tables: module \"%s\" cannot read it",
	                         virtual->parsed.module);
}

static int add_virtual(struct builder *b, const struct rb_sqlite_listing *listing,
                       struct rb_err *err)
{
	struct virtual_table *virtual = &b->virtuals[b->virtual_count];
	const char *sql = ddl_of(b, listing->name);
	bool is_loaded = false;
	int rc = rb_sqlite_vtab_parse(sql, &virtual->parsed, err);

	if (rc == RB_E_FORMAT)
		return rb_catalog_remark(b->catalog, listing->name, false, err,
		                         "only its definition is kept");
	if (rc < 0)
		return rc;
	virtual->listing = listing;
	b->virtual_count++;
	rc = is_module_loaded(b, virtual->parsed.module, &is_loaded, err);
	if (rc < 0)
		return rc;
	if (!is_loaded)
		return rb_catalog_remark(b->catalog, listing->name, false, err,
		                         "module \"%s\" is not loaded: %s", virtual->parsed.module,
		                         has_storage_tables(b, listing->name)
		                                 ? "kept by its storage tables"
		                                 : "only its definition is kept");
	if (virtual->parsed.kind == RB_SQLITE_VTAB_OTHER)
		return rb_catalog_remark(b->catalog, listing->name, false, err,
		                         "module \"%s\" computes its rows: only its definition "
		                         "is kept",
		                         virtual->parsed.module);
	if (virtual->parsed.content == RB_SQLITE_CONTENT_NONE) {
		virtual->keeping = KEEP_SHADOWS;
		return RB_OK;
	}
	return open_virtual(b, virtual, err);
}

/* The virtual table whose shadow table this is; NULL when it is nobody's. */
static const struct virtual_table *owner_of(const struct builder *b, const char *name)
{
	for (size_t i = 0; i < b->virtual_count; i++) {
		const struct virtual_table *owner = &b->virtuals[i];

		assert(owner->listing);
		if (rb_sqlite_vtab_owns(&owner->parsed, owner->listing->name, name))
			return owner;
	}
	return NULL;
}

static bool is_fts5_config(const struct virtual_table *owner, const char *name)
{
	return owner->parsed.kind == RB_SQLITE_VTAB_FTS5 &&
	       strcasecmp(name + strlen(owner->listing->name), "_config") == 0;
}

/* Whether a shadow table's rows are made by filling the virtual table. */
static bool is_covered(const struct builder *b, const struct rb_sqlite_listing *listing)
{
	const struct virtual_table *owner = NULL;

	if (strcmp(listing->type, "shadow") == 0)
		owner = owner_of(b, listing->name);
	return owner && owner->keeping == KEEP_ROWS && !is_fts5_config(owner, listing->name);
}

/* Whether SQLite's own table is data, and there is some. */
static int has_system_rows(struct builder *b, const char *name, bool *out, struct rb_err *err)
{
	static const char *const kept[][2] = {
	        {"sqlite_sequence", "SELECT 1 FROM main.sqlite_sequence LIMIT 1"},
	        {"sqlite_stat1", "SELECT 1 FROM main.sqlite_stat1 LIMIT 1"},
	};
	int64_t one;
	int rc;

	*out = false;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (strcmp(name, kept[i][0]) != 0)
			continue;
		rc = rb_sqlite_get_int(b->conn, kept[i][1], &one, err);
		/* A damaged one is met again, and named, when it is read. */
		*out = rc == RB_OK || rc == RB_E_INCOMPLETE;
		return rc == RB_E_NOTFOUND || *out ? RB_OK : rc;
	}
	return RB_OK;
}

/* Say of a shadow table why it is here. */
static int note_shadow(const struct builder *b, struct rb_table *table, struct rb_err *err)
{
	const struct virtual_table *owner = owner_of(b, table->name);
	const char *name = owner->listing->name;

	if (owner->keeping == KEEP_ROWS)
		return set_note(table, "settings of full-text table ", name, "", err);
	if (owner->parsed.content == RB_SQLITE_CONTENT_NONE)
		return set_note(table, "index of full-text table ", name,
		                ", which keeps no content", err);
	return set_note(table, "storage of virtual table ", name, ", kept as it is", err);
}

/* Add an ordinary, shadow or system table. */
static int add_stored(struct builder *b, const struct rb_sqlite_listing *listing,
                      struct rb_err *err)
{
	struct rb_table *table = &b->catalog->tables[b->catalog->table_count];
	bool is_wanted = true;
	int rc = RB_OK;

	if (is_internal(listing->name))
		rc = has_system_rows(b, listing->name, &is_wanted, err);
	if (rc < 0 || !is_wanted || is_covered(b, listing))
		return rc;
	rc = rb_sqlite_table_load(b->conn, listing, table, err);
	if (rc == RB_E_IO || rc == RB_E_INCOMPLETE)
		return rb_catalog_remark(b->catalog, listing->name, true, err,
		                         "its columns cannot be read");
	if (rc < 0)
		return rc;
	b->catalog->table_count++;
	/* SQLite goes by names only: a table of the user's may look like storage. */
	if (table->kind == RB_TABLE_SHADOW && !owner_of(b, table->name))
		table->kind = RB_TABLE_PLAIN;
	return table->kind == RB_TABLE_SHADOW ? note_shadow(b, table, err) : RB_OK;
}

static int compare_tables(const void *a, const void *b)
{
	const struct rb_table *left = a;
	const struct rb_table *right = b;

	return strcmp(left->name, right->name);
}

static int read_tables(struct builder *b, struct rb_err *err)
{
	int rc = RB_OK;

	/* Virtual tables first: they decide about their shadow tables. */
	for (size_t i = 0; i < b->listing_count && rc == RB_OK; i++)
		if (strcmp(b->listings[i].type, "virtual") == 0)
			rc = add_virtual(b, &b->listings[i], err);
	for (size_t i = 0; i < b->listing_count && rc == RB_OK; i++)
		if (strcmp(b->listings[i].type, "table") == 0 ||
		    strcmp(b->listings[i].type, "shadow") == 0)
			rc = add_stored(b, &b->listings[i], err);
	if (rc == RB_OK && b->catalog->table_count > 0)
		qsort(b->catalog->tables, b->catalog->table_count, sizeof(*b->catalog->tables),
		      compare_tables);
	return rc;
}

/* Leave out the DDL of shadow tables that CREATE VIRTUAL TABLE makes and fills. */
static void drop_covered_objects(struct builder *b)
{
	struct rb_catalog *catalog = b->catalog;
	size_t kept = 0;

	for (size_t i = 0; i < catalog->object_count; i++) {
		struct rb_object *object = &catalog->objects[i];
		const struct virtual_table *owner = NULL;

		if (strcmp(object->kind, "table") == 0)
			owner = owner_of(b, object->name);
		if (owner && owner->keeping == KEEP_ROWS) {
			free(object->kind);
			free(object->name);
			free(object->table);
			free(object->sql);
			continue;
		}
		catalog->objects[kept++] = *object;
	}
	catalog->object_count = kept;
}

static void release_builder(struct builder *b)
{
	for (size_t i = 0; i < b->listing_count; i++) {
		free(b->listings[i].name);
		free(b->listings[i].type);
	}
	free(b->listings);
	for (size_t i = 0; i < b->virtual_count; i++)
		rb_sqlite_vtab_release(&b->virtuals[i].parsed);
	free(b->virtuals);
	rb_catalog_free(b->catalog);
}

int rb_sqlite_catalog(struct rb_sqlite_conn *conn, struct rb_catalog **out, struct rb_err *err)
{
	struct builder b = {.conn = conn};
	int rc = RB_OK;

	b.catalog = calloc(1, sizeof(*b.catalog));
	if (!b.catalog)
		return no_memory(err);
	b.catalog->engine = strdup("sqlite");
	if (!b.catalog->engine)
		rc = no_memory(err);
	if (rc == RB_OK)
		rc = read_settings(&b, err);
	if (rc == RB_OK)
		rc = read_objects(&b, err);
	if (rc == RB_OK)
		rc = read_listings(&b, err);
	if (rc == RB_OK && conn->malformed)
		rc = rb_sqlite_remark_malformed(conn, b.catalog, b.listings, b.listing_count, err);
	if (rc == RB_OK)
		rc = read_tables(&b, err);
	if (rc == RB_OK) {
		drop_covered_objects(&b);
		rc = rb_sqlite_remark_collations(conn, b.catalog, err);
	}
	if (rc == RB_OK) {
		*out = b.catalog;
		b.catalog = NULL;
	} else if (rc == RB_E_INCOMPLETE || rc == RB_E_IO) {
		/* Without its schema nothing of a database can be read. */
		rc = RB_E_UNREACHABLE;
		if (err)
			err->status = RB_E_UNREACHABLE;
	}
	release_builder(&b);
	return rc;
}
