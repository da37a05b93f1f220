/*
 * See prune_priv.h: refs that move together, or not at all.
 */
#include <stdlib.h>
#include <string.h>

#include "rowback/base/log.h"
#include "prune_priv.h"

int rb_ref_moves_add(struct rb_ref_moves *moves, const char *ref, const struct rb_oid *from,
                     const struct rb_oid *to, bool stays, struct rb_err *err)
{
	struct rb_ref_move *move;

	if (rb_oid_equal(from, to))
		return RB_OK;
	if (moves->count == moves->room) {
		size_t room = moves->room ? moves->room * 2 : 16;
		struct rb_ref_move *grown = realloc(moves->items, room * sizeof(*grown));

		if (!grown)
			return rb_err_set(err, RB_E_NOMEM, "no memory to move refs");
		moves->items = grown;
		moves->room = room;
	}
	move = &moves->items[moves->count];
	*move = (struct rb_ref_move){.ref = strdup(ref), .from = *from, .to = *to, .stays = stays};
	if (!move->ref)
		return rb_err_set(err, RB_E_NOMEM, "no memory to move refs");
	moves->count++;
	return RB_OK;
}

/* Whether a ref is there; syncing its directory may fail after it has moved. */
static bool is_at(struct rb_store *store, const char *ref, const struct rb_oid *oid)
{
	struct rb_oid now = {{0}};
	int rc = rb_repo_ref(store->repo, ref, &now, NULL);

	return (rc == RB_OK || rc == RB_E_NOTFOUND) && rb_oid_equal(&now, oid);
}

int rb_ref_moves_make(struct rb_store *store, struct rb_ref_moves *moves, const char *why,
                      struct rb_err *err)
{
	int rc = RB_OK;

	while (rc == RB_OK && moves->made < moves->count) {
		const struct rb_ref_move *move = &moves->items[moves->made];

		rc = rb_repo_ref_update(store->repo, move->ref, &move->to, &move->from, why, err);
		if (rc == RB_OK || is_at(store, move->ref, &move->to))
			moves->made++;
	}
	if (rc < 0)
		rb_ref_moves_take_back(store, moves);
	return rc;
}

void rb_ref_moves_take_back(struct rb_store *store, struct rb_ref_moves *moves)
{
	for (; moves->made > 0; moves->made--) {
		const struct rb_ref_move *move = &moves->items[moves->made - 1];
		struct rb_err why = {0};
		int rc = RB_OK;

		if (!move->stays)
			rc = rb_repo_ref_update(store->repo, move->ref, &move->from, &move->to,
			                        "rowback: taken back", &why);
		/* What keeps the old history was made first and must not go before the rest. */
		if (rc < 0 && !is_at(store, move->ref, &move->from)) {
			rb_log(RB_LOG_WARN, "%s was not taken back: %s", move->ref, why.msg);
			break;
		}
	}
}

void rb_ref_moves_release(struct rb_ref_moves *moves)
{
	for (size_t i = 0; i < moves->count; i++)
		free(moves->items[i].ref);
	free(moves->items);
	memset(moves, 0, sizeof(*moves));
}
