// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The kernel side of otelchan: one program for every site; the cookie says which target and which kind of site.
 * It writes nothing in the observed program. */
#include "portable.h"
#include "otelchan.h"
#include "maps.h"
#include "go_runtime.h"
#include "waits.h"
#include "operations.h"
#include "lifecycle.h"
#include "polls.h"
#include "processes.h"

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
	__sync_fetch_and_add(&s.tally->hits[kind & 15], 1);
	switch (kind) {
	case OC_PARK:
		return oc_on_park(ctx, &s);
	case OC_WAKE:
		return oc_on_wake(ctx, &s);
	case OC_SEND:
		return oc_on_buffer(ctx, &s, OC_OP_SEND);
	case OC_RECV:
		return oc_on_buffer(ctx, &s, OC_OP_RECV);
	case OC_RECV_CLOSED:
		return oc_on_recv_closed(ctx, &s);
	case OC_SELECT:
		return oc_on_select(ctx, &s);
	case OC_MAKE:
		return oc_on_make(ctx, &s);
	case OC_CLOSE:
		return oc_on_close(ctx, &s);
	case OC_PANIC:
		return oc_on_panic(ctx, &s);
	case OC_WOULD_BLOCK:
		return oc_on_would_block(ctx, &s);
	case OC_SELECT_DEFAULT:
		return oc_on_select_default(ctx, &s);
	}
	return 0;
}

LICENSE("Dual BSD/GPL")
