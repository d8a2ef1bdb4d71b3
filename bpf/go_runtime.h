/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Reads of g, sudog and hchan in the observed program. Every offset comes from the target's entry in `targets`; none is
 * written here. All reads may fail (memory paged out) and are then counted. */
#ifndef GO_RUNTIME_H
#define GO_RUNTIME_H

OC_INLINE u64 oc_word(struct oc_site *s, u64 address)
{
	u64 value = 0;
	if (bpf_probe_read_user(&value, sizeof(value), (void *)address))
		oc_lost(s, OC_LOST_READ);
	return value;
}

OC_INLINE u32 oc_byte(struct oc_site *s, u64 address)
{
	u8 value = 0;
	if (bpf_probe_read_user(&value, sizeof(value), (void *)address))
		oc_lost(s, OC_LOST_READ);
	return value;
}

/* g.param is the sudog that won, set before the sleeper is readied (src/runtime/chan.go, select.go). */
OC_INLINE u64 oc_winning_sudog(struct oc_site *s, u64 g)
{
	return oc_word(s, g + s->config->g_param);
}

OC_INLINE u64 oc_sudog_channel(struct oc_site *s, u64 sudog)
{
	return oc_word(s, sudog + s->config->sudog_c);
}

/* The caller of makechan that a person wrote: past reflect.makechan and reflect.MakeChan, by frame pointers. */
OC_INLINE u64 oc_make_caller(struct oc_site *s, struct pt_regs *ctx, u32 frame)
{
	u64 caller = oc_word(s, OC_SP(ctx) + frame);
	if (caller < s->config->reflect_low || caller >= s->config->reflect_high)
		return caller;
	u64 bp = oc_word(s, OC_BP(ctx));	/* frame of reflect.makechan */
	bp = oc_word(s, bp);			/* frame of reflect.MakeChan */
	return oc_word(s, bp + 8);
}

#endif
