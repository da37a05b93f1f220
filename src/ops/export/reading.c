/*
 * See reading_priv.h.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/config/secret.h"
#include "rowback/base/log.h"
#include "rowback/repo/tree.h"
#include "digests_priv.h"
#include "reading_priv.h"

#define FINGERPRINT_MAX ((size_t)64 << 10)

static int open_source(struct rb_reading *reading, struct rb_store *store, struct rb_err *err)
{
	const struct rb_adapter *adapter = NULL;
	struct rb_open_opts opts = {.busy_timeout_ms = store->config.busy_timeout_ms};
	int rc = rb_config_source_url(reading->config, &reading->url, err);

	opts.url = reading->url;
	opts.schemas = rb_export_schemas(reading->config);
	if (rc == RB_OK)
		rc = rb_adapter_for_url(reading->url, &adapter, err);
	if (rc == RB_OK)
		rc = adapter->source_open(&opts, &reading->source, err);
	return rc < 0 ? rb_err_wrap(err, rc, "source '%s'", reading->config->name) : RB_OK;
}

struct rb_source *rb_reading_open_twin(struct rb_source *source, const char *url, const char *proof,
                                       size_t proof_len)
{
	const struct rb_open_opts opts = {.url = url, .busy_timeout_ms = 0};
	struct rb_buf text = RB_BUF(FINGERPRINT_MAX);
	struct rb_source *twin = NULL;
	int rc = RB_E_UNSUPPORTED;

	if (proof_len > 0 && source->adapter->shares_reading)
		rc = source->adapter->source_open(&opts, &twin, NULL);

	if (rc == RB_OK)
		rc = source->adapter->source_fingerprint(twin, &text, NULL);
	/* Equal proofs: nothing was written between the two snapshots. */
	if (rc == RB_OK && (text.len != proof_len || memcmp(text.data, proof, proof_len) != 0))
		rc = RB_E_CONFLICT;
	rb_buf_release(&text);
	if (rc < 0 && twin) {
		source->adapter->source_close(twin);
		twin = NULL;
	}
	return twin;
}

static int choose(struct rb_store *store, const char *const *names, struct rb_reading *readings,
                  size_t *count, struct rb_err *err)
{
	const struct rb_config *config = &store->config;

	for (size_t i = 0; !names && i < config->source_count; i++)
		readings[(*count)++].config = &config->sources[i];
	for (size_t i = 0; names && names[i]; i++) {
		const struct rb_source_config *source = NULL;
		int rc = rb_config_source(config, names[i], &source, err);

		if (rc < 0)
			return rc;
		for (size_t j = 0; j < *count; j++) {
			if (readings[j].config == source)
				return rb_err_set(err, RB_E_USAGE, "source '%s' is named twice",
				                  names[i]);
		}
		readings[(*count)++].config = source;
	}
	if (*count > 0)
		return RB_OK;
	rb_err_set(err, RB_E_USAGE, "no source is configured");
	return rb_err_hint(err, "add one: git -C STORE config source.app.url sqlite:/path/app.db");
}

int rb_readings_open(struct rb_store *store, const char *const *names, struct rb_reading **out,
                     size_t *count, struct rb_err *err)
{
	struct rb_reading *readings = calloc(store->config.source_count + 1, sizeof(*readings));
	int rc;

	*out = NULL;
	*count = 0;
	if (!readings)
		return rb_err_set(err, RB_E_NOMEM, "no memory to open sources");
	rc = choose(store, names, readings, count, err);
	for (size_t i = 0; rc == RB_OK && i < *count; i++) {
		rb_buf_init(&readings[i].fingerprint, FINGERPRINT_MAX);
		rb_buf_init(&readings[i].form, FINGERPRINT_MAX);
		readings[i].jobs = store->config.jobs;
		rc = open_source(&readings[i], store, err);
	}
	if (rc < 0) {
		rb_readings_free(readings, *count);
		*count = 0;
		return rc;
	}
	*out = readings;
	return RB_OK;
}

void rb_readings_free(struct rb_reading *readings, size_t count)
{
	for (size_t i = 0; readings && i < count; i++) {
		if (readings[i].source)
			readings[i].source->adapter->source_close(readings[i].source);
		if (readings[i].helper)
			readings[i].helper->adapter->source_close(readings[i].helper);
		rb_secret_free(readings[i].url);
		rb_buf_release(&readings[i].fingerprint);
		rb_buf_release(&readings[i].form);
		rb_digests_free(readings[i].known);
		rb_export_release(&readings[i].exported);
	}
	free(readings);
}

static int add_patterns(struct rb_reading *reading, const char *what,
                        const struct rb_patterns *patterns, struct rb_err *err)
{
	int rc = RB_OK;

	for (size_t i = 0; rc == RB_OK && i < patterns->count; i++)
		rc = rb_buf_addf(&reading->fingerprint, err, " %s %s", what, patterns->list[i]);
	return rc;
}

/* What decides the export besides the data: another format or selection, another tree. */
static int add_settings(struct rb_reading *reading, struct rb_err *err)
{
	int rc = rb_buf_addf(&reading->fingerprint, err, " format %d rowback %s", RB_FORMAT_VERSION,
	                     RB_VERSION);

	if (rc == RB_OK)
		rc = add_patterns(reading, "include", &reading->config->include, err);
	if (rc == RB_OK)
		rc = add_patterns(reading, "exclude", &reading->config->exclude, err);
	if (rc == RB_OK)
		rc = add_patterns(reading, "schemas", &reading->config->exclude_schemas, err);
	if (rc == RB_OK)
		rc = add_patterns(reading, "columns", &reading->config->exclude_columns, err);
	return rc;
}

static int section_of(const struct rb_reading *reading, struct rb_buf *out, struct rb_err *err)
{
	return rb_buf_addf(out, err, "fingerprint/%s", reading->config->name);
}

/* Whether the state remembers this fingerprint for the tree that the old root has. */
static int recognise(struct rb_reading *reading, struct rb_store *store,
                     const struct rb_oid *old_root, struct rb_err *err)
{
	struct rb_buf section = RB_BUF(1024);
	struct rb_oid tree;
	uint32_t mode = 0;
	char hex[RB_OID_HEX_SIZE];
	const char *text;
	const char *known;
	int rc = section_of(reading, &section, err);

	if (rc < 0)
		goto out;
	text = rb_state_get(store->state, rb_buf_str(&section), "text");
	known = rb_state_get(store->state, rb_buf_str(&section), "tree");
	if (!text || !known || strcmp(text, rb_buf_str(&reading->fingerprint)) != 0)
		goto out;
	rc = rb_tree_find(store->repo, old_root, reading->config->name, &tree, &mode, err);
	if (rc == RB_OK) {
		rb_oid_hex(&tree, hex);
		reading->unchanged = strcmp(hex, known) == 0;
	}
	if (rc == RB_E_NOTFOUND)
		rc = RB_OK;

out:
	rb_buf_release(&section);
	return rc;
}

int rb_reading_check(struct rb_reading *reading, struct rb_store *store,
                     const struct rb_oid *old_root, bool trust, struct rb_err *err)
{
	int rc = reading->source->adapter->source_fingerprint(reading->source,
	                                                      &reading->fingerprint, err);

	if (rc < 0 || reading->fingerprint.len == 0)
		return rc < 0 ? rb_err_wrap(err, rc, "source '%s'", reading->config->name) : RB_OK;
	reading->proof_len = reading->fingerprint.len;
	rc = add_settings(reading, err);
	if (rc == RB_OK && trust && !rb_oid_is_none(old_root))
		rc = recognise(reading, store, old_root, err);
	return rc;
}

/* Whether digests are wanted, and what they are made with. */
static int choose_form(struct rb_reading *reading, struct rb_err *err)
{
	const struct rb_adapter *adapter = reading->source->adapter;
	enum rb_digests_use use = reading->config->digests;
	bool is_near = false;
	int rc;

	if (use == RB_DIGESTS_NEVER || !adapter->source_groups)
		return RB_OK;
	rc = adapter->source_groups_form(reading->source, &reading->form, &is_near, err);
	if (rc == RB_OK && is_near && use == RB_DIGESTS_AUTO)
		rb_buf_clear(&reading->form);
	else if (rc == RB_OK)
		rc = rb_buf_addf(&reading->form, err, " format %d rowback %s", RB_FORMAT_VERSION,
		                 RB_VERSION);
	return rc;
}

/* The file that remembers the digests. */
static char *digests_path(const struct rb_reading *reading, struct rb_store *store)
{
	struct rb_buf name = RB_BUF(1024);
	char *path = NULL;

	if (rb_buf_addf(&name, NULL, "digests-%s", reading->config->name) == RB_OK)
		path = rb_repo_state_path(store->repo, rb_buf_str(&name));
	rb_buf_release(&name);
	return path;
}

int rb_reading_recall(struct rb_reading *reading, struct rb_store *store,
                      const struct rb_oid *old_root, bool trust, struct rb_err *err)
{
	struct rb_err why = {0};
	uint32_t mode = 0;
	char *path;
	int rc = choose_form(reading, err);

	reading->reuse.repo = store->repo;
	if (rc < 0 || reading->form.len == 0 || !trust || rb_oid_is_none(old_root))
		return rc;
	path = digests_path(reading, store);
	if (!path)
		return rb_err_set(err, RB_E_NOMEM, "no memory for digests");
	rc = rb_tree_find(store->repo, old_root, reading->config->name, &reading->reuse.tree, &mode,
	                  &why);
	if (rc == RB_OK)
		rc = rb_digests_load(path, rb_buf_str(&reading->form), &reading->known, &why);
	/* Nothing depends on them: all rows are read then. */
	if (rc < 0)
		rb_log(RB_LOG_DEBUG, "no digests are known of '%s': %s", reading->config->name,
		       why.msg);
	reading->reuse.known = reading->known;
	free(path);
	return RB_OK;
}

void rb_reading_forget(struct rb_reading *reading)
{
	rb_digests_free(reading->known);
	reading->known = NULL;
	reading->reuse.known = NULL;
	atomic_store(&reading->reuse.is_doubted, false);
	rb_export_release(&reading->exported);
}

void rb_reading_keep(struct rb_reading *reading, struct rb_store *store)
{
	struct rb_err why = {0};
	char *path;

	if (reading->unchanged || reading->form.len == 0)
		return;
	path = digests_path(reading, store);
	if (!path ||
	    rb_digests_save(reading->exported.digests, path, rb_buf_str(&reading->form), &why) < 0)
		rb_log(RB_LOG_WARN, "the next backup reads all rows of '%s': %s",
		       reading->config->name, path ? why.msg : "no memory");
	free(path);
}

int rb_reading_export(struct rb_reading *reading, struct rb_pack *pack,
                      struct rb_worktree *worktree, unsigned int workers, struct rb_err *err)
{
	struct rb_export_opts opts = {.source = reading->source,
	                              .name = reading->config->name,
	                              .config = reading->config,
	                              .pack = pack,
	                              .worktree = worktree,
	                              .workers = workers,
	                              .jobs = reading->jobs};

	if (reading->form.len > 0)
		opts.reuse = &reading->reuse;
	if (reading->proof_len > 0)
		reading->helper =
		        rb_reading_open_twin(reading->source, reading->url,
		                             reading->fingerprint.data, reading->proof_len);
	opts.helper = reading->helper;
	return rb_export_run(&opts, &reading->exported, err);
}

int rb_reading_remember(struct rb_reading *reading, struct rb_store *store, struct rb_err *err)
{
	struct rb_buf section = RB_BUF(1024);
	char hex[RB_OID_HEX_SIZE];
	int rc;

	if (reading->unchanged)
		return RB_OK;
	rc = section_of(reading, &section, err);
	if (rc < 0)
		goto out;
	if (reading->fingerprint.len == 0 || reading->exported.incomplete) {
		rb_state_unset(store->state, rb_buf_str(&section), NULL);
		goto out;
	}
	rb_oid_hex(&reading->exported.tree, hex);
	rc = rb_state_set(store->state, rb_buf_str(&section), "text",
	                  rb_buf_str(&reading->fingerprint), err);
	if (rc == RB_OK)
		rc = rb_state_set(store->state, rb_buf_str(&section), "tree", hex, err);

out:
	rb_buf_release(&section);
	return rc;
}
