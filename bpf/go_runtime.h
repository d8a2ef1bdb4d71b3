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

/* The channel is in a register, or a fixed distance below it, or in a stack slot: then the register is said to be rsp. */
OC_INLINE u64 oc_site_channel(struct pt_regs *ctx, struct oc_site *s)
{
	u32 number = OC_COOKIE_REGISTER(s->cookie);
	u64 value = oc_register(ctx, number);
	if (number == OC_RSP)
		return oc_word(s, value + OC_COOKIE_FRAME(s->cookie));
	return value - (u64)OC_COOKIE_AUX(s->cookie) * 8;
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

OC_INLINE int oc_skipped(struct oc_target *t, u64 pc)
{
	for (u32 i = 0; i < OC_SKIPS; i++) {
		if (i >= t->skips)
			return 0;
		if (pc >= t->skip_low[i] && pc < t->skip_high[i])
			return 1;
	}
	return 0;
}

/* The caller of makechan that a channel is named by: past reflection and what the user has skipped, by frame pointers.
 * frame: from the stack pointer to the return address of makechan. Where it cannot be read, the last that could. */
OC_INLINE u64 oc_make_caller(struct oc_site *s, struct pt_regs *ctx, u32 frame)
{
	u64 caller = oc_word(s, OC_SP(ctx) + 8 * OC_RETURN_WORD(frame));
	u64 bp = OC_BP(ctx);
	for (u32 depth = 0; depth < OC_SKIP_DEPTH; depth++) {
		if (!oc_skipped(s->config, caller))
			return caller;
		bp = oc_word(s, bp);	/* frame of the function that `caller` is in */
		u64 next = oc_word(s, bp + 8);
		if (!bp || !next)
			return caller;
		caller = next;
	}
	return caller;
}

/* The caller of closechan that a person wrote: past reflect.chanclose and reflect.Value.Close. frame: from the stack
 * pointer to the return address of closechan, which has set up its frame. */
OC_INLINE u64 oc_close_caller(struct oc_site *s, struct pt_regs *ctx, u32 frame)
{
	u64 caller = oc_word(s, OC_SP(ctx) + 8 * OC_RETURN_WORD(frame));
	if (caller < s->config->reflect_close_low || caller >= s->config->reflect_close_high)
		return caller;
	u64 bp = oc_word(s, OC_BP(ctx));	/* frame of reflect.chanclose */
	bp = oc_word(s, bp);			/* frame of reflect.Value.Close */
	return oc_word(s, bp + 8);
}

#endif
