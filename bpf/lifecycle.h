/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Rare events in a channel's life: it is made (and so named), it is closed, somebody errs about that. */
#ifndef LIFECYCLE_H
#define LIFECYCLE_H

OC_INLINE int oc_on_make(struct pt_regs *ctx, struct oc_site *s)
{
	u64 channel = oc_register(ctx, OC_COOKIE_REGISTER(s->cookie));
	struct oc_ckey k = { .target = s->target, .id = channel };
	struct oc_channel made = { .made = bpf_ktime_get_ns() };	/* nobody has used it */
	made.name_key = oc_make_caller(s, ctx, OC_COOKIE_FRAME(s->cookie));
	if (!made.name_key)
		made.name_key = channel | OC_UNNAMED;
	if (MAP_UPDATE(channels, &k, &made))
		oc_lost(s, OC_LOST_NAME);
	struct oc_counts *c = oc_counts_of(s, made.name_key);
	if (c)
		__sync_fetch_and_add(&c->made, 1);
	return 0;
}

/* Under the channel's lock, and the flags say that it is open: this goroutine closes it, and nobody sends or receives
 * until it has. */
OC_INLINE int oc_on_close(struct pt_regs *ctx, struct oc_site *s)
{
	if (!oc_condition(ctx, s))
		return 0;
	/* The frame tells where the return address is, not where the channel is. */
	u64 channel = oc_register(ctx, OC_COOKIE_REGISTER(s->cookie)) - (u64)OC_COOKIE_AUX(s->cookie) * 8;
	struct oc_known known;
	oc_know(s, channel, &known);
	u64 now = bpf_ktime_get_ns();
	if (known.entry)
		known.entry->closed = now;
	struct oc_counts *c = oc_counts_of(s, known.name_key);
	if (c) {
		__sync_fetch_and_add(&c->closes, 1);
		__sync_fetch_and_add(&c->residue, oc_word(s, channel + s->config->hchan_qcount));
	}
	struct oc_rare *r = oc_rare_of(s, known.name_key);
	if (r) {
		r->closed_by = oc_close_caller(s, ctx, OC_COOKIE_FRAME(s->cookie));
		r->closed_ns = now;
	}
	return 0;
}

/* selectgo panics for a closed channel among its sends, and knows no more which one it is. 0 when several are closed. */
OC_INLINE u64 oc_closed_case(struct pt_regs *ctx, struct oc_site *s)
{
	u64 spilled[4] = {};	/* cas0, order0, pc0, nsends */
	if (bpf_probe_read_user(spilled, sizeof(spilled), (void *)(OC_SP(ctx) + OC_COOKIE_FRAME(s->cookie) + 8))) {
		oc_lost(s, OC_LOST_READ);
		return 0;
	}
	u64 found = 0;
	for (u32 i = 0; i < OC_CASES; i++) {
		if (i >= spilled[3])
			return found;
		u64 channel = oc_word(s, spilled[0] + 16 * i);
		if (!channel || channel == found || !(u32)oc_word(s, channel + s->config->hchan_closed))
			continue;
		if (found)
			return 0;
		found = channel;
	}
	return 0;
}

/* Always: the program may die of it, and then it is the one that matters. */
OC_INLINE void oc_send_panic(struct pt_regs *ctx, struct oc_site *s, u32 type, u64 channel, u64 name_key)
{
	struct oc_panic *p = RING_RESERVE(events, sizeof(struct oc_panic));
	if (!p) {
		oc_lost(s, OC_LOST_SPAN);
		return;
	}
	p->record = OC_RECORD_PANIC;
	p->target = s->target;
	p->type = type;
	p->time = bpf_ktime_get_ns();
	p->channel = channel;
	p->name_key = name_key;
	p->goid = oc_word(s, OC_G(ctx) + s->config->g_goid);
	long bytes = bpf_get_stack(ctx, p->frames, sizeof(p->frames), BPF_F_USER_STACK);
	p->frames_bytes = bytes > 0 ? bytes : 0;
	bpf_ringbuf_submit(p, 0);
}

/* `call runtime.gopanic`: known before the program dies of it. */
OC_INLINE int oc_on_panic(struct pt_regs *ctx, struct oc_site *s)
{
	u32 flags = OC_COOKIE_FLAGS(s->cookie);
	u32 type = flags & OC_FLAG_PANIC;
	u64 channel = 0, name_key = 0;
	if (type >= OC_PANICS)
		return 0;
	if (!(flags & OC_FLAG_NO_CHANNEL))
		channel = oc_site_channel(ctx, s);
	else if (OC_COOKIE_FRAME(s->cookie))
		channel = oc_closed_case(ctx, s);
	if (channel || type == OC_CLOSE_OF_NIL)
		name_key = oc_name_key(s, channel);
	struct oc_rare *r = oc_rare_of(s, name_key);
	if (r)
		__sync_fetch_and_add(&r->panics[type], 1);
	struct oc_gkey k = { .target = s->target, .g = OC_G(ctx) };
	struct oc_park *park = MAP_LOOKUP(parked, &k);
	if (park)
		park->by_close = 0;	/* that select will not return */
	oc_send_panic(ctx, s, type, channel, name_key);
	return 0;
}

#endif
