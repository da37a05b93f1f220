/*
 * A tree object that the reader accepts is, written from its entries again, the same bytes;
 * its names can be checked out and are in git's order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "rowback/base/buf.h"
#include "tree_priv.h"

const char fuzz_name[] = "tree";

static void write_item(struct rb_buf *out, const struct rb_tree_item *item)
{
	if (rb_buf_addf(out, NULL, "%o ", (unsigned int)item->mode) < 0 ||
	    rb_buf_add(out, item->name, item->name_len, NULL) < 0 ||
	    rb_buf_add(out, "", 1, NULL) < 0 ||
	    rb_buf_add(out, item->oid.id, sizeof(item->oid.id), NULL) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rb_buf again = RB_BUF(size);
	struct rb_tree_reader reader;
	struct rb_tree_item item;
	struct rb_tree_item last = {0};
	int rc;

	rb_tree_reader_init(&reader, data, size);
	while ((rc = rb_tree_reader_next(&reader, &item, NULL)) == 1) {
		if (!rb_tree_name_is_safe(item.name, item.name_len) ||
		    strlen(item.name) != item.name_len ||
		    (last.name && rb_tree_item_order(&last, &item) >= 0))
			abort();
		write_item(&again, &item);
		last = item;
	}
	if (rc == 0 && (again.len != size || (size > 0 && memcmp(again.data, data, size) != 0)))
		abort();
	rb_buf_release(&again);
	return 0;
}
