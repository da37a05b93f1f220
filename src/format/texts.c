/*
 * See rowback/format/documents.h: files that are the same in every store.
 *
 * RESTORE.md lies beside this file; the Makefile makes an array of its bytes.
 */
#include "documents_priv.h"
#include "rowback/format/documents.h"

const char *rb_gitattributes(void)
{
	/*
	 * The bytes of a file are its identity: no filter, keyword or line-end conversion may
	 * touch them, and no merge may mix them.  An encoding can only be left unspecified.
	 */
	return "* -text -filter -ident -merge !working-tree-encoding\n"
	       "*.jsonl diff\n"
	       "/*/*/blobs/** -diff\n";
}

const char *rb_restore_md(void)
{
	return rb_restore_text;
}
