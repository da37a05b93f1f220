/*
 * Whether anybody can read a remote: asked as anybody would.
 *
 * Git runs outside any repository, with an empty home directory and a configuration that
 * holds nothing but how to reach the network (proxy, certificate authorities).  What could
 * tell the server who asks is left out: credential helpers, askpass programs, .netrc,
 * cookies, extra headers, client certificates, Kerberos tickets, ssh keys, and the user and
 * password in the URL.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "remote_priv.h"
#include "rowback/base/fs.h"

#define LIST_BYTES_MAX ((size_t)128 << 20)
#define CONFIG_BYTES_MAX ((size_t)1 << 20)
/* `ssh -G` talks to nobody. */
#define SSH_TIMEOUT_MS 10000

/* Hosts that serve by https, under the same path, what they serve by ssh. */
static const struct {
	const char *host;
	const char *base;
} known_hosts[] = {
        {"github.com", "https://github.com"},
        {"ssh.github.com", "https://github.com"},
        {"gitlab.com", "https://gitlab.com"},
        {"altssh.gitlab.com", "https://gitlab.com"},
        {"bitbucket.org", "https://bitbucket.org"},
        {"altssh.bitbucket.org", "https://bitbucket.org"},
        {"codeberg.org", "https://codeberg.org"},
        {"git.sr.ht", "https://git.sr.ht"},
};

/* Variables of the environment that could say who asks, or stand before our settings. */
static const char *const telling_env[] = {
        "GIT_SSL_CERT", "GIT_SSL_KEY",   "GIT_SSL_CERT_PASSWORD_PROTECTED",
        "GIT_ASKPASS",  "SSH_ASKPASS",   "GIT_SSH_COMMAND",
        "GIT_SSH",      "SSH_AUTH_SOCK", "GIT_CONFIG_SYSTEM",
        "NETRC",        "KRB5CCNAME",
};

/*
 * Settings that say how to reach a server and not who asks, also for one URL
 * (http.<url>.sslCAInfo).
 */
#define NEUTRAL_SETTINGS                                                                           \
	"^http\\.(.*\\.)?(sslcainfo|sslcapath|sslverify|sslversion|sslbackend|sslcipherlist|"      \
	"schannelcheckrevoke|schannelusesslcainfo|proxy|proxysslcainfo|version|useragent|"         \
	"curloptresolve|followredirects)$"

static bool is_proxy(const char *name)
{
	return strcmp(strrchr(name, '.'), ".proxy") == 0;
}

/* Add a setting to the command that will ask. */
static int add_setting(void *ctx, const char *name, const char *value, struct rb_err *err)
{
	struct rb_git *git = ctx;
	const char *home = getenv("HOME");
	struct rb_url url = {0};
	int rc = RB_OK;

	/* A URL with a user in it is about somebody; one with '=' cannot be given with -c. */
	if (strpbrk(name, "@="))
		return RB_OK;
	rb_git_arg(git, "-c");
	if (!value) {
		rb_git_arg(git, "%s", name);
	} else if (strncmp(value, "~/", 2) == 0 && home) {
		/* Git would look in the empty home directory. */
		rb_git_arg(git, "%s=%s%s", name, home, value + 1);
	} else if (is_proxy(name) && strchr(value, '@')) {
		rc = rb_url_parse(value, &url, err);
		rb_git_arg(git, "%s=%s", name, url.open ? url.open : "");
		rb_url_release(&url);
	} else {
		rb_git_arg(git, "%s=%s", name, value);
	}
	return rc;
}

/* Put the command together that asks for a URL from an empty directory. */
static int begin_asking(struct rb_git *git, struct rb_repo *repo, const char *url,
                        const char *empty_dir, struct rb_err *err)
{
	struct rb_buf settings = RB_BUF(CONFIG_BYTES_MAX);
	int rc;

	rb_git_begin(git, NULL);
	rc = rb_git_config(repo, NEUTRAL_SETTINGS, &settings, err);
	if (rc == RB_OK)
		rc = rb_git_config_each(&settings, add_setting, git, err);
	rb_buf_release(&settings);
	if (rc < 0)
		return rc;

	for (size_t i = 0; i < sizeof(telling_env) / sizeof(telling_env[0]); i++)
		rb_git_unset(git, telling_env[i]);
	rb_git_env(git, "HOME=%s", empty_dir);
	rb_git_env(git, "XDG_CONFIG_HOME=%s", empty_dir);
	rb_git_env(git, "GIT_CONFIG_NOSYSTEM=1");
	rb_git_env(git, "GIT_CONFIG_GLOBAL=/dev/null");
	rb_git_env(git, "GIT_ASKPASS=");
	rb_git_env(git, "KRB5CCNAME=/dev/null");
	/* A repository above the directory would bring its configuration in. */
	rb_git_env(git, "GIT_DIR=%s/none", empty_dir);
	rb_git_arg(git, "-c");
	rb_git_arg(git, "credential.helper=");
	rb_git_arg(git, "-c");
	rb_git_arg(git, "http.emptyAuth=false");
	rb_git_arg(git, "ls-remote");
	rb_git_arg(git, "--quiet");
	rb_git_arg(git, "--");
	rb_git_arg(git, "%s", url);
	git->cwd = strdup(empty_dir);
	if (!git->cwd)
		git->is_broken = true;
	return RB_OK;
}

/* Say why it is not known. */
static int unknown(const char *url, const char *text, struct rb_buf *why, struct rb_err *err)
{
	const char *line = NULL;
	int rc;

	rb_remote_classify(text, &line);
	rc = rb_buf_addf(why, err, "%s did not answer the question: ", url);
	if (rc == RB_OK)
		rc = rb_remote_add_line(line ? line : text, why, err);
	return rc;
}

static int judge(const char *url, const struct rb_proc_result *result, enum rb_visibility *out,
                 struct rb_buf *why, struct rb_err *err)
{
	const char *text = rb_buf_str(&result->errtxt);

	if (result->exit_code == 0) {
		*out = RB_VISIBILITY_PUBLIC;
		return rb_buf_addf(why, err, "%s answers to anybody", url);
	}
	switch (rb_remote_classify(text, NULL)) {
	case RB_REMOTE_CREDENTIALS:
		*out = RB_VISIBILITY_PRIVATE;
		return rb_buf_addf(why, err, "%s asks for credentials", url);
	case RB_REMOTE_FORBIDDEN:
		*out = RB_VISIBILITY_PRIVATE;
		return rb_buf_addf(why, err, "%s refuses those without credentials", url);
	case RB_REMOTE_NOT_FOUND:
		*out = RB_VISIBILITY_PRIVATE;
		return rb_buf_addf(why, err, "%s is not there for those without credentials", url);
	default:
		return unknown(url, text, why, err);
	}
}

/* Ask for a URL that holds no secret. */
static int ask(struct rb_repo *repo, const char *url, int64_t timeout_ms, enum rb_visibility *out,
               struct rb_buf *why, struct rb_err *err)
{
	const struct rb_git_limits limits = {.timeout_ms = timeout_ms,
	                                     .stdout_max = LIST_BYTES_MAX};
	struct rb_proc_result result = {0};
	struct rb_git git = {0};
	char *empty_dir = NULL;
	int rc;

	rc = rb_fs_mkdtemp("rowback-", &empty_dir, err);
	if (rc < 0)
		goto out;
	rc = begin_asking(&git, repo, url, empty_dir, err);
	if (rc < 0)
		goto out;
	rc = rb_git_run(&git, &limits, &result, err);
	if (rc == RB_E_TIMEOUT)
		rc = rb_buf_addf(why, err, "%s did not answer within %g s", url,
		                 (double)timeout_ms / 1000);
	else if (rc == RB_OK)
		rc = judge(url, &result, out, why, err);

out:
	if (empty_dir) {
		int removed = rb_fs_remove_tree(empty_dir, rc < 0 ? NULL : err);

		if (rc == RB_OK)
			rc = removed;
	}
	free(empty_dir);
	rb_proc_result_release(&result);
	rb_git_release(&git);
	return rc;
}

/* The command that git would run for ssh, for /bin/sh; NULL: plain ssh. */
static int ssh_command(struct rb_repo *repo, struct rb_buf *out, struct rb_err *err)
{
	const char *command = getenv("GIT_SSH_COMMAND");
	struct rb_buf entries = RB_BUF(CONFIG_BYTES_MAX);
	int rc = RB_OK;

	if (command)
		return rb_buf_adds(out, command, err);
	rc = rb_git_config(repo, "^core\\.sshcommand$", &entries, err);
	for (size_t at = 0; at < entries.len; at += strlen(entries.data + at) + 1) {
		const char *value = strchr(entries.data + at, '\n');

		/* The last one counts. */
		rb_buf_clear(out);
		if (rc == RB_OK && value)
			rc = rb_buf_adds(out, value + 1, err);
	}
	rb_buf_release(&entries);
	if (rc == RB_OK && out->len == 0)
		rc = rb_buf_adds(out, getenv("GIT_SSH") ? "\"$GIT_SSH\"" : "ssh", err);
	return rc;
}

/* Take the value of "hostname " from what `ssh -G` prints. */
static int take_hostname(const char *text, struct rb_buf *out, struct rb_err *err)
{
	for (const char *line = text; line; line = rb_remote_next_line(line)) {
		if (strncmp(line, "hostname ", 9) == 0)
			return rb_buf_add(out, line + 9, strcspn(line + 9, "\r\n"), err);
	}
	return RB_OK;
}

/*
 * Append the name behind an alias of the user's ssh configuration, in lower case; the alias
 * itself when ssh cannot tell (or what git runs is no OpenSSH).
 */
static int resolve_host(struct rb_repo *repo, const struct rb_url *url, struct rb_buf *out,
                        struct rb_err *err)
{
	struct rb_buf command = RB_BUF(RB_REMOTE_URL_BYTES_MAX);
	struct rb_proc_result result = {0};
	const char *argv[] = {"sh", "-c", NULL, "sh", "-l", url->user, "--", url->host, NULL};
	const char *const env[] = {"LC_ALL=C", "SSH_ASKPASS_REQUIRE=never", NULL};
	struct rb_proc_opts opts = {.argv = argv,
	                            .env_set = env,
	                            .env_unset = rb_git_local_env,
	                            .timeout_ms = SSH_TIMEOUT_MS,
	                            .stdout_max = 1 << 20,
	                            .stderr_max = 4096};
	int rc;

	/* An option in a host's place; git refuses it, too. */
	if (url->host[0] == '-' || url->user[0] == '-')
		return rb_buf_adds(out, url->host, err);
	rc = ssh_command(repo, &command, err);
	if (rc == RB_OK)
		rc = rb_buf_adds(&command, " -G \"$@\"", err);
	if (rc < 0)
		goto out;
	argv[2] = rb_buf_str(&command);
	if (url->user[0] == '\0') {
		argv[4] = "--";
		argv[5] = url->host;
		argv[6] = NULL;
	}
	rc = rb_proc_run(&opts, &result, err);
	if (rc == RB_OK && result.exit_code == 0)
		rc = take_hostname(rb_buf_str(&result.out), out, err);
	else if (rc == RB_E_TIMEOUT || rc == RB_E_LIMIT || rc == RB_E_NOTFOUND)
		rc = RB_OK;
	if (rc == RB_OK && out->len == 0)
		rc = rb_buf_adds(out, url->host, err);
	for (size_t i = 0; i < out->len; i++)
		out->data[i] = (char)tolower((unsigned char)out->data[i]);

out:
	rb_proc_result_release(&result);
	rb_buf_release(&command);
	return rc;
}

/* Append what stands before the path in the https form of a host; nothing when unknown. */
static int https_base(struct rb_repo *repo, const char *host, struct rb_buf *out,
                      struct rb_err *err)
{
	struct rb_buf key = RB_BUF(RB_REMOTE_URL_BYTES_MAX);
	int rc;

	rc = rb_buf_addf(&key, err, "rowback.%s.publicUrl", host);
	if (rc < 0)
		return rc;
	rc = rb_repo_config_get(repo, rb_buf_str(&key), out, NULL);
	rb_buf_release(&key);
	if (rc == RB_OK)
		return RB_OK;
	for (size_t i = 0; i < sizeof(known_hosts) / sizeof(known_hosts[0]); i++) {
		if (strcmp(host, known_hosts[i].host) == 0)
			return rb_buf_adds(out, known_hosts[i].base, err);
	}
	return RB_OK;
}

/* Append a path as it stands in a URL. */
static int add_encoded(const char *path, struct rb_buf *out, struct rb_err *err)
{
	int rc = RB_OK;

	for (; *path && rc == RB_OK; path++) {
		if (isalnum((unsigned char)*path) || strchr("-._~/+@%", *path))
			rc = rb_buf_add(out, path, 1, err);
		else
			rc = rb_buf_addf(out, err, "%%%02X", (unsigned int)(unsigned char)*path);
	}
	return rc;
}

/* Ask for the https form of an ssh URL. */
static int ask_ssh(struct rb_repo *repo, const struct rb_url *url, int64_t timeout_ms,
                   enum rb_visibility *out, struct rb_buf *why, struct rb_err *err)
{
	struct rb_buf host = RB_BUF(RB_REMOTE_URL_BYTES_MAX);
	struct rb_buf https = RB_BUF(RB_REMOTE_URL_BYTES_MAX);
	struct rb_url open = {0};
	int rc;

	rc = resolve_host(repo, url, &host, err);
	if (rc == RB_OK)
		rc = https_base(repo, rb_buf_str(&host), &https, err);
	if (rc < 0)
		goto out;
	if (https.len == 0) {
		rc = rb_buf_addf(why, err, "no https form of host '%s' is known",
		                 rb_buf_str(&host));
		goto out;
	}
	while (https.len > 0 && https.data[https.len - 1] == '/')
		https.data[--https.len] = '\0';
	rc = rb_buf_adds(&https, "/", err);
	if (rc == RB_OK)
		rc = add_encoded(url->path, &https, err);
	if (rc == RB_OK)
		rc = rb_url_parse(rb_buf_str(&https), &open, err);
	if (rc < 0)
		goto out;
	if (open.kind != RB_URL_HTTP) {
		rc = rb_buf_addf(why, err, "rowback.%s.publicUrl is no http URL",
		                 rb_buf_str(&host));
		goto out;
	}
	rc = ask(repo, open.open, timeout_ms, out, why, err);

out:
	rb_url_release(&open);
	rb_buf_release(&https);
	rb_buf_release(&host);
	return rc;
}

int rb_remote_visibility(struct rb_repo *repo, const char *url, int64_t timeout_ms,
                         enum rb_visibility *out, struct rb_buf *why, struct rb_err *err)
{
	struct rb_url parsed;
	int rc;

	*out = RB_VISIBILITY_UNKNOWN;
	rc = rb_url_parse(url, &parsed, err);
	if (rc < 0)
		return rc;
	switch (parsed.kind) {
	case RB_URL_LOCAL:
		*out = RB_VISIBILITY_LOCAL;
		rc = rb_buf_adds(why, "it is a path on this machine", err);
		break;
	case RB_URL_HTTP:
	case RB_URL_GIT:
		rc = ask(repo, parsed.open, timeout_ms, out, why, err);
		break;
	case RB_URL_SSH:
		rc = ask_ssh(repo, &parsed, timeout_ms, out, why, err);
		break;
	case RB_URL_OTHER:
		rc = rb_buf_adds(why, "there is no way to ask such a URL as anybody could", err);
		break;
	}
	rb_url_release(&parsed);
	return rc;
}
