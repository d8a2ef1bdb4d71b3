/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The polls plane: operations that do not block and find nothing to do. It needs no other plane, and none needs it. */
#ifndef POLLS_H
#define POLLS_H

/* receives: 0 or 1. Without a branch, which would double the ways through the loop below for the verifier. */
OC_INLINE void oc_count_would_block(struct oc_site *s, u64 name_key, u64 receives)
{
	struct oc_counts *c = oc_counts_of(s, name_key);
	if (c)
		__sync_fetch_and_add(&c->send_would_block + (receives & 1), 1);
}

/* chansend and chanrecv leave with nothing done: on a nil channel, without the lock, or under it. */
OC_INLINE int oc_on_would_block(struct pt_regs *ctx, struct oc_site *s)
{
	if (!oc_condition(ctx, s))
		return 0;
	u32 flags = OC_COOKIE_FLAGS(s->cookie);
	u64 name_key = flags & OC_FLAG_NO_CHANNEL ? 0 : oc_name_key(s, oc_site_channel(ctx, s));
	oc_count_would_block(s, name_key, (flags & OC_FLAG_RECEIVES) != 0);
	return 0;
}

/* `call runtime.selunlock(cases, order)` on the way to the default branch: each case found nothing to do. Sends come
 * first; nsends was spilled above the return address (src/runtime/select.go). */
OC_INLINE int oc_on_select_default(struct pt_regs *ctx, struct oc_site *s)
{
	u64 cases = OC_AX(ctx);
	u64 number = OC_BX(ctx);
	u64 sends = oc_word(s, OC_SP(ctx) + OC_COOKIE_FRAME(s->cookie) + 32);
	for (u32 i = 0; i < OC_CASES; i++) {
		if (i >= number)
			return 0;
		u64 channel = oc_word(s, cases + 16 * i);
		oc_count_would_block(s, oc_name_key(s, channel), (sends - 1 - i) >> 63);
	}
	if (number > OC_CASES)
		__sync_fetch_and_add(&s->tally->lost[OC_LOST_CASE], number - OC_CASES);
	return 0;
}

#endif
