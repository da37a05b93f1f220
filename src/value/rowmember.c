/*
 * See row_priv.h.
 */
#include <stdlib.h>
#include <string.h>

#include "row_priv.h"
#include "rowback/base/encode.h"
#include "rowback/value/rowwriter.h"

/* Bytes of all member names of a table; SQLite has 2,000 columns, names are short. */
#define MEMBERS_MAX ((size_t)32 << 20)

int rb_row_member_name(const struct rb_column *column, struct rb_buf *out, struct rb_err *err)
{
	size_t before = out->len;
	size_t len = strlen(column->name);
	int rc;

	if (column->is_rowid)
		return rb_buf_adds(out, "$rowid", err);
	if (rb_utf8_valid_len(column->name, len) < len) {
		rc = rb_buf_adds(out, "$base64:", err);
		if (rc == RB_OK)
			rc = rb_base64_encode(column->name, len, out, err);
	} else {
		rc = rb_buf_adds(out, column->name[0] == '$' ? "$" : "", err);
		if (rc == RB_OK)
			rc = rb_buf_add(out, column->name, len, err);
	}
	if (rc < 0 && out->data) {
		out->len = before;
		out->data[before] = '\0';
	}
	return rc;
}

/* Append `,"name":`. */
static int add_member(const struct rb_column *column, struct rb_buf *out, struct rb_err *err)
{
	struct rb_buf name = RB_BUF(MEMBERS_MAX);
	int rc = rb_row_member_name(column, &name, err);

	if (rc == RB_OK)
		rc = rb_buf_add(out, ",", 1, err);
	if (rc == RB_OK)
		rc = rb_row_quote(rb_buf_str(&name), name.len, out, err);
	if (rc == RB_OK)
		rc = rb_buf_add(out, ":", 1, err);
	rb_buf_release(&name);
	return rc;
}

int rb_members_init(struct rb_members *members, const struct rb_table *table, struct rb_err *err)
{
	size_t at = 0;
	int rc = RB_OK;

	memset(members, 0, sizeof(*members));
	rb_buf_init(&members->text, MEMBERS_MAX);
	members->list = calloc(table->column_count + 1, sizeof(*members->list));
	if (!members->list)
		return rb_err_set(err, RB_E_NOMEM, "no memory for the columns of '%s'",
		                  table->name);

	for (size_t i = 0; rc == RB_OK && i < table->column_count; i++) {
		size_t before = members->text.len;

		if (!rb_column_is_stored(&table->columns[i]))
			continue;
		rc = add_member(&table->columns[i], &members->text, err);
		members->list[members->count].is_number =
		        table->columns[i].form &&
		        strcmp(table->columns[i].form, RB_FORM_NUMBER) == 0;
		members->list[members->count++].len = members->text.len - before;
	}
	if (rc < 0) {
		rb_members_release(members);
		return rc;
	}

	/* Only now does the text stay where it is. */
	for (size_t i = 0; i < members->count; i++) {
		members->list[i].text = members->text.data + at;
		at += members->list[i].len;
	}
	return RB_OK;
}

void rb_members_release(struct rb_members *members)
{
	free(members->list);
	members->list = NULL;
	members->count = 0;
	rb_buf_release(&members->text);
}

/* Digits from i on; i behind them. */
static size_t skip_digits(const char *text, size_t len, size_t i)
{
	while (i < len && text[i] >= '0' && text[i] <= '9')
		i++;
	return i;
}

/* source: RFC 8259, section 6 */
size_t rb_json_number_len(const char *text, size_t len)
{
	size_t start = len > 0 && text[0] == '-';
	size_t end = skip_digits(text, len, start);
	size_t i;

	if (end == start || (text[start] == '0' && end > start + 1))
		return 0;
	if (end < len && text[end] == '.') {
		i = skip_digits(text, len, end + 1);
		if (i == end + 1)
			return 0;
		end = i;
	}
	if (end < len && (text[end] == 'e' || text[end] == 'E')) {
		start = end + 1;
		start += start < len && (text[start] == '+' || text[start] == '-');
		end = skip_digits(text, len, start);
		if (end == start)
			return 0;
	}
	return end;
}

bool rb_is_big_integer(const char *text, size_t len)
{
	bool negative = len > 0 && text[0] == '-';
	const char *limit = negative ? "9223372036854775808" : "9223372036854775807";
	const size_t limit_len = 19;

	text += negative;
	len -= negative;
	if (len < limit_len || text[0] == '0')
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] < '0' || text[i] > '9')
			return false;
	return len > limit_len || memcmp(text, limit, limit_len) > 0;
}
