// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The kernel side of otelchan: one program for every site, and one for those of a time slice; the cookie says which
 * target and which kind of site.
 * It writes nothing in the observed program. */
#include "portable.h"
#include "otelchan.h"
#include "maps.h"
#include "go_runtime.h"
#include "uses.h"
#include "labels.h"
#include "waits.h"
#include "operations.h"
#include "lifecycle.h"
#include "polls.h"
#include "processes.h"
#include "slices.h"

OC_INLINE void oc_handle(struct pt_regs *ctx, struct oc_site *s, u32 kind)
{
	switch (kind) {
	case OC_PARK:
		oc_on_park(ctx, s);
		break;
	case OC_WAKE:
		oc_on_wake(ctx, s);
		break;
	case OC_SEND:
		oc_on_buffer(ctx, s, OC_OP_SEND);
		break;
	case OC_RECV:
		oc_on_buffer(ctx, s, OC_OP_RECV);
		break;
	case OC_RECV_CLOSED:
		oc_on_recv_closed(ctx, s);
		break;
	case OC_SELECT:
		oc_on_select(ctx, s);
		break;
	case OC_MAKE:
		oc_on_make(ctx, s);
		break;
	case OC_CLOSE:
		oc_on_close(ctx, s);
		break;
	case OC_PANIC:
		oc_on_panic(ctx, s);
		break;
	case OC_WOULD_BLOCK:
		oc_on_would_block(ctx, s);
		break;
	case OC_SELECT_DEFAULT:
		oc_on_select_default(ctx, s);
		break;
	}
}

SEC("uprobe")
int oc_dispatch(struct pt_regs *ctx)
{
	struct oc_site s = {};
	s.cookie = bpf_get_attach_cookie(ctx);
	u32 id = OC_COOKIE_TARGET(s.cookie);
	u32 kind = OC_COOKIE_KIND(s.cookie);
	if (id & OC_OF_FILE) {
		if (kind == OC_BIRTH)
			return oc_on_birth(ctx, id & ~OC_OF_FILE);
		id = oc_target_of_process(id & ~OC_OF_FILE);
	}
	s.target = id;
	s.config = MAP_LOOKUP(targets, &id);
	s.tally = MAP_LOOKUP(tallies, &id);
	if (!s.config || !s.tally)
		return 0;
	s.hit = __sync_fetch_and_add(&s.tally->hits[kind & 15], 1);
	oc_handle(ctx, &s, kind);
	oc_note_uses(ctx, &s);
	return 0;
}

SEC("uprobe")
int oc_slice(struct pt_regs *ctx)
{
	struct oc_site s = {};
	s.cookie = bpf_get_attach_cookie(ctx);
	u32 id = OC_COOKIE_TARGET(s.cookie);
	struct oc_slice *slice = MAP_LOOKUP(slices, &id);
	struct oc_gate *gate = MAP_LOOKUP(gates, &id);
	s.target = id;
	s.config = MAP_LOOKUP(targets, &id);
	struct oc_tally *tally = MAP_LOOKUP(tallies, &id);
	if (!slice || !gate || !s.config || !tally)
		return 0;
	__sync_fetch_and_add(&tally->sliced, 1);
	s.tally = &slice->in;	/* what cannot be read or kept is lost to the slice, not to the exact counts */
	oc_on_slice(ctx, &s, slice, gate);
	return 0;
}

LICENSE("Dual BSD/GPL")
