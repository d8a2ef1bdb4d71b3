/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The operations plane: what passes through a buffer, and what leaves empty-handed from a closed channel. What passes
 * from goroutine to goroutine is counted by the waits plane, without which this one is never attached. */
#ifndef OPERATIONS_H
#define OPERATIONS_H

#define OC_CF 0x01
#define OC_ZF 0x40

OC_INLINE int oc_buffered(struct pt_regs *ctx, u32 condition)
{
	u64 flags = OC_FLAGS(ctx);
	if (condition == OC_COND_ALWAYS)
		return 1;
	if (condition == OC_COND_BELOW)
		return (flags & OC_CF) != 0;
	return !(flags & (OC_CF | OC_ZF));
}

/* The channel is in a register, or a fixed distance below it, or in a stack slot: then the register is said to be rsp. */
OC_INLINE u64 oc_site_channel(struct pt_regs *ctx, struct oc_site *s)
{
	u32 number = OC_COOKIE_REGISTER(s->cookie);
	u64 value = oc_register(ctx, number);
	if (number == OC_RSP)
		return oc_word(s, value + OC_COOKIE_FRAME(s->cookie));
	return value - (u64)OC_COOKIE_AUX(s->cookie) * 8;
}

OC_INLINE int oc_on_buffer(struct pt_regs *ctx, struct oc_site *s, u32 operation)
{
	if (!oc_buffered(ctx, OC_COOKIE_FLAGS(s->cookie)))
		return 0;	/* it will park, or answer "would block" */
	struct oc_counts *c = oc_counts_of(s, oc_name_key(s, oc_site_channel(ctx, s)));
	if (!c)
		return 0;
	__sync_fetch_and_add(operation == OC_OP_SEND ? &c->send_ok : &c->recv_ok, 1);
	return 0;
}

OC_INLINE int oc_on_recv_closed(struct pt_regs *ctx, struct oc_site *s)
{
	struct oc_counts *c = oc_counts_of(s, oc_name_key(s, oc_site_channel(ctx, s)));
	if (c)
		__sync_fetch_and_add(&c->recv_closed, 1);
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
	if (p && p->counted == s->config->operations_epoch) {
		p->counted = 0;
		return 0;
	}
	u64 spilled[4] = {};	/* cas0, order0, pc0, nsends */
	if (bpf_probe_read_user(spilled, sizeof(spilled), (void *)(OC_SP(ctx) + OC_COOKIE_FRAME(s->cookie) + 8))) {
		oc_lost(s, OC_LOST_READ);
		return 0;
	}
	u64 channel = oc_word(s, spilled[0] + 16 * (u64)chosen);
	if (!channel)
		return 0;
	struct oc_counts *c = oc_counts_of(s, oc_name_key(s, channel));
	if (!c)
		return 0;
	if (chosen < (long)spilled[3])
		__sync_fetch_and_add(&c->send_ok, 1);
	else if (oc_register(ctx, OC_COOKIE_AUX(s->cookie)) & 0xff)
		__sync_fetch_and_add(&c->recv_ok, 1);
	else
		__sync_fetch_and_add(&c->recv_closed, 1);
	return 0;
}

#endif
