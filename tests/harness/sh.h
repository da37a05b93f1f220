/*
 * Independent programs (git, jq, sqlite3) from a test, through the shell.
 *
 * A command that does not end with 0 fails the test and shows what it printed.
 */
#ifndef HARNESS_SH_H
#define HARNESS_SH_H

/** Run a command. */
void sh(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** Run a command and get its standard output, on the heap, without the last newline. */
char *sh_out(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** Compare what sh_out() gave, and free it. */
void sh_assert(const char *want, char *got);

/** Run a command that may fail and get its exit status; what it prints is dropped. */
int sh_status(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * Make the environment of the process one where git reads no file of the user or of the
 * system and writes the same commits every time.  For a group's set-up.
 */
void sh_isolate_git(void);

#endif /* HARNESS_SH_H */
