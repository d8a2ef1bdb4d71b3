/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The waits plane: a goroutine parks on a channel, a channel operation readies it. Every element that passes from
 * goroutine to goroutine passes through one wake, so both its send and its receive are counted here. */
#ifndef WAITS_H
#define WAITS_H

/* bits: 2 for four buckets per octave, 3 for eight. Upper bounds are inclusive, so the logarithm is taken of ns - 1. */
OC_INLINE u32 oc_bucket(u64 ns, u32 bits, u32 buckets)
{
	u64 v = ns ? ns - 1 : 0;
	u32 octave = 0;
	u64 rest = v;
	if (rest >> 32) { rest >>= 32; octave += 32; }
	if (rest >> 16) { rest >>= 16; octave += 16; }
	if (rest >> 8) { rest >>= 8; octave += 8; }
	if (rest >> 4) { rest >>= 4; octave += 4; }
	if (rest >> 2) { rest >>= 2; octave += 2; }
	if (rest >> 1) octave += 1;
	if (octave < OC_BUCKET_FIRST)
		return 0;
	u32 bucket = ((octave - OC_BUCKET_FIRST) << bits) + ((v >> (octave - bits)) & ((1 << bits) - 1)) + 1;
	return bucket < buckets ? bucket : buckets - 1;
}

/* Only where user space has made an entry: somebody wants to know more exactly. */
OC_INLINE void oc_add_fine(struct oc_hkey *k, u64 ns)
{
	struct oc_fine *f = MAP_LOOKUP(fine, k);
	u32 bucket = oc_bucket(ns, 3, OC_FINE_BUCKETS);
	if (f && bucket < OC_FINE_BUCKETS)
		__sync_fetch_and_add(&f->buckets[bucket], 1);
}

/* Returns where it is counted, or NULL when there is no room. */
OC_INLINE struct oc_histogram *oc_add_block(struct oc_site *s, u64 name_key, u32 operation, u64 ns)
{
	struct oc_hkey k = { .target = s->target, .name_key = name_key, .operation = operation };
	if (s->config->objectives)
		oc_add_fine(&k, ns);
	struct oc_histogram *h = MAP_LOOKUP(blocks, &k);
	if (!h) {
		void *zeros = oc_zeros();
		if (zeros)
			MAP_INSERT(blocks, &k, zeros);
		h = MAP_LOOKUP(blocks, &k);
		if (!h) {
			oc_lost(s, OC_LOST_HISTOGRAM);
			return 0;
		}
	}
	u32 bucket = oc_bucket(ns, 2, OC_BUCKETS);
	__sync_fetch_and_add(&h->count, 1);
	__sync_fetch_and_add(&h->sum_ns, ns);
	if (bucket < OC_BUCKETS)
		__sync_fetch_and_add(&h->buckets[bucket], 1);
	return h;
}

OC_INLINE int oc_on_park(struct pt_regs *ctx, struct oc_site *s)
{
	u32 flags = OC_COOKIE_FLAGS(s->cookie);
	struct oc_gkey k = { .target = s->target, .g = OC_G(ctx) };
	struct oc_park *p = MAP_LOOKUP(parked, &k);
	u64 lock = OC_BX(ctx);	/* gopark(unlockf, lock, ...): &hchan.lock, nil for select and nil channels */
	if (flags & OC_FLAG_FOREVER)
		return 0;	/* nobody can wake it: the census sees it */
	u64 channel = lock ? lock - s->config->hchan_lock : 0;
	if (flags & OC_FLAG_INLINED)
		channel = flags & OC_FLAG_NO_CHANNEL ? 0 : oc_site_channel(ctx, s);
	if (channel) {		/* from now on, also when it is never woken; one that is not known is entered when it is used */
		struct oc_known known = { .entry = oc_entry_of(s, channel) };
		if (known.entry)
			known.name_key = known.entry->name_key;
		oc_used(s, &known, flags & OC_FLAG_OPERATION);
	}
	if (p) {
		p->channel = channel;
		p->by_close = 0;
		p->operation = flags & OC_FLAG_OPERATION;
		p->epoch = s->config->waits_epoch;
		p->time = bpf_ktime_get_ns();
		return 0;
	}
	struct oc_park fresh_park = { .time = bpf_ktime_get_ns(), .channel = channel,
		.operation = flags & OC_FLAG_OPERATION, .epoch = s->config->waits_epoch };
	if (MAP_UPDATE(parked, &k, &fresh_park))
		oc_lost(s, OC_LOST_PARK);
	return 0;
}

/* The select of goroutine g is counted already: its exit must not count it again. */
OC_INLINE void oc_mark_counted(struct oc_site *s, u64 g)
{
	u32 epoch = s->config->operations_epoch;
	if (!epoch)
		return;
	struct oc_gkey k = { .target = s->target, .g = g };
	struct oc_park *p = MAP_LOOKUP(parked, &k);
	if (p) {
		p->counted = epoch;
		return;
	}
	struct oc_park mark = { .counted = epoch };
	if (MAP_UPDATE(parked, &k, &mark))
		oc_lost(s, OC_LOST_STALE);
}

#define OC_OVER_RATE 0x100	/* in oc_wake.rank */

struct oc_wake {	/* one wake, as far as it is known */
	struct oc_known known;
	u64 g, start, end, channel;
	u32 operation, select, by_close;
	u64 rank;	/* as oc_rank says */
};

/* How long a block is among those of its octave, channel, operation and round. Returns where the longest that was sent
 * stands, or NULL when there is no histogram, h. About w->rank: its part of 32 of the octave, and the round above.
 *
 * Two processors that begin a round at once may both forget what the other one has sent: then one more is sent than need
 * be. What took 2^10 ns and less is all alike. */
OC_INLINE u8 *oc_rank(struct oc_site *s, struct oc_histogram *h, struct oc_wake *w)
{
	u64 round = *(volatile u32 *)&s->config->round;	/* once: who is the longest of a round must be sent as of that round */
	u32 number = oc_bucket(w->end - w->start, 5, 32 * (OC_OCTAVES - 1) + 1) + 31;	/* from 32 on 32 for each octave */
	w->rank = round << 32 | ((number & 31) + 1);
	if (!h)
		return 0;
	if (h->round != round) {
		for (u32 i = 0; i < OC_OCTAVES; i++)
			h->longest[i] = 0;
		__sync_lock_test_and_set(&h->round, round);	/* not before they are zero */
	}
	u32 octave = number >> 5;
	return octave < OC_OCTAVES ? &h->longest[octave] : 0;
}

/* Of the waker, and as it is in memory of the sleeper. */
OC_INLINE void oc_copy_stacks(struct pt_regs *ctx, struct oc_site *s, struct oc_block *b)
{
	long frames = bpf_get_stack(ctx, b->waker, sizeof(b->waker), BPF_F_USER_STACK);
	b->waker_bytes = frames > 0 ? frames : 0;
	u64 size = b->hi - b->sp;
	if (size > OC_STACK_BYTES)
		size = OC_STACK_BYTES;
	b->stack_bytes = size;
	if (bpf_probe_read_user(b->stack, size, (void *)b->sp)) {
		b->stack_bytes = 0;
		oc_lost(s, OC_LOST_READ);
	}
}

/* Everything that a span needs and a counter does not. Over the rate, a block is sent all the same when none that was
 * sent in this round is as long or longer: within 1/32, so that of each octave at most 32 are. */
OC_INLINE void oc_send_span(struct pt_regs *ctx, struct oc_site *s, struct oc_wake *w, struct oc_histogram *h)
{
	struct oc_target *t = s->config;
	u8 *longest = oc_rank(s, h, w);
	if (__sync_fetch_and_add(&s->tally->spans, 1) >= t->spans_allowed) {
		__sync_fetch_and_add(&s->tally->spans, -1);
		if (!longest || (u8)w->rank <= *longest) {
			oc_lost(s, OC_LOST_SAMPLED);
			return;
		}
		w->rank |= OC_OVER_RATE;
	}
	struct oc_block *b = RING_RESERVE(events, sizeof(struct oc_block));
	if (!b) {
		oc_lost(s, OC_LOST_SPAN);
		return;
	}
	if (longest && (u8)w->rank > *longest)
		*longest = w->rank;
	b->record = OC_RECORD_BLOCK;
	b->over_rate = (w->rank & OC_OVER_RATE) != 0;
	b->round = w->rank >> 32;
	b->target = s->target;
	b->operation = w->operation;
	b->select = w->select;
	b->by_close = w->by_close;
	b->start = w->start;
	b->end = w->end;
	b->channel = w->channel;
	b->name_key = w->known.name_key;
	b->g = w->g;
	b->goid = oc_word(s, w->g + t->g_goid);
	b->waker_g = OC_G(ctx);
	b->waker_goid = oc_word(s, b->waker_g + t->g_goid);
	b->sp = oc_word(s, w->g + t->g_sched_sp);
	b->pc = oc_word(s, w->g + t->g_sched_pc);
	b->bp = oc_word(s, w->g + t->g_sched_bp);
	b->hi = oc_word(s, w->g + t->g_stack_hi);
	b->wait_reason = oc_byte(s, w->g + t->g_waitreason);
	oc_copy_labels(s, b, w->g);
	b->waker_bytes = b->stack_bytes = 0;
	if (!t->stacks_off)
		oc_copy_stacks(ctx, s, b);
	bpf_ringbuf_submit(b, 0);
}

/* Counts what this wake completes: the sleeper's operation, and the waker's own. */
OC_INLINE void oc_count_wake(struct oc_site *s, struct oc_wake *w)
{
	struct oc_channel *entry = w->known.entry;
	if (entry && !w->by_close) {
		__sync_fetch_and_add(&entry->sent, 1);
		__sync_fetch_and_add(&entry->received, 1);
	}
	struct oc_counts *c = oc_counts_of(s, w->known.name_key);
	if (!c)
		return;
	if (!w->by_close) {
		__sync_fetch_and_add(&c->send_ok, 1);
		__sync_fetch_and_add(&c->recv_ok, 1);
	} else if (!w->select && w->operation == OC_OP_RECV) {
		__sync_fetch_and_add(&c->recv_closed, 1);	/* a select counts its own at its exit; a send panics */
	}
}

/* The sleeper's g, and where the function that readies it was called from, which is returned. 0: not known. A function of
 * its own, so that what it reads is not on the stack of what follows. */
OC_INLINE u64 oc_read_wake(struct pt_regs *ctx, struct oc_site *s, u64 *g)
{
	u64 window[OC_WINDOW];
	if (bpf_probe_read_user(window, sizeof(window), (void *)OC_SP(ctx))) {
		oc_lost(s, OC_LOST_READ);
		return 0;
	}
	u32 slot = OC_COOKIE_AUX(s->cookie);
	if (OC_COOKIE_FLAGS(s->cookie) & OC_FLAG_IN_REGISTER)
		*g = oc_register(ctx, OC_COOKIE_REGISTER(s->cookie));
	else
		*g = slot == OC_AUX_NONE ? oc_word(s, window[OC_STACK_ARGUMENT] + 8) : window[slot & (OC_WINDOW - 1)];
	return window[OC_RETURN_WORD(OC_COOKIE_FRAME(s->cookie)) & (OC_WINDOW - 1)];
}

/* Both sides of a hand-over. Who parked to send or receive was noted then, if the channel was known. */
OC_INLINE void oc_used_at_wake(struct oc_site *s, struct oc_wake *w, u32 waker_does)
{
	oc_used(s, &w->known, waker_does);
	if (w->select ? w->by_close : w->start && w->known.entry && w->known.entry->made)
		return;		/* counts at its exit, or was noted when it parked */
	s->sleeper = w->g;
	s->slept_to = w->operation;
}

OC_INLINE int oc_on_wake(struct pt_regs *ctx, struct oc_site *s)
{
	struct oc_wake w = {};
	u64 caller = oc_read_wake(ctx, s, &w.g);
	if (!caller)
		return 0;
	u32 waker_does = OC_COOKIE_FLAGS(s->cookie) & OC_FLAG_OPERATION;
	w.by_close = waker_does == OC_OP_CLOSE;

	struct oc_gkey k = { .target = s->target, .g = w.g };
	struct oc_park *p = MAP_LOOKUP(parked, &k);
	u32 slept_in = OC_OP_SELECT;
	if (p && p->time && p->epoch == s->config->waits_epoch) {
		w.start = p->time;
		w.channel = p->channel;
		slept_in = p->operation;
		p->time = 0;
	}
	if (slept_in == OC_OP_SELECT) {		/* or parked before we came: ask the sudog */
		u64 sudog = oc_winning_sudog(s, w.g);
		w.channel = oc_sudog_channel(s, sudog);
		w.select = w.start ? 1 : oc_byte(s, sudog + s->config->sudog_is_select);
	}
	if (w.by_close)
		w.operation = slept_in == OC_OP_SEND ? OC_OP_SEND : OC_OP_RECV;
	else
		w.operation = waker_does == OC_OP_SEND ? OC_OP_RECV : OC_OP_SEND;

	oc_know(s, w.channel, &w.known);
	oc_used_at_wake(s, &w, waker_does);
	oc_count_wake(s, &w);
	if (w.select && !w.by_close)
		oc_mark_counted(s, w.g);
	else if (w.select && p)
		p->by_close = 1;
	if (!w.by_close && caller >= s->config->selectgo_low && caller < s->config->selectgo_high)
		oc_mark_counted(s, OC_G(ctx));
	if (!w.start) {
		oc_lost(s, OC_LOST_UNPARKED);
		return 0;
	}
	w.end = bpf_ktime_get_ns();
	struct oc_histogram *h = oc_add_block(s, w.known.name_key, w.operation, w.end - w.start);
	if (w.end - w.start >= s->config->span_threshold_ns)
		oc_send_span(ctx, s, &w, h);
	return 0;
}

#endif
