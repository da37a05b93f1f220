/*
 * Why git failed to talk to a remote, and what can be done about it.
 *
 * Git's exit status is 128 whatever went wrong with a connection, so there is nothing but
 * the words of git, ssh, curl and the hosts to tell by (with LC_ALL=C).  Only parts that
 * have stood for years are looked for, and a failure that none of them fits is a failure
 * all the same: the words choose its kind and the hint, never whether there is one.
 * source: git v2.39 remote-curl.c, http.c, connect.c, credential.c, transport.c; OpenSSH 9.2;
 * what github.com, gitlab.com and bitbucket.org answer
 */
#include <ctype.h>
#include <string.h>

#include "remote_priv.h"

/* Words to show at most: some hosts print a page. */
enum { WORDS_MAX = 400 };

/* The first row whose text occurs decides: what is said in particular comes first. */
static const struct {
	const char *text;
	enum rb_remote_failure failure;
} signs[] = {
        {"detected dubious ownership", RB_REMOTE_OWNER},
        {"Host key verification failed", RB_REMOTE_HOST_KEY},
        {"No matching host key type", RB_REMOTE_HOST_KEY},
        {"marked as read only", RB_REMOTE_FORBIDDEN},
        {"Write access to repository not granted", RB_REMOTE_FORBIDDEN},
        {"You are not allowed to push", RB_REMOTE_FORBIDDEN},
        {"ERROR: Permission to ", RB_REMOTE_FORBIDDEN},
        {"access denied or repository not exported", RB_REMOTE_FORBIDDEN},
        {"The requested URL returned error: 403", RB_REMOTE_FORBIDDEN},
        {"Authentication failed for ", RB_REMOTE_CREDENTIALS},
        {"could not read Username", RB_REMOTE_CREDENTIALS},
        {"could not read Password", RB_REMOTE_CREDENTIALS},
        {"unable to read askpass response", RB_REMOTE_CREDENTIALS},
        {"The requested URL returned error: 401", RB_REMOTE_CREDENTIALS},
        {"Permission denied (", RB_REMOTE_CREDENTIALS},
        {"Permission denied, please try again", RB_REMOTE_CREDENTIALS},
        {"Too many authentication failures", RB_REMOTE_CREDENTIALS},
        {"ERROR: Repository not found", RB_REMOTE_NOT_FOUND},
        {"Repository not found", RB_REMOTE_NOT_FOUND},
        {"The project you were looking for could not be found", RB_REMOTE_NOT_FOUND},
        {"does not appear to be a git repository", RB_REMOTE_NOT_FOUND},
        {"The requested URL returned error: 404", RB_REMOTE_NOT_FOUND},
        {"couldn't find remote ref", RB_REMOTE_NO_REF},
        {"SSL certificate", RB_REMOTE_TLS},
        {"certificate verification failed", RB_REMOTE_TLS},
        {"certificate verify failed", RB_REMOTE_TLS},
        {"certificate subject name", RB_REMOTE_TLS},
        {"does not match target host name", RB_REMOTE_TLS},
        {"error setting certificate", RB_REMOTE_TLS},
        {"gnutls_handshake() failed", RB_REMOTE_TLS},
        {"SSL_ERROR", RB_REMOTE_TLS},
        {"SSL routines", RB_REMOTE_TLS},
        {"Operation too slow", RB_REMOTE_SLOW},
        {"Could not resolve", RB_REMOTE_UNREACHABLE},
        {"Failed to connect to ", RB_REMOTE_UNREACHABLE},
        {"Couldn't connect to ", RB_REMOTE_UNREACHABLE},
        {"unable to connect to ", RB_REMOTE_UNREACHABLE},
        {"unable to look up ", RB_REMOTE_UNREACHABLE},
        {"Connection refused", RB_REMOTE_UNREACHABLE},
        {"No route to host", RB_REMOTE_UNREACHABLE},
        {"Network is unreachable", RB_REMOTE_UNREACHABLE},
        {"Connection timed out", RB_REMOTE_UNREACHABLE},
        {"Timeout, server ", RB_REMOTE_SLOW},
        {"RPC failed", RB_REMOTE_CUT},
        {"hung up unexpectedly", RB_REMOTE_CUT},
        {"unexpected disconnect", RB_REMOTE_CUT},
        {"Connection reset", RB_REMOTE_CUT},
        {"Connection closed", RB_REMOTE_CUT},
        {"Broken pipe", RB_REMOTE_CUT},
        {"early EOF", RB_REMOTE_CUT},
        {"Empty reply from server", RB_REMOTE_CUT},
        /* Both ends of a local remote say it when the path is not there. */
        {"' not found", RB_REMOTE_NOT_FOUND},
        {"' does not exist", RB_REMOTE_NOT_FOUND},
};

const char *rb_remote_next_line(const char *line)
{
	line += strcspn(line, "\r\n");
	line += strspn(line, "\r\n");
	return *line ? line : NULL;
}

/* The start of the line that `at` is in. */
static const char *line_of(const char *text, const char *at)
{
	while (at > text && at[-1] != '\n' && at[-1] != '\r')
		at--;
	return at;
}

enum rb_remote_failure rb_remote_classify(const char *text, const char **line)
{
	if (line)
		*line = NULL;
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		const char *at = strstr(text, signs[i].text);

		if (at) {
			if (line)
				*line = line_of(text, at);
			return signs[i].failure;
		}
	}
	return RB_REMOTE_OTHER;
}

static bool skip_word(const char **at, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(*at, word, len) != 0)
		return false;
	*at += len;
	return true;
}

int rb_remote_add_line(const char *line, struct rb_buf *out, struct rb_err *err)
{
	const char *end = line + strcspn(line, "\r\n");

	skip_word(&line, "remote:");
	for (;;) {
		while (line < end && isspace((unsigned char)*line))
			line++;
		if (!skip_word(&line, "fatal: ") && !skip_word(&line, "error: ") &&
		    !skip_word(&line, "ERROR: "))
			break;
	}
	/* ESC [K, with which git clears what was on a terminal's line. */
	if (end - line >= 3 && memcmp(end - 3, "\033[K", 3) == 0)
		end -= 3;
	while (end > line && isspace((unsigned char)end[-1]))
		end--;
	return rb_url_redact_text(line, (size_t)(end - line), out, err);
}

/* Blank lines and rules are layout, a percentage is progress. */
static bool is_layout(const char *words)
{
	return words[strspn(words, "-=_* ")] == '\0' || strstr(words, "% (") ||
	       strstr(words, ", done.");
}

int rb_remote_add_words(const char *text, struct rb_buf *out, struct rb_err *err)
{
	size_t start = out->len;
	int rc = RB_OK;

	for (const char *line = text; line && rc == RB_OK; line = rb_remote_next_line(line)) {
		size_t before = out->len;
		size_t line_start;

		if (strncmp(line, "remote:", 7) != 0)
			continue;
		if (before - start > WORDS_MAX)
			return rb_buf_adds(out, "; ...", err);
		if (before > start)
			rc = rb_buf_adds(out, "; ", err);
		line_start = out->len;
		if (rc == RB_OK)
			rc = rb_remote_add_line(line, out, err);
		if (rc == RB_OK && is_layout(rb_buf_str(out) + line_start)) {
			out->len = before;
			if (out->data)
				out->data[before] = '\0';
		}
	}
	return rc;
}

/* The line to show when no sign was found: the first that git calls fatal or an error. */
static const char *telling_line(const char *text)
{
	static const char *const starts[] = {"fatal: ", "error: ", "remote: ", ""};

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		for (const char *line = text; line; line = rb_remote_next_line(line)) {
			if (strncmp(line, starts[i], strlen(starts[i])) == 0)
				return line;
		}
	}
	return text;
}

static enum rb_status status_of(enum rb_remote_failure failure)
{
	switch (failure) {
	case RB_REMOTE_CREDENTIALS:
	case RB_REMOTE_FORBIDDEN:
	case RB_REMOTE_HOST_KEY:
	case RB_REMOTE_TLS:
		return RB_E_AUTH;
	case RB_REMOTE_NOT_FOUND:
	case RB_REMOTE_NO_REF:
		return RB_E_NOTFOUND;
	case RB_REMOTE_SLOW:
		return RB_E_TIMEOUT;
	case RB_REMOTE_UNREACHABLE:
	case RB_REMOTE_CUT:
	case RB_REMOTE_OWNER:
	case RB_REMOTE_OTHER:
		break;
	}
	return RB_E_REJECTED;
}

static void add_hint(const struct rb_remote_act *act, enum rb_remote_failure failure,
                     struct rb_err *err)
{
	const char *dir = rb_repo_work_dir(act->repo) ? rb_repo_work_dir(act->repo)
	                                              : rb_repo_git_dir(act->repo);
	const char *remote = rb_remote_is_url(act->remote) ? act->url : act->remote;

	switch (failure) {
	case RB_REMOTE_CREDENTIALS:
		rb_err_hint(err,
		            "give git an ssh key or a credential helper that works without "
		            "asking; this must succeed: git -C '%s' ls-remote %s",
		            dir, remote);
		break;
	case RB_REMOTE_FORBIDDEN:
		rb_err_hint(err, "the key or token is known there but may not do this: "
		                 "give it write access, or use another");
		break;
	case RB_REMOTE_HOST_KEY:
		rb_err_hint(err, "compare the server's host key with what its owner publishes, "
		                 "then put it into ~/.ssh/known_hosts (ssh-keyscan HOST)");
		break;
	case RB_REMOTE_TLS:
		rb_err_hint(err, "the server could not prove who it is; a private authority is "
		                 "named by: git config http.sslCAInfo FILE");
		break;
	case RB_REMOTE_NOT_FOUND:
		rb_err_hint(err,
		            "make the repository there first, or correct the URL: "
		            "git -C '%s' remote set-url NAME URL",
		            dir);
		break;
	case RB_REMOTE_UNREACHABLE:
		rb_err_hint(err, "check the network and the host's name, then try again");
		break;
	case RB_REMOTE_CUT:
	case RB_REMOTE_SLOW:
		rb_err_hint(err, "the connection broke; try again");
		break;
	case RB_REMOTE_OWNER:
		rb_err_hint(err, "the remote's directory belongs to another user: run as that "
		                 "one, or name it in safe.directory");
		break;
	case RB_REMOTE_NO_REF:
	case RB_REMOTE_OTHER:
		rb_err_hint(err, "to see all that git says, run: git -C '%s' ls-remote %s", dir,
		            remote);
		break;
	}
}

int rb_remote_wrap(const struct rb_remote_act *act, int status, struct rb_err *err)
{
	/* A URL stands for itself. */
	if (rb_remote_is_url(act->remote))
		return rb_err_wrap(err, status, "cannot %s %s", act->verb, act->url);
	return rb_err_wrap(err, status, "cannot %s '%s' (%s)", act->verb, act->remote, act->url);
}

int rb_remote_report(const struct rb_remote_act *act, const struct rb_proc_result *result,
                     struct rb_err *err)
{
	const char *text = rb_buf_str(&result->errtxt);
	struct rb_buf shown = RB_BUF(RB_REMOTE_URL_BYTES_MAX);
	enum rb_remote_failure failure;
	const char *line;
	int rc;

	failure = rb_remote_classify(text, &line);
	rc = rb_remote_add_line(line ? line : telling_line(text), &shown, err);
	if (rc < 0 && rc != RB_E_LIMIT)
		goto out;
	if (result->term_signal != 0)
		rc = rb_err_set(err, RB_E_REJECTED, "git was ended by signal %d",
		                result->term_signal);
	else if (shown.len == 0)
		rc = rb_err_set(err, status_of(failure), "git ended with status %d",
		                result->exit_code);
	else
		rc = rb_err_set(err, status_of(failure), "%.500s", rb_buf_str(&shown));
	rb_remote_wrap(act, rc, err);
	add_hint(act, failure, err);

out:
	rb_buf_release(&shown);
	return rc;
}
