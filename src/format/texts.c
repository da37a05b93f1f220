/*
 * See rowback/format/documents.h: files that are the same in every store.
 */
#include "rowback/format/documents.h"

const char *rb_gitattributes(void)
{
	/* No filter and no line-end conversion may touch rows: their bytes are their identity. */
	return "* -text -filter -ident\n"
	       "*.jsonl diff\n"
	       "**/blobs/** -diff\n";
}

const char *rb_restore_md(void)
{
	return "# How to restore\n"
	       "\n"
	       "With rowback: `rowback restore`.\n";
}
