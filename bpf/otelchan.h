/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the kernel side and user space exchange. otelchan/kernel/wire.py mirrors it; a test compares both through the
 * object's type information. Times: nanoseconds of CLOCK_MONOTONIC. Addresses: of the observed process, live. */
#ifndef OTELCHAN_H
#define OTELCHAN_H

#define OC_TARGETS      256	/* programs watched at once */
#ifndef OC_PARKED	/* BCC is given the number with -D, libbpf sets it before load */
#define OC_PARKED       65536	/* goroutines parked on channels, default */
#endif
#define OC_CHANNELS     65536	/* channels whose name is known to the kernel */
#define OC_NAMES        16384	/* channel names over all programs */
#define OC_HISTOGRAMS   8192	/* (channel name, operation) that ever blocked */
#define OC_RING_BYTES   (1 << 21)
#define OC_STACK_BYTES  4096	/* of a sleeper's stack, copied once */
#define OC_WAKER_FRAMES 24
#define OC_WINDOW       32	/* words read at a wake site, from the stack pointer up */

/* Histogram: bucket 0 is (0, 2^10 ns]; then 4 per octave up to 2^37 ns; the last is what is longer. */
#define OC_BUCKET_FIRST 10
#define OC_BUCKETS      110

/* A channel nobody saw being made is counted under its address with this bit. */
#define OC_UNNAMED      (1ULL << 63)

enum oc_kind {		/* kind of site, in the cookie */
	OC_PARK = 1,
	OC_WAKE,
	OC_SEND,
	OC_RECV,
	OC_RECV_CLOSED,
	OC_SELECT,
	OC_MAKE,
	OC_CLOSE,
	OC_KINDS,
};

enum oc_operation {
	OC_OP_SEND = 0,
	OC_OP_RECV,
	OC_OP_SELECT,
	OC_OP_CLOSE,
};

enum oc_loss {
	OC_LOST_PARK = 0,	/* no room for a park: its duration is unknown */
	OC_LOST_SPAN,		/* ring buffer full */
	OC_LOST_SAMPLED,	/* over the span rate */
	OC_LOST_COUNT,		/* no room for a channel name: the operation is not counted */
	OC_LOST_HISTOGRAM,	/* no room for a histogram */
	OC_LOST_READ,		/* the program's memory could not be read */
	OC_LOST_NAME,		/* a channel had to be counted without a name */
	OC_LOST_UNPARKED,	/* woken, but parked before we came: counted, without a duration */
	OC_LOST_STALE,		/* a select was marked as counted, but the mark could not be kept */
	OC_LOSSES = 16,
};

/* Cookie of a site: target 16 bits | kind 8 | register 8 | flags 8 | frame 16 | aux 8 (in words). */
#define OC_COOKIE_TARGET(c)   ((u32)((c) & 0xffff))
#define OC_COOKIE_KIND(c)     ((u32)(((c) >> 16) & 0xff))
#define OC_COOKIE_REGISTER(c) ((u32)(((c) >> 24) & 0xff))
#define OC_COOKIE_FLAGS(c)    ((u32)(((c) >> 32) & 0xff))
#define OC_COOKIE_FRAME(c)    ((u32)(((c) >> 40) & 0xffff))
#define OC_COOKIE_AUX(c)      ((u32)(((c) >> 56) & 0xff))
#define OC_AUX_NONE           0xff
#define OC_RSP                4	/* register of a site whose channel is in the stack slot at rsp + frame */
/* flags of PARK and WAKE: enum oc_operation. Of PARK also: parks for ever. Of SEND, RECV: the condition. */
#define OC_FLAG_OPERATION     0x3
#define OC_FLAG_FOREVER       0x4
#define OC_COND_ALWAYS        0	/* only what the buffer has comes there */
#define OC_COND_ABOVE         1	/* CF=0 and ZF=0 */
#define OC_COND_BELOW         2	/* CF=1 */

struct oc_target {	/* map `targets`, by target id: written by user space */
	u64 span_threshold_ns;
	u64 spans_allowed;	/* grows; a span is sent while oc_tally.spans stays below */
	u64 selectgo_low, selectgo_high;
	u64 reflect_low, reflect_high;	/* reflect.makechan */
	u32 waits_epoch;	/* changes with each attach: what was parked before means nothing */
	u32 operations_epoch;	/* 0: off */
	u32 g_goid, g_param, g_waitreason, g_stack_hi;
	u32 g_sched_sp, g_sched_pc, g_sched_bp;
	u32 sudog_c, sudog_is_select;
	u32 hchan_lock, hchan_closed, hchan_qcount;
};

struct oc_tally {	/* map `tallies`, by target id: written by the kernel */
	u64 hits[16];	/* by enum oc_kind */
	u64 lost[OC_LOSSES];
	u64 spans;
};

struct oc_gkey {	/* map `parked` */
	u64 target;
	u64 g;
};

struct oc_park {
	u64 time;	/* 0: not parked */
	u64 channel;	/* 0: select, or nil channel */
	u32 operation;
	u32 epoch;
	u32 counted;	/* operations_epoch in which this goroutine's select was counted at its wake */
	u32 pad;
};

struct oc_ckey {	/* maps `channels` (address) and `counts` (name key) */
	u64 target;
	u64 id;
};

struct oc_channel {
	u64 name_key;	/* return address of the makechan call, or address | OC_UNNAMED */
	u64 made;	/* time of the make, 0 when not seen */
};

struct oc_counts {
	u64 send_ok;
	u64 recv_ok;
	u64 recv_closed;
	u64 closes;
	u64 residue;	/* elements in the buffer when closed */
	u64 made;
};

struct oc_hkey {	/* map `blocks` */
	u64 target;
	u64 name_key;
	u64 operation;
};

struct oc_histogram {
	u64 count;
	u64 sum_ns;
	u64 buckets[OC_BUCKETS];
};

struct oc_block {	/* ring buffer record: one blocking operation over the threshold */
	u32 target;
	u32 operation;		/* what the sleeper did: OC_OP_SEND or OC_OP_RECV */
	u32 select;
	u32 by_close;
	u64 start, end;
	u64 channel, name_key;
	u64 g, goid;
	u64 waker_g, waker_goid;
	u64 sp, pc, bp, hi;	/* the sleeper's saved registers and the end of its stack */
	u32 wait_reason;
	u32 stack_bytes;
	u64 waker_bytes;	/* of waker[] */
	u64 waker[OC_WAKER_FRAMES];
	u8 stack[OC_STACK_BYTES];
};

#endif
