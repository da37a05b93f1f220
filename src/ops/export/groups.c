/*
 * See groups_priv.h.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/repo/object.h"
#include "groups_priv.h"

static int no_memory(struct rb_err *err)
{
	return rb_err_set(err, RB_E_NOMEM, "no memory for groups of rows");
}

int rb_groups_add(struct rb_groups *groups, const struct rb_group *group, struct rb_err *err)
{
	if (groups->count == RB_GROUPS_MAX || group->rows > RB_GROUP_ROWS_MAX)
		return rb_err_set(err, RB_E_LIMIT, "too many groups of rows, or rows in one");
	if (groups->count == groups->room) {
		size_t room = groups->room ? groups->room * 2 : 64;
		struct rb_group *grown = realloc(groups->list, room * sizeof(*grown));

		if (!grown)
			return no_memory(err);
		groups->list = grown;
		groups->room = room;
	}
	groups->list[groups->count++] = *group;
	groups->rows += group->rows;
	return RB_OK;
}

void rb_groups_release(struct rb_groups *groups)
{
	free(groups->list);
	memset(groups, 0, sizeof(*groups));
}

struct rb_grouper {
	struct rb_sha256 *row;
	struct rb_sha256 *group;
	uint32_t rows; /* in the group that is open */
};

int rb_grouper_new(struct rb_grouper **out, struct rb_err *err)
{
	struct rb_grouper *grouper = calloc(1, sizeof(*grouper));
	int rc;

	if (!grouper)
		return no_memory(err);
	rc = rb_sha256_new(&grouper->row, err);
	if (rc == RB_OK)
		rc = rb_sha256_new(&grouper->group, err);
	if (rc < 0) {
		rb_grouper_free(grouper);
		return rc;
	}
	*out = grouper;
	return RB_OK;
}

void rb_grouper_free(struct rb_grouper *grouper)
{
	if (!grouper)
		return;
	rb_sha256_free(grouper->row);
	rb_sha256_free(grouper->group);
	free(grouper);
}

static bool begins_group(const unsigned char hash[RB_SHA256_SIZE], size_t len)
{
	uint64_t head = 0;

	for (size_t i = 0; i < 8; i++)
		head = head << 8 | hash[i];
	return head < (len < RB_GROUP_ROW_MAX ? len : RB_GROUP_ROW_MAX) * RB_GROUP_FACTOR;
}

int rb_grouper_row(struct rb_grouper *grouper, const char *text, size_t len,
                   struct rb_groups *groups, struct rb_err *err)
{
	unsigned char hash[RB_SHA256_SIZE];
	int rc = rb_sha256_add(grouper->row, text, len, err);

	if (rc == RB_OK)
		rc = rb_sha256_end(grouper->row, hash, err);
	if (rc == RB_OK && begins_group(hash, len))
		rc = rb_grouper_cut(grouper, groups, err);
	if (rc == RB_OK && grouper->rows == RB_GROUP_ROWS_MAX)
		rc = rb_err_set(err, RB_E_LIMIT, "too many rows in a group");
	if (rc == RB_OK)
		rc = rb_sha256_add(grouper->group, hash, sizeof(hash), err);
	if (rc == RB_OK)
		grouper->rows++;
	return rc;
}

int rb_grouper_cut(struct rb_grouper *grouper, struct rb_groups *groups, struct rb_err *err)
{
	struct rb_group group = {.rows = grouper->rows};
	unsigned char digest[RB_SHA256_SIZE];
	int rc;

	if (grouper->rows == 0)
		return RB_OK;
	rc = rb_sha256_end(grouper->group, digest, err);
	if (rc < 0)
		return rc;
	grouper->rows = 0;
	memcpy(group.digest, digest, sizeof(group.digest));
	return rb_groups_add(groups, &group, err);
}

/* An old group, to be found by its digest. */
struct lookup {
	uint64_t head; /* the digest's first 8 bytes */
	size_t index;
};

static uint64_t head_of(const struct rb_group *group)
{
	uint64_t head;

	memcpy(&head, group->digest, sizeof(head));
	return head;
}

static int compare_lookups(const void *a, const void *b)
{
	const struct lookup *left = a;
	const struct lookup *right = b;

	if (left->head != right->head)
		return left->head < right->head ? -1 : 1;
	return (left->index > right->index) - (left->index < right->index);
}

static bool same_group(const struct rb_group *a, const struct rb_group *b)
{
	return a->rows == b->rows && memcmp(a->digest, b->digest, sizeof(a->digest)) == 0;
}

/* The first old group from a place on that is equal to one; the list's count when none is. */
static size_t find(const struct rb_groups *groups, const struct lookup *lookups,
                   const struct rb_group *wanted, size_t from)
{
	const struct lookup key = {.head = head_of(wanted), .index = from};
	size_t low = 0;
	size_t high = groups->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_lookups(&lookups[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < groups->count && lookups[low].head == key.head; low++)
		if (same_group(&groups->list[lookups[low].index], wanted))
			return lookups[low].index;
	return groups->count;
}

/* Append groups of a list to the runs. */
static int add_run(struct rb_runs *runs, enum rb_run_kind kind, const struct rb_groups *groups,
                   size_t first, size_t count, struct rb_err *err)
{
	struct rb_run *last = runs->count > 0 ? &runs->list[runs->count - 1] : NULL;
	uint64_t rows = 0;

	for (size_t i = 0; i < count; i++)
		rows += groups->list[first + i].rows;
	if (count == 0)
		return RB_OK;
	runs->rows[kind] += rows;
	if (last && last->kind == kind) {
		last->rows += rows;
		last->count += count;
		return RB_OK;
	}
	if (!runs->list || runs->count == runs->room) {
		size_t room = runs->room ? runs->room * 2 : 64;
		struct rb_run *grown = realloc(runs->list, room * sizeof(*grown));

		if (!grown)
			return no_memory(err);
		runs->list = grown;
		runs->room = room;
	}
	runs->list[runs->count++] =
	        (struct rb_run){.kind = kind, .rows = rows, .first = first, .count = count};
	return RB_OK;
}

/* Two lists, and how far their rows are in the runs. */
struct matching {
	const struct rb_groups *old_groups;
	const struct rb_groups *new_groups;
	struct rb_runs *runs;
	size_t old_at;
	size_t new_at;
};

/* Up to these places nothing is in both: old groups go, then new ones come. */
static int add_difference(struct matching *m, size_t old_to, size_t new_to, struct rb_err *err)
{
	int rc = add_run(m->runs, RB_RUN_DROP, m->old_groups, m->old_at, old_to - m->old_at, err);

	if (rc == RB_OK)
		rc = add_run(m->runs, RB_RUN_READ, m->new_groups, m->new_at, new_to - m->new_at,
		             err);
	m->old_at = old_to;
	m->new_at = new_to;
	return rc;
}

static int match(struct matching *m, const struct lookup *lookups, struct rb_err *err)
{
	size_t old_count = m->old_groups->count;
	int rc = RB_OK;

	for (size_t i = 0; i < m->new_groups->count && rc == RB_OK; i++) {
		size_t found = find(m->old_groups, lookups, &m->new_groups->list[i], m->old_at);

		if (found == old_count)
			continue;
		rc = add_difference(m, found, i, err);
		if (rc == RB_OK)
			rc = add_run(m->runs, RB_RUN_KEEP, m->new_groups, i, 1, err);
		m->old_at++;
		m->new_at++;
	}
	return rc < 0 ? rc : add_difference(m, old_count, m->new_groups->count, err);
}

int rb_groups_match(const struct rb_groups *old_groups, const struct rb_groups *new_groups,
                    struct rb_runs *out, struct rb_err *err)
{
	struct matching m = {.old_groups = old_groups, .new_groups = new_groups, .runs = out};
	struct lookup *lookups = calloc(old_groups->count + 1, sizeof(*lookups));
	int rc;

	if (!lookups)
		return no_memory(err);
	for (size_t i = 0; i < old_groups->count; i++)
		lookups[i] = (struct lookup){.head = head_of(&old_groups->list[i]), .index = i};
	if (old_groups->count > 1)
		qsort(lookups, old_groups->count, sizeof(*lookups), compare_lookups);
	rc = match(&m, lookups, err);
	free(lookups);
	return rc;
}

void rb_runs_release(struct rb_runs *runs)
{
	free(runs->list);
	memset(runs, 0, sizeof(*runs));
}
