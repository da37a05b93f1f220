/*
 * The hooks' texts, made of the files in hooks/ when rowback is built.
 *
 * Layer: ops (3), private.
 */
#ifndef OPS_HOOK_PRIV_H
#define OPS_HOOK_PRIV_H

/** hooks/pre-push and a NUL. */
extern const char rb_hook_pre_push[];

/** hooks/pre-receive and a NUL. */
extern const char rb_hook_pre_receive[];

/** hooks/append-only and a NUL. */
extern const char rb_hook_append_only[];

#endif /* OPS_HOOK_PRIV_H */
