/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Rare events in a channel's life: it is made (and so named), it is closed. */
#ifndef LIFECYCLE_H
#define LIFECYCLE_H

OC_INLINE int oc_on_make(struct pt_regs *ctx, struct oc_site *s)
{
	u64 channel = oc_register(ctx, OC_COOKIE_REGISTER(s->cookie));
	struct oc_ckey k = { .target = s->target, .id = channel };
	struct oc_channel made = { .made = bpf_ktime_get_ns() };
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

/* At entry: closing a nil or closed channel panics and closes nothing. */
OC_INLINE int oc_on_close(struct pt_regs *ctx, struct oc_site *s)
{
	u64 channel = oc_site_channel(ctx, s);
	if (!channel)
		return 0;
	u32 closed = 0;
	if (bpf_probe_read_user(&closed, sizeof(closed), (void *)(channel + s->config->hchan_closed))) {
		oc_lost(s, OC_LOST_READ);
		return 0;
	}
	if (closed)
		return 0;
	struct oc_counts *c = oc_counts_of(s, oc_name_key(s, channel));
	if (!c)
		return 0;
	__sync_fetch_and_add(&c->closes, 1);
	__sync_fetch_and_add(&c->residue, oc_word(s, channel + s->config->hchan_qcount));
	return 0;
}

#endif
