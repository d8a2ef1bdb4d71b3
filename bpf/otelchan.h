/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the kernel side and user space exchange. otelchan/kernel/wire.py mirrors it; a test compares both through the
 * object's type information. Times: nanoseconds of CLOCK_MONOTONIC. Addresses: of the observed process, live. */
#ifndef OTELCHAN_H
#define OTELCHAN_H

#define OC_TARGETS      256	/* programs watched at once */
#ifndef OC_PARKED	/* BCC is given the number with -D, libbpf sets it before load */
#define OC_PARKED       65536	/* goroutines parked on channels, default */
#endif
#define OC_CHANNELS     131072	/* channels whose name is known to the kernel */
#define OC_NAMES        16384	/* channel names over all programs */
#define OC_HISTOGRAMS   8192	/* (channel name, operation) that ever blocked */
#define OC_EDGES        8192	/* (channel name, operation, caller) that were looked at */
#define OC_FINES        512	/* (channel name, operation) that have an objective */
#define OC_SAMPLED      4096	/* channel names in one time slice */
#define OC_MARKS        16384	/* selects in one time slice that were woken and have not returned yet */
#define OC_USERS        4	/* of a channel, on each side, that are remembered */
#define OC_RING_BYTES   (1 << 21)
#define OC_STACK_BYTES  4096	/* of a sleeper's stack, copied once */
#define OC_WAKER_FRAMES 24
#define OC_PANIC_FRAMES 64
#define OC_CASES        32	/* of a select that takes its default branch: as many are counted */
#define OC_DELAYS       7	/* receives after a close, by delay: up to 100 ns, 1 us, ... 10 ms, and more */
#define OC_SKIPS        16	/* ranges of code that channels are not named by */
#define OC_SKIP_DEPTH   6	/* callers looked at to name a channel */
#define OC_LABELS       4	/* profiler labels of a span, at most */
#define OC_LABEL_BYTES  32	/* of a value: a trace id has that many */
#define OC_LABEL_NAMES  16	/* that are asked for, of up to 16 bytes each */
#define OC_WINDOW       32	/* words read at a wake site, from the stack pointer up */
#define OC_CALL_DEPTH   8	/* frames from a channel operation to the function that a person wrote, at most */
#define OC_ALL_REPLACED 64	/* so many users that found no free slot are looked at each time, and then only some */

/* Histogram: bucket 0 is (0, 2^10 ns]; then 4 per octave up to 2^37 ns; the last is what is longer. */
#define OC_BUCKET_FIRST 10
#define OC_BUCKETS      110
#define OC_FINE_BUCKETS 218	/* the same range, with 8 per octave */
#define OC_OCTAVES      40	/* up to 2^10 ns, then each octave, to 2^49 ns */

/* A channel nobody saw being made is counted under its address with this bit. */
#define OC_UNNAMED      (1ULL << 63)
/* What is tried on a nil channel is counted under this key, what is tried on a channel that is not known under 0. */
#define OC_NIL_KEY      1ULL

enum oc_kind {		/* kind of site, in the cookie */
	OC_PARK = 1,
	OC_WAKE,
	OC_SEND,
	OC_RECV,
	OC_RECV_CLOSED,
	OC_SELECT,
	OC_MAKE,
	OC_CLOSE,
	OC_PANIC,
	OC_WOULD_BLOCK,
	OC_SELECT_DEFAULT,
	OC_KINDS,
};

enum oc_operation {
	OC_OP_SEND = 0,
	OC_OP_RECV,
	OC_OP_SELECT,
	OC_OP_CLOSE,
};

enum oc_panic_type {	/* attribute error.type */
	OC_SEND_ON_CLOSED = 0,
	OC_CLOSE_OF_CLOSED,
	OC_CLOSE_OF_NIL,
	OC_PANICS,
};

enum oc_loss {
	OC_LOST_PARK = 0,	/* no room for a park: its duration is unknown */
	OC_LOST_SPAN,		/* ring buffer full */
	OC_LOST_SAMPLED,	/* over the span rate, and not the longest of its kind */
	OC_LOST_COUNT,		/* no room for a channel name: the operation is not counted */
	OC_LOST_HISTOGRAM,	/* no room for a histogram */
	OC_LOST_READ,		/* the program's memory could not be read */
	OC_LOST_NAME,		/* a channel had to be counted without a name */
	OC_LOST_UNPARKED,	/* woken, but parked before we came: counted, without a duration */
	OC_LOST_STALE,		/* a select was marked as counted, but the mark could not be kept */
	OC_LOST_CASE,		/* a case of a select that took its default branch, and had more than are counted */
	OC_LOST_RARE,		/* no room for a channel's rare facts: a panic, or what came after a close */
	OC_LOST_EDGE,		/* no room for who uses a channel: a place in the program's code */
	OC_LOST_LABEL,		/* profiler labels of a blocked goroutine could not be read, not all of them */
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
#ifndef OC_RSP
#define OC_RSP                4	/* register of a site whose channel is in the stack slot at rsp + frame */
#endif
/* flags of PARK and WAKE: enum oc_operation. Of PARK also: parks for ever; gopark is inlined there, so that the channel
 * is where the cookie says, or not known (a select). Of WAKE also: the sleeper's g is in the
 * register (Go 1.20 and older), not in a closure. Of SEND, RECV, CLOSE, WOULD_BLOCK: the condition under which a hit
 * counts. Of WOULD_BLOCK also: it is a receive. Of PANIC: enum oc_panic_type. Of PANIC and WOULD_BLOCK also: the channel
 * is not known. */
#define OC_FLAG_OPERATION     0x3
#define OC_FLAG_FOREVER       0x4
#define OC_FLAG_IN_REGISTER   0x4
#define OC_FLAG_CONDITION     0x7
#define OC_FLAG_RECEIVES      0x8
#define OC_FLAG_INLINED       0x8
#define OC_FLAG_PANIC         0x3
#define OC_FLAG_NO_CHANNEL    0x10
#define OC_COND_ALWAYS        0	/* every hit counts */
#define OC_COND_ABOVE         1	/* CF=0 and ZF=0 */
#define OC_COND_BELOW         2	/* CF=1 */
#define OC_COND_EQUAL         3	/* ZF=1 */
#define OC_COND_NOT_EQUAL     4	/* ZF=0 */
#define OC_COND_ABOVE_EQUAL   5	/* CF=0 */
#define OC_COND_BELOW_EQUAL   6	/* CF=1 or ZF=1 */

struct oc_target {	/* map `targets`, by target id: written by user space */
	u64 span_threshold_ns;
	u64 spans_allowed;	/* grows; a span is sent while oc_tally.spans stays below */
	u64 makes_since;	/* when the makes plane was attached: earlier closes say nothing; all ones: it is off */
	u64 selectgo_low, selectgo_high;
	u64 reflect_close_low, reflect_close_high;	/* reflect.chanclose */
	u64 runtime_low, runtime_high;	/* the channel functions of the runtime, and its other code between them */
	u64 reflect_low, reflect_high;	/* what calls them in reflection */
	u64 skip_low[OC_SKIPS], skip_high[OC_SKIPS];	/* return addresses in what makes channels for others: [low, high) */
	u32 waits_epoch;	/* changes with each attach: what was parked before means nothing */
	u32 operations_epoch;	/* 0: off */
	u32 skips;	/* of skip_low, skip_high */
	u32 g_goid, g_param, g_waitreason, g_stack_hi;
	u32 g_sched_sp, g_sched_pc, g_sched_bp;
	u32 sudog_c, sudog_is_select;
	u32 hchan_lock, hchan_closed, hchan_qcount;
	u32 g_parent;	/* OC_ABSENT before Go 1.21 */
	u32 objectives;	/* entries of this target in `fine`; 0: there is no need to look */
	u32 round;	/* of looking: user space counts on before it takes what was sent in the one before */
	u32 g_labels;
	u32 label_form;	/* enum oc_label_form */
	u32 stacks_off;	/* not 0: no stack of a span is read, nor who uses a channel and from where */
	u32 reason_send;	/* g.waitreason of who is blocked in a send on a channel */
};

enum oc_label_form {	/* what g.labels points to */
	OC_LABELS_UNKNOWN = 0,
	OC_LABELS_MAP,	/* until Go 1.23 */
	OC_LABELS_LIST,
};

#define OC_ABSENT       0xffffffff	/* in place of an offset: there is no such field */

#define OC_FILES        256	/* executable files whose processes share probes, at once */
#define OC_PROCESSES    2048	/* processes of those files, also some that have ended */
#define OC_BIRTHS_BYTES (1 << 16)
/* In place of a target the cookie of a shared probe has the number of its file with this bit (see processes.h). */
#define OC_OF_FILE      0x8000
#define OC_BIRTH        0xff	/* in place of enum oc_kind: a process begins to run the file */
#define OC_NOBODY       0xffffffff	/* in place of a target: the process is not watched */

struct oc_file {	/* map `files`, by number: written by user space */
	u64 birth;	/* link-time address of the probe at which its processes are born */
	struct oc_target as;	/* what a newborn's entry in `targets` is, but for where it was loaded */
};

struct oc_process {	/* map `processes`, by process id as the initial pid namespace has it */
	u32 target;	/* or OC_NOBODY */
	u32 file;
	u64 born;	/* 0: before its file had probes */
	u64 sp;		/* at its birth: with each exec, the stack is somewhere else */
};

struct oc_birth {	/* ring buffer `births` */
	u64 time;
	u64 bias;	/* live address minus link-time address */
	u32 pid;
	u32 target;
	u32 file;
	u32 pad;
};

struct oc_tally {	/* map `tallies`, by target id: written by the kernel */
	u64 hits[16];	/* by enum oc_kind */
	u64 lost[OC_LOSSES];
	u64 spans;
	u64 sliced;	/* hits of time slices, in and outside their gates */
};

struct oc_gate {	/* map `gates`, by target id: written by user space; see slices.h */
	u64 begin;	/* all ones: the traps are going in */
	u64 end;
};

struct oc_slice {	/* map `slices`, by target id: what one time slice saw; emptied by user space before it */
	u64 first, last;	/* times of hits */
	struct oc_tally in;	/* the gate, but for `sliced` */
};

struct oc_sample {	/* map `sampled`, by name key */
	u64 sent;
	u64 received;
	u64 received_closed;
};

struct oc_gkey {	/* maps `parked` and `marks` */
	u64 target;
	u64 g;
};

struct oc_park {
	u64 time;	/* 0: not parked */
	u64 channel;	/* 0: select, or nil channel */
	u32 operation;
	u32 epoch;
	u32 counted;	/* operations_epoch in which this goroutine's select was counted at its wake */
	u32 by_close;	/* a close woke it, from a select that has not returned yet */
};

struct oc_ckey {	/* maps `channels` (address), `counts` and `sampled` (name key) */
	u64 target;
	u64 id;
};

struct oc_channel {
	u64 name_key;	/* return address of the makechan call, or address | OC_UNNAMED */
	u64 made;	/* time of the make, 0 when not seen */
	u64 closed;	/* time of the close, 0 when not seen */
	u64 sent, received;	/* elements, since this entry was made */
	/* Who sent (0) and who received (1), as goroutine ids; a slot is taken once, and given up for a later user only
	 * when all are taken, which `replaced` counts, before it happens. After `users`, so that who reads them in this
	 * order and finds nothing replaced has seen all. */
	u64 users[2][OC_USERS];
	u64 parents[2][OC_USERS];	/* who started them; 0: not known */
	u64 replaced[2];	/* at least so many; also what has no goroutine id: a timer, one that could not be read */
};

struct oc_counts {
	u64 send_ok;
	u64 recv_ok;
	u64 recv_closed;
	u64 closes;
	u64 residue;	/* elements in the buffer when closed */
	u64 made;
	u64 send_would_block;
	u64 recv_would_block;	/* next to it: see polls.h */
};

struct oc_rare {	/* map `rare`, by name key: what few channels ever have */
	u64 closed_ns;	/* time of the last close */
	u64 closed_by;	/* return address of the closechan call, in the function that a person wrote */
	u64 panics[OC_PANICS];
	u64 drained;	/* elements received from buffers after the close */
	u64 delay_sum_ns;	/* from the close to each later receive */
	u64 delays[OC_DELAYS];
};

struct oc_hkey {	/* map `blocks` */
	u64 target;
	u64 name_key;
	u64 operation;
};

struct oc_histogram {	/* with its key and the kernel's own words in 1,024 bytes, which is what it takes of the kernel */
	u64 count;
	u64 sum_ns;
	u64 buckets[OC_BUCKETS];
	u64 round;	/* that `longest` is about */
	/* Per octave, the longest block of the round that was sent: in which of 32 parts of the octave it ended, from 1 on;
	 * 0: none was. Only blocks over the threshold are looked at. */
	u8 longest[OC_OCTAVES];
};

struct oc_ekey {	/* map `edges` */
	u64 target;
	u64 name_key;
	u64 operation;	/* OC_OP_SEND or OC_OP_RECV */
	u64 pc;		/* return address, in the function that a person wrote */
};

struct oc_fine {	/* map `fine`, key struct oc_hkey: entries are made and removed by user space */
	u64 buckets[OC_FINE_BUCKETS];
};

enum oc_record {	/* first word of a record in the ring buffer `events` */
	OC_RECORD_BLOCK = 1,
	OC_RECORD_PANIC,
};

struct oc_label_name {	/* map `asked`; the value means nothing */
	u64 name[2];	/* filled up with zeros */
};

struct oc_label {
	u64 name[2];	/* as in oc_label_name */
	u64 size;	/* of value[] */
	u8 value[OC_LABEL_BYTES];
};

struct oc_block {	/* one blocking operation over the threshold */
	u32 record;
	u32 target;
	u32 operation;		/* what the sleeper did: OC_OP_SEND or OC_OP_RECV */
	u32 select;
	u32 by_close;
	u32 wait_reason;
	u32 over_rate;		/* there was no room under the rate: sent only because it is the longest, see waits.h */
	u32 round;		/* oc_target.round then */
	u64 start, end;
	u64 channel, name_key;
	u64 g, goid;
	u64 waker_g, waker_goid;
	u64 sp, pc, bp, hi;	/* the sleeper's saved registers and the end of its stack */
	u64 stack_bytes;	/* of stack[] */
	u64 waker_bytes;	/* of waker[] */
	u64 waker[OC_WAKER_FRAMES];
	u32 labels;		/* of label[]: those that are asked for */
	u32 labels_left;	/* pairs that could not be read, or that there was no time for */
	struct oc_label label[OC_LABELS];
	u8 stack[OC_STACK_BYTES];
};

struct oc_panic {	/* a channel operation is about to panic */
	u32 record;
	u32 target;
	u64 type;		/* enum oc_panic_type */
	u64 time;
	u64 channel;		/* 0: nil, or not known */
	u64 name_key;
	u64 goid;
	u64 frames_bytes;	/* of frames[] */
	u64 frames[OC_PANIC_FRAMES];	/* the call of gopanic, then return addresses, innermost first */
};

#endif
