/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The operations plane: what passes through a buffer, and what leaves empty-handed from a closed channel. What passes
 * from goroutine to goroutine is counted by the waits plane, without which this one is never attached. */
#ifndef OPERATIONS_H
#define OPERATIONS_H

#define OC_CF 0x01
#define OC_ZF 0x40

/* Whether this hit counts, by the processor's flags. */
OC_INLINE int oc_condition(struct pt_regs *ctx, struct oc_site *s)
{
	u64 flags = OC_FLAGS(ctx);
	switch (OC_COOKIE_FLAGS(s->cookie) & OC_FLAG_CONDITION) {
	case OC_COND_ABOVE:
		return !(flags & (OC_CF | OC_ZF));
	case OC_COND_BELOW:
		return (flags & OC_CF) != 0;
	case OC_COND_EQUAL:
		return (flags & OC_ZF) != 0;
	case OC_COND_NOT_EQUAL:
		return !(flags & OC_ZF);
	case OC_COND_ABOVE_EQUAL:
		return !(flags & OC_CF);
	case OC_COND_BELOW_EQUAL:
		return (flags & (OC_CF | OC_ZF)) != 0;
	}
	return 1;
}

/* A receive that finds the channel closed, with an element in the buffer or without. */
OC_INLINE void oc_after_close(struct oc_site *s, u64 name_key, u64 closed, u32 elements)
{
	struct oc_rare *r = oc_rare_of(s, name_key);
	if (!r)
		return;
	u64 now = bpf_ktime_get_ns();
	u64 delay = now > closed ? now - closed : 0;
	u32 bucket = 0;
	if (delay > 100) bucket = 1;
	if (delay > 1000) bucket = 2;
	if (delay > 10000) bucket = 3;
	if (delay > 100000) bucket = 4;
	if (delay > 1000000) bucket = 5;
	if (delay > 10000000) bucket = 6;
	__sync_fetch_and_add(&r->drained, elements);
	__sync_fetch_and_add(&r->delay_sum_ns, delay);
	__sync_fetch_and_add(&r->delays[bucket], 1);
}

OC_INLINE int oc_on_buffer(struct pt_regs *ctx, struct oc_site *s, u32 operation)
{
	if (!oc_condition(ctx, s))
		return 0;	/* it will park, or answer "would block" */
	struct oc_known known;
	oc_know(s, oc_site_channel(ctx, s), &known);
	oc_used(s, &known, operation);
	if (known.entry)
		__sync_fetch_and_add(operation == OC_OP_SEND ? &known.entry->sent : &known.entry->received, 1);
	struct oc_counts *c = oc_counts_of(s, known.name_key);
	if (!c)
		return 0;
	__sync_fetch_and_add(operation == OC_OP_SEND ? &c->send_ok : &c->recv_ok, 1);
	if (known.closed && operation == OC_OP_RECV)
		oc_after_close(s, known.name_key, known.closed, 1);
	return 0;
}

OC_INLINE int oc_on_recv_closed(struct pt_regs *ctx, struct oc_site *s)
{
	struct oc_known known;
	oc_know(s, oc_site_channel(ctx, s), &known);
	oc_used(s, &known, OC_OP_RECV);
	struct oc_counts *c = oc_counts_of(s, known.name_key);
	if (c)
		__sync_fetch_and_add(&c->recv_closed, 1);
	if (known.closed)
		oc_after_close(s, known.name_key, known.closed, 0);
	return 0;
}

/* selectgo is about to return: case index in a register, recvOK in DL; cas0 and nsends were spilled above the return
 * address (src/runtime/select.go). One that was completed by a wake has been counted there. */
OC_INLINE int oc_on_select(struct pt_regs *ctx, struct oc_site *s)
{
	long chosen = oc_register(ctx, OC_COOKIE_REGISTER(s->cookie));
	if (chosen < 0)
		return 0;	/* the default branch */
	struct oc_gkey k = { .target = s->target, .g = OC_G(ctx) };
	struct oc_park *p = MAP_LOOKUP(parked, &k);
	u32 woken_by_close = 0;
	if (p) {
		woken_by_close = p->by_close;
		p->by_close = 0;
		if (p->counted == s->config->operations_epoch) {
			p->counted = 0;
			return 0;
		}
	}
	u64 spilled[4] = {};	/* cas0, order0, pc0, nsends */
	if (bpf_probe_read_user(spilled, sizeof(spilled), (void *)(OC_SP(ctx) + OC_COOKIE_FRAME(s->cookie) + 8))) {
		oc_lost(s, OC_LOST_READ);
		return 0;
	}
	u64 channel = oc_word(s, spilled[0] + 16 * (u64)chosen);
	if (!channel)
		return 0;
	struct oc_known known;
	oc_know(s, channel, &known);
	u32 sends = chosen < (long)spilled[3];
	u32 ok = sends || (oc_register(ctx, OC_COOKIE_AUX(s->cookie)) & 0xff);
	oc_used(s, &known, sends ? OC_OP_SEND : OC_OP_RECV);
	if (known.entry && ok)
		__sync_fetch_and_add(sends ? &known.entry->sent : &known.entry->received, 1);
	struct oc_counts *c = oc_counts_of(s, known.name_key);
	if (!c)
		return 0;
	if (sends) {
		__sync_fetch_and_add(&c->send_ok, 1);
		return 0;
	}
	__sync_fetch_and_add(ok ? &c->recv_ok : &c->recv_closed, 1);
	if (known.closed && !woken_by_close)
		oc_after_close(s, known.name_key, known.closed, ok != 0);
	return 0;
}

#endif
