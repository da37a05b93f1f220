/*
 * See rowback/runtime/who.h.
 */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "rowback/runtime/who.h"

void rb_who_user(char out[RB_WHO_SIZE])
{
	const char *sudo = getenv("SUDO_USER");
	struct passwd entry;
	struct passwd *found = NULL;
	char text[4096]; /* name, home and shell; glibc itself begins with 1024 */

	if (sudo && *sudo)
		snprintf(out, RB_WHO_SIZE, "%s", sudo);
	else if (getpwuid_r(geteuid(), &entry, text, sizeof(text), &found) == 0 && found)
		snprintf(out, RB_WHO_SIZE, "%s", found->pw_name);
	else
		snprintf(out, RB_WHO_SIZE, "%lu", (unsigned long)geteuid());
}

void rb_who_host(char out[RB_WHO_SIZE])
{
	out[0] = '\0';
	/* A name that is cut need not end with a NUL. */
	if (gethostname(out, RB_WHO_SIZE) < 0 || !out[0])
		snprintf(out, RB_WHO_SIZE, "localhost");
	out[RB_WHO_SIZE - 1] = '\0';
}
