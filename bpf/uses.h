/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Who uses a channel: which goroutines, and from which places in the program's code. The handlers say who does what, and
 * what follows is done once for all of them, in otelchan.bpf.c. */
#ifndef USES_H
#define USES_H

#define OC_NOT_READ   (~0ULL)
#define OC_G_WORDS    32	/* from g.goid on; g.parentGoid is within */
#define OC_CALLER_OF  64	/* of so many hits one has its caller looked at, beside each user's first */
#define OC_NEW_OF     8		/* of so many users' first ones, where that side of a name had more elements than ... */
#define OC_WELL_KNOWN 65536
#define OC_USER_OF    8		/* of so many hits one has its user looked at, where there were too many to remember */
#define OC_GOLDEN     0x9e3779b97f4a7c15ULL	/* 2^64 divided by the golden ratio */

/* One of so many hits, but not at equal distances (of 64 it is the 34th, 55th or 89th next), so that a program that does
 * the same things in turns has each of them looked at. What is one of 64 is also one of 8. */
OC_INLINE int oc_one_of(struct oc_site *s, u64 many)
{
	return s->hit * OC_GOLDEN < ~0ULL / many;
}

/* A goroutine's id; with parent also that of the one that started it, by the same read. 0: not read. The parent is left as
 * it was where the release has none. */
OC_INLINE u64 oc_goid(struct oc_site *s, u64 g, u64 *parent)
{
	u64 words[OC_G_WORDS] = {};
	u32 distance = (s->config->g_parent - s->config->g_goid) >> 3;
	if (!parent || distance >= OC_G_WORDS - 1)
		return oc_word(s, g + s->config->g_goid);
	/* Not a byte more: what follows may be on a page that nobody has touched yet, which cannot be read from here. */
	u64 size = ((u64)distance + 1) * 8;
	asm volatile("%0 &= 0xff" : "+r"(size));	/* as it is: the verifier wants to see that it is small */
	if (bpf_probe_read_user(words, size, (void *)(g + s->config->g_goid))) {
		oc_lost(s, OC_LOST_READ);
		return 0;
	}
	*parent = words[distance & (OC_G_WORDS - 1)];
	return words[0];
}

/* A goroutine uses this side of a channel. Returns whether its caller is to be looked at for that: it is new there.
 *
 * Several processors may do this at once for one channel; no goroutine is on two of them. A free slot is taken by
 * compare-and-swap, so each user is in a slot of its own or is counted in `replaced`. Only where that is not zero any
 * more may two write the same slot. */
OC_INLINE int oc_add_user(struct oc_site *s, struct oc_channel *c, u32 side, u64 g, u64 goid, u64 parent)
{
	u64 *users = c->users[side & 1];
	u32 slot = OC_USERS;
	for (u32 i = 0; i < OC_USERS; i++) {
		if (users[i] == goid)
			return 0;
	}
	for (u32 i = 0; i < OC_USERS; i++) {
		if (!users[i] && !__sync_val_compare_and_swap(&users[i], 0, goid)) {
			slot = i;
			break;
		}
	}
	u64 replaced = 0;
	if (slot >= OC_USERS) {
		replaced = __sync_fetch_and_add(&c->replaced[side & 1], 1);
		slot = replaced & (OC_USERS - 1);
		users[slot] = goid;
	}
	if (parent == OC_NOT_READ)
		parent = s->config->g_parent == OC_ABSENT ? 0 : oc_word(s, g + s->config->g_parent);
	c->parents[side & 1][slot & (OC_USERS - 1)] = parent;
	return replaced < OC_ALL_REPLACED;
}

/* The return address in the function that a person wrote, from the frame pointer of a channel function on. 0: none. */
OC_INLINE u64 oc_user_caller(struct oc_site *s, u64 bp)
{
	struct oc_target *t = s->config;
	for (u32 depth = 0; depth < OC_CALL_DEPTH; depth++) {
		u64 frame[2] = {};	/* the caller's frame pointer, the return address */
		if (!bp)
			return 0;
		if (bpf_probe_read_user(frame, sizeof(frame), (void *)bp)) {
			oc_lost(s, OC_LOST_READ);
			return 0;
		}
		if ((frame[1] < t->runtime_low || frame[1] >= t->runtime_high) &&
		    (frame[1] < t->reflect_low || frame[1] >= t->reflect_high))
			return frame[1];
		bp = frame[0];
	}
	return 0;
}

OC_INLINE void oc_add_edge(struct oc_site *s, u64 name_key, u32 side, u64 pc)
{
	struct oc_ekey k = { .target = s->target, .name_key = name_key, .operation = side, .pc = pc };
	u64 *number = MAP_LOOKUP(edges, &k);
	if (!number) {
		u64 zero = 0;
		MAP_INSERT(edges, &k, &zero);
		number = MAP_LOOKUP(edges, &k);
		if (!number) {
			oc_lost(s, OC_LOST_EDGE);
			return;
		}
	}
	__sync_fetch_and_add(number, 1);
}

/* A name with very many uses already: a program may make a channel for each request, with new users each time. */
OC_INLINE int oc_is_well_known(struct oc_site *s, u32 side)
{
	struct oc_ckey k = { .target = s->target, .id = s->used_key };
	struct oc_counts *n = MAP_LOOKUP(counts, &k);
	return n && (side == OC_OP_SEND ? n->send_ok : n->recv_ok) > OC_WELL_KNOWN;
}

OC_INLINE int oc_shows_caller(struct oc_site *s, u32 side, int is_new)
{
	if (oc_one_of(s, OC_CALLER_OF))
		return 1;
	return is_new && (oc_one_of(s, OC_NEW_OF) || !oc_is_well_known(s, side));
}

OC_INLINE void oc_note(struct oc_site *s, u32 side, u64 g, u64 bp)
{
	struct oc_channel *c = s->used;
	if (!c || side > OC_OP_RECV)
		return;
	if (s->config->stacks_off) {	/* somebody, and nobody looked who */
		if (!c->replaced[side & 1])
			__sync_fetch_and_add(&c->replaced[side & 1], 1);
		return;
	}
	/* Reading who it is, 90 ns, is the dearest part. */
	if (c->replaced[side & 1] > OC_ALL_REPLACED && !oc_one_of(s, OC_USER_OF))
		return;
	u64 parent = OC_NOT_READ;
	u64 goid = oc_goid(s, g, c->users[side & 1][0] ? 0 : &parent);
	if (!goid) {	/* the runtime itself, for a timer: it may come again */
		__sync_fetch_and_add(&c->replaced[side & 1], 1);
		return;
	}
	if (!oc_shows_caller(s, side, oc_add_user(s, c, side, g, goid, parent)))
		return;
	u64 pc = oc_user_caller(s, bp ? bp : oc_word(s, g + s->config->g_sched_bp));
	if (pc)
		oc_add_edge(s, s->used_key, side & 1, pc);
}

OC_INLINE void oc_used(struct oc_site *s, struct oc_known *known, u32 does)
{
	s->used = known->entry;
	s->used_key = known->name_key;
	s->does = does;
}

/* For all that a handler has said. A parked goroutine has saved its frame pointer. */
OC_INLINE void oc_note_uses(struct pt_regs *ctx, struct oc_site *s)
{
	oc_note(s, s->does, OC_G(ctx), OC_BP(ctx));
	if (s->sleeper)
		oc_note(s, s->slept_to, s->sleeper, 0);
}

#endif
