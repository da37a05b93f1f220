/*
 * What the sanitizers shall not report: leaks inside libraries that are not ours.
 */

/* The name is the sanitizer's. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
	/* libgit2 1.5 forgets PCRE2's match data when an expression does not match. */
	return "leak:libpcre2\n";
}
