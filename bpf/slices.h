/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A time slice: some milliseconds in which the operations of a program are counted that are too many to be counted all.
 * It has a program and maps of its own, and writes into no other map. Hits outside the gate cost the observed program a
 * trap and nothing more; that they happened is counted. */
#ifndef SLICES_H
#define SLICES_H

enum oc_when {	/* a hit */
	OC_BEFORE,	/* while the traps go in */
	OC_WITHIN,
	OC_AFTER,	/* while they go out */
};

/* As this channel is counted by the exact planes, but it is not entered where they know it: see oc_know. */
OC_INLINE u64 oc_sampled_key(struct oc_site *s, u64 channel)
{
	if (!channel)
		return OC_NIL_KEY;
	struct oc_channel *entry = oc_entry_of(s, channel);
	u64 name_key = entry ? entry->name_key : 0;
	return name_key ? name_key : channel | OC_UNNAMED;
}

/* NULL when there is no room, which is counted. */
OC_INLINE struct oc_sample *oc_sample_of(struct oc_site *s, u64 channel)
{
	struct oc_ckey k = { .target = s->target, .id = oc_sampled_key(s, channel) };
	struct oc_sample *n = MAP_LOOKUP(sampled, &k);
	if (n)
		return n;
	struct oc_sample zeros = {};
	MAP_INSERT(sampled, &k, &zeros);
	n = MAP_LOOKUP(sampled, &k);
	if (!n)
		oc_lost(s, OC_LOST_COUNT);
	return n;
}

/* The select of goroutine g is counted already, or was completed before the gate. */
OC_INLINE void oc_mark(struct oc_site *s, u64 g)
{
	struct oc_gkey k = { .target = s->target, .g = g };
	u64 one = 1;
	if (MAP_UPDATE(marks, &k, &one))
		oc_lost(s, OC_LOST_STALE);
}

/* Whether the select that returns now in this goroutine was marked; it is not any more. */
OC_INLINE int oc_marked(struct oc_site *s, u64 g)
{
	struct oc_gkey k = { .target = s->target, .g = g };
	u64 *mark = MAP_LOOKUP(marks, &k);
	if (!mark || !*mark)
		return 0;
	*mark = 0;
	return 1;
}

OC_INLINE void oc_slice_buffer(struct pt_regs *ctx, struct oc_site *s, u32 operation)
{
	if (!oc_condition(ctx, s))
		return;
	struct oc_sample *n = oc_sample_of(s, oc_site_channel(ctx, s));
	if (n)
		__sync_fetch_and_add(operation == OC_OP_SEND ? &n->sent : &n->received, 1);
}

OC_INLINE void oc_slice_recv_closed(struct pt_regs *ctx, struct oc_site *s)
{
	struct oc_sample *n = oc_sample_of(s, oc_site_channel(ctx, s));
	if (n)
		__sync_fetch_and_add(&n->received_closed, 1);
}

/* As oc_on_wake for a goroutine whose park was not seen: there are no parks in slices. */
OC_INLINE void oc_slice_wake(struct pt_regs *ctx, struct oc_site *s, enum oc_when when)
{
	u64 g = 0;
	u64 caller = oc_read_wake(ctx, s, &g);
	if (!caller)
		return;
	u32 by_close = (OC_COOKIE_FLAGS(s->cookie) & OC_FLAG_OPERATION) == OC_OP_CLOSE;
	u64 sudog = oc_winning_sudog(s, g);
	u32 select = oc_byte(s, sudog + s->config->sudog_is_select);
	if (select && !by_close)
		oc_mark(s, g);
	if (!by_close && caller >= s->config->selectgo_low && caller < s->config->selectgo_high)
		oc_mark(s, OC_G(ctx));
	if (when != OC_WITHIN || (by_close && select))
		return;		/* a select that a close wakes counts at its exit */
	if (by_close && oc_byte(s, g + s->config->g_waitreason) == s->config->reason_send)
		return;		/* a sender that a close wakes panics */
	struct oc_sample *n = oc_sample_of(s, oc_sudog_channel(s, sudog));
	if (!n)
		return;
	if (by_close) {
		__sync_fetch_and_add(&n->received_closed, 1);
		return;
	}
	__sync_fetch_and_add(&n->sent, 1);
	__sync_fetch_and_add(&n->received, 1);
}

/* As oc_on_select. */
OC_INLINE void oc_slice_select(struct pt_regs *ctx, struct oc_site *s, enum oc_when when)
{
	long chosen = oc_register(ctx, OC_COOKIE_REGISTER(s->cookie));
	if (chosen < 0 || oc_marked(s, OC_G(ctx)) || when != OC_WITHIN)
		return;
	u64 spilled[4] = {};	/* cas0, order0, pc0, nsends */
	if (bpf_probe_read_user(spilled, sizeof(spilled), (void *)(OC_SP(ctx) + OC_COOKIE_FRAME(s->cookie) + 8))) {
		oc_lost(s, OC_LOST_READ);
		return;
	}
	u64 channel = oc_word(s, spilled[0] + 16 * (u64)chosen);
	if (!channel)
		return;
	struct oc_sample *n = oc_sample_of(s, channel);
	if (!n)
		return;
	if (chosen < (long)spilled[3])
		__sync_fetch_and_add(&n->sent, 1);
	else if (oc_register(ctx, OC_COOKIE_AUX(s->cookie)) & 0xff)
		__sync_fetch_and_add(&n->received, 1);
	else
		__sync_fetch_and_add(&n->received_closed, 1);
}

OC_INLINE void oc_on_slice(struct pt_regs *ctx, struct oc_site *s, struct oc_slice *slice, struct oc_gate *gate)
{
	u64 now = bpf_ktime_get_ns();
	u32 kind = OC_COOKIE_KIND(s->cookie);
	enum oc_when when = now < gate->begin ? OC_BEFORE : now < gate->end ? OC_WITHIN : OC_AFTER;
	if (!slice->first)
		slice->first = now;
	slice->last = now;
	__sync_fetch_and_add(&slice->in.sliced, 1);
	if (when == OC_WITHIN)
		__sync_fetch_and_add(&slice->in.hits[kind & 15], 1);
	if (when == OC_AFTER)
		return;
	/* Before the gate only what says which selects must not be counted within it. */
	if (kind == OC_WAKE)
		oc_slice_wake(ctx, s, when);
	else if (kind == OC_SELECT)
		oc_slice_select(ctx, s, when);
	else if (when != OC_WITHIN)
		return;
	else if (kind == OC_SEND)
		oc_slice_buffer(ctx, s, OC_OP_SEND);
	else if (kind == OC_RECV)
		oc_slice_buffer(ctx, s, OC_OP_RECV);
	else if (kind == OC_RECV_CLOSED)
		oc_slice_recv_closed(ctx, s);
}

#endif
