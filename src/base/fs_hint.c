/*
 * See rowback/base/fs.h: what the system is told for speed alone.
 */
#define _GNU_SOURCE /* sync_file_range() */
#include <fcntl.h>

#include "rowback/base/fs.h"

void rb_fs_start_writing(int fd)
{
	(void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}
