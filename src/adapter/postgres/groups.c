/*
 * See postgres_priv.h: digests of groups of rows (adapter.h), and some rows of a table.
 *
 * A row's text is ROW(...)::text of the columns that COPY sends, which calls the same output
 * functions: equal text means equal bytes of COPY.  It is made anew from a line of COPY here, so
 * that digests of what was read need nothing from the server, and are of what was read.
 *
 * The server hashes row by row, and holds 40 bytes or so of each while it sorts.  OFFSET 0 keeps it
 * from hashing twice.  Whether its aggregate sees a group's rows in order decides only whether
 * digests are equal that could be: other rows have others in any order.
 *
 * source: PostgreSQL, src/backend/utils/adt/rowtypes.c, record_out(); commands/copyto.c
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rowback/base/encode.h"
#include "postgres_priv.h"

/* What "rowback_%u" of names within a statement needs. */
#define PREFIX_SIZE 24

/* Digits of a group's number of rows: it is of 32 bits. */
#define ROWS_DIGITS_MAX 10

/* A prefix that no column's name begins with. */
static void choose_prefix(const struct rb_table *table, char out[PREFIX_SIZE])
{
	bool is_taken = true;

	for (unsigned int i = 0; is_taken; i++) {
		is_taken = false;
		snprintf(out, PREFIX_SIZE, "rowback_%u", i);
		for (size_t j = 0; j < table->column_count; j++)
			is_taken |= strncmp(table->columns[j].name, out, strlen(out)) == 0;
	}
}

/* " FROM ONLY table WHERE ..." */
static int add_from(const struct rb_pg_conn *conn, const struct rb_table *table, struct rb_buf *sql,
                    struct rb_err *err)
{
	int rc = rb_buf_adds(sql, " FROM ONLY ", err);

	if (rc == RB_OK)
		rc = rb_pg_add_table(sql, table->name, err);
	return rc < 0 ? rc : rb_buf_addf(sql, err, " %s", rb_pg_condition(conn, table->name));
}

/* What rb_pg_add_order() speaks of. */
static int add_order_columns(const struct rb_table *table, struct rb_buf *sql, struct rb_err *err)
{
	int rc = RB_OK;

	if (table->key_kind == RB_KEY_ROW)
		return rb_pg_add_columns(sql, table, err);
	for (size_t i = 0; i < table->key_count && rc == RB_OK; i++) {
		rc = rb_buf_adds(sql, i > 0 ? ", " : "", err);
		if (rc == RB_OK)
			rc = rb_pg_add_name(sql, table->columns[table->key[i]].name, err);
	}
	return rc;
}

/* Each row's hash, whether it begins a group, and what to sort by. */
static int add_hashes(const struct rb_pg_conn *conn, const struct rb_table *table, const char *p,
                      struct rb_buf *sql, struct rb_err *err)
{
	int rc = rb_buf_addf(sql, err,
	                     "SELECT %s_h, row_number() OVER %s_w AS %s_n,"
	                     " sum(CASE WHEN %s_h < int8send(least(%s_l, %d)::int8 * %" PRIu64
	                     ") THEN 1 ELSE 0 END) OVER %s_w AS %s_g"
	                     " FROM (SELECT sha256(%s_t) AS %s_h, octet_length(%s_t) AS %s_l, ",
	                     p, p, p, p, p, RB_GROUP_ROW_MAX, RB_GROUP_FACTOR, p, p, p, p, p, p);

	if (rc == RB_OK)
		rc = add_order_columns(table, sql, err);
	if (rc == RB_OK)
		rc = rb_buf_adds(sql, " FROM (SELECT textsend(ROW(", err);
	if (rc == RB_OK)
		rc = rb_pg_add_columns(sql, table, err);
	if (rc == RB_OK)
		rc = rb_buf_addf(sql, err, ")::text) AS %s_t, ", p);
	if (rc == RB_OK)
		rc = add_order_columns(table, sql, err);
	if (rc == RB_OK)
		rc = add_from(conn, table, sql, err);
	if (rc == RB_OK)
		rc = rb_buf_addf(sql, err, " OFFSET 0) AS %s_a OFFSET 0) AS %s_b WINDOW %s_w AS (",
		                 p, p, p);
	if (rc == RB_OK)
		rc = rb_pg_add_order(conn, table, sql, err);
	return rc < 0 ? rc : rb_buf_adds(sql, " ROWS UNBOUNDED PRECEDING)", err);
}

static int add_groups(const struct rb_pg_conn *conn, const struct rb_table *table, const char *p,
                      struct rb_buf *sql, struct rb_err *err)
{
	int rc = rb_buf_addf(sql, err,
	                     "SELECT count(*), encode(substr(sha256(string_agg(%s_h, ''::bytea)),"
	                     " 1, %d), 'hex') FROM (SELECT %s_h, %s_g FROM (",
	                     p, RB_GROUP_DIGEST_SIZE, p, p);

	if (rc == RB_OK)
		rc = add_hashes(conn, table, p, sql, err);
	return rc < 0 ? rc
	              : rb_buf_addf(sql, err,
	                            ") AS %s_c ORDER BY %s_g, %s_n) AS %s_d"
	                            " GROUP BY %s_g ORDER BY %s_g",
	                            p, p, p, p, p, p);
}

/* The borders of all ranges: a row is in one when the number of them up to it is odd. */
static int add_ranges(const struct rb_pg_conn *conn, const struct rb_table *table, const char *p,
                      const struct rb_pg_part *part, struct rb_buf *sql, struct rb_err *err)
{
	int rc = rb_buf_adds(sql, "SELECT ", err);

	if (rc == RB_OK)
		rc = rb_pg_add_columns(sql, table, err);
	if (rc == RB_OK)
		rc = rb_buf_adds(sql, " FROM (SELECT ", err);
	if (rc == RB_OK)
		rc = rb_pg_add_columns(sql, table, err);
	if (rc == RB_OK)
		rc = rb_buf_adds(sql, ", row_number() OVER (", err);
	if (rc == RB_OK)
		rc = rb_pg_add_order(conn, table, sql, err);
	if (rc == RB_OK)
		rc = rb_buf_addf(sql, err, ") AS %s_n", p);
	if (rc == RB_OK)
		rc = add_from(conn, table, sql, err);
	if (rc == RB_OK)
		rc = rb_buf_addf(sql, err, ") AS %s_s WHERE width_bucket(%s_n, '", p, p);
	for (size_t i = 0; i < part->range_count && rc == RB_OK; i++)
		rc = rb_buf_addf(sql, err, "%c%" PRIu64 ",%" PRIu64, i > 0 ? ',' : '{',
		                 part->ranges[i].from + 1, part->ranges[i].to + 1);
	return rc < 0 ? rc : rb_buf_addf(sql, err, "}'::int8[]) %% 2 = 1 ORDER BY %s_n", p);
}

int rb_pg_add_part(const struct rb_pg_conn *conn, const struct rb_table *table,
                   const struct rb_pg_part *part, struct rb_buf *settings, struct rb_buf *select,
                   struct rb_err *err)
{
	char prefix[PREFIX_SIZE];
	struct rb_buf columns = RB_BUF(RB_PG_SQL_MAX);
	int rc = rb_pg_add_columns(&columns, table, err);
	bool is_empty = columns.len == 0;

	rb_buf_release(&columns);
	if (rc == RB_OK && (is_empty || table->kind == RB_TABLE_SYSTEM))
		rc = rb_err_set(err, RB_E_UNSUPPORTED, "table '%s' has no groups", table->name);
	if (rc < 0)
		return rc;
	choose_prefix(table, prefix);
	/* Hashing would hold all rows' hashes in memory before version 13. */
	rc = rb_buf_adds(settings, "SET LOCAL enable_hashagg = off; SET LOCAL jit = off; ", err);
	if (rc < 0)
		return rc;
	return part->groups ? add_groups(conn, table, prefix, select, err)
	                    : add_ranges(conn, table, prefix, part, select, err);
}

int rb_pg_take_group(const char *line, size_t len, const struct rb_group_sink *sink,
                     struct rb_err *err)
{
	struct rb_group group = {0};
	uint64_t rows = 0;
	size_t digits = 0;

	if (len > 0 && line[len - 1] == '\n')
		len--;
	while (digits < len && digits < ROWS_DIGITS_MAX && line[digits] >= '0' &&
	       line[digits] <= '9')
		rows = rows * 10 + (uint64_t)(line[digits++] - '0');
	if (rows == 0 || rows > UINT32_MAX || digits >= len || line[digits] != '\t' ||
	    !rb_hex_decode(line + digits + 1, len - digits - 1, group.digest, sizeof(group.digest)))
		return rb_err_set(err, RB_E_FORMAT, "'%.*s' is no group of rows",
		                  (int)(len < 80 ? len : 80), line);
	group.rows = (uint32_t)rows;
	return sink->group(sink->ctx, &group, err);
}

/* What a letter behind a backslash stands for. */
static char unescaped(char letter)
{
	static const char letters[] = "bfnrtv";
	static const char bytes[] = "\b\f\n\r\t\v";
	const char *at = letter ? strchr(letters, letter) : NULL;

	return at ? bytes[at - letters] : letter;
}

/* Whether record_out() puts quotes around a field, escapes of COPY included. */
static bool is_quoted(const char *field, size_t len)
{
	if (len == 0)
		return true;
	for (size_t i = 0; i < len; i++) {
		switch (field[i]) {
		case '\\':
			/* All that COPY escapes is quoted but \b. */
			if (i + 1 < len && field[i + 1] == 'b') {
				i++;
				break;
			}
			return true;
		case '"':
		case '(':
		case ')':
		case ',':
		case ' ':
			return true;
		default:
			break;
		}
	}
	return false;
}

static int add_quoted(const char *field, size_t len, struct rb_buf *out, struct rb_err *err)
{
	/* A byte becomes two at most. */
	int rc = rb_buf_reserve(out, 2 * len + 2, err);
	char *to;

	if (rc < 0)
		return rc;
	to = out->data + out->len;
	*to++ = '"';
	for (size_t i = 0; i < len; i++) {
		char byte = field[i];

		if (byte == '\\' && i + 1 < len)
			byte = unescaped(field[++i]);
		if (byte == '"' || byte == '\\')
			*to++ = byte;
		*to++ = byte;
	}
	*to++ = '"';
	*to = '\0';
	out->len = (size_t)(to - out->data);
	return RB_OK;
}

static int add_field(const char *field, size_t len, struct rb_buf *out, struct rb_err *err)
{
	if (len == 2 && memcmp(field, "\\N", 2) == 0)
		return RB_OK;
	if (is_quoted(field, len))
		return add_quoted(field, len, out, err);
	if (!memchr(field, '\\', len))
		return rb_buf_add(out, field, len, err);
	for (size_t i = 0; i < len; i++) {
		char byte = field[i] == '\\' && i + 1 < len ? unescaped(field[++i]) : field[i];
		int rc = rb_buf_add(out, &byte, 1, err);

		if (rc < 0)
			return rc;
	}
	return RB_OK;
}

int rb_pg_add_record(const char *line, size_t len, size_t count, struct rb_buf *out,
                     struct rb_err *err)
{
	const char *end;
	int rc = rb_buf_add(out, "(", 1, err);

	if (len > 0 && line[len - 1] == '\n')
		len--;
	end = line + len;
	for (size_t i = 0; i < count && rc == RB_OK; i++) {
		const char *tab = memchr(line, '\t', (size_t)(end - line));

		if (!tab != (i + 1 == count))
			return rb_err_set(err, RB_E_FORMAT,
			                  "a row has not the %zu columns that were asked for",
			                  count);
		if (i > 0)
			rc = rb_buf_add(out, ",", 1, err);
		if (rc == RB_OK)
			rc = add_field(line, (size_t)((tab ? tab : end) - line), out, err);
		if (tab)
			line = tab + 1;
	}
	return rc < 0 ? rc : rb_buf_add(out, ")", 1, err);
}

/* Whether the server is on this machine, as far as one can see from here. */
static bool is_near(const struct rb_pg_conn *conn)
{
	const char *host = PQhost(conn->pg);
	const char *address = PQhostaddr(conn->pg);

	return !host || *host == '/' || *host == '@' ||
	       (address && (strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0));
}

int rb_pg_source_groups_form(struct rb_source *source, struct rb_buf *out, bool *near,
                             struct rb_err *err)
{
	const struct rb_pg_conn *conn = ((struct rb_pg_source *)source)->conn;
	const char *encoding = PQparameterStatus(conn->pg, "server_encoding");

	*near = is_near(conn);
	return rb_buf_addf(out, err, "postgres 1 version %d encoding %s",
	                   PQserverVersion(conn->pg) / 10000, encoding ? encoding : "?");
}

int rb_pg_source_groups(struct rb_source *source, const struct rb_table *table,
                        const struct rb_group_sink *sink, struct rb_err *err)
{
	const struct rb_pg_part part = {.groups = sink};

	return rb_pg_read(((struct rb_pg_source *)source)->conn, table, &part, NULL, err);
}

int rb_pg_source_read_ranges(struct rb_source *source, const struct rb_table *table,
                             const struct rb_row_range *ranges, size_t count,
                             const struct rb_row_sink *sink, struct rb_err *err)
{
	const struct rb_pg_part part = {.ranges = ranges, .range_count = count};

	return rb_pg_read(((struct rb_pg_source *)source)->conn, table, &part, sink, err);
}
