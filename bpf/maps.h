/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* All maps, in the order of their FD_ numbers (see portable.h). Shared by every target. */
#ifndef MAPS_H
#define MAPS_H

#define FD_targets  -1
#define FD_tallies  -2
#define FD_parked   -3
#define FD_channels -4
#define FD_counts   -5
#define FD_blocks   -6
#define FD_fresh    -7
#define FD_events   -8
#define FD_files    -9
#define FD_processes -10
#define FD_vacant   -11
#define FD_births   -12
#define FD_missed   -13
#define FD_rare     -14
#define FD_edges    -15
#define FD_fine     -16
#define FD_blank    -17
#define FD_asked    -18
#define FD_gates    -19
#define FD_slices   -20
#define FD_sampled  -21
#define FD_marks    -22
MAP_ARRAY(targets, struct oc_target, OC_TARGETS);
MAP_ARRAY(tallies, struct oc_tally, OC_TARGETS);
MAP_HASH(parked, struct oc_gkey, struct oc_park, OC_PARKED);
MAP_LRU(channels, struct oc_ckey, struct oc_channel, OC_CHANNELS);
MAP_HASH(counts, struct oc_ckey, struct oc_counts, OC_NAMES);
MAP_HASH_LAZY(blocks, struct oc_hkey, struct oc_histogram, OC_HISTOGRAMS);
MAP_ARRAY(fresh, struct oc_histogram, 1);	/* never written: zeros to copy, which need no room on the BPF stack */
MAP_RING(events, OC_RING_BYTES);
MAP_ARRAY(files, struct oc_file, OC_FILES);
MAP_HASH(processes, u32, struct oc_process, OC_PROCESSES);
MAP_QUEUE(vacant, u32, OC_TARGETS);	/* targets that are free, for user space and for newborns */
MAP_RING(births, OC_BIRTHS_BYTES);
MAP_ARRAY(missed, u64, OC_FILES);	/* newborns that nobody was told about, by file */
MAP_HASH_LAZY(rare, struct oc_ckey, struct oc_rare, OC_NAMES);
MAP_HASH_LAZY(edges, struct oc_ekey, u64, OC_EDGES);
MAP_HASH_LAZY(fine, struct oc_hkey, struct oc_fine, OC_FINES);
MAP_ARRAY(blank, struct oc_channel, 1);	/* never written: an empty entry to copy */
MAP_HASH(asked, struct oc_label_name, u32, OC_LABEL_NAMES);	/* profiler labels that are read; written by user space */
MAP_ARRAY(gates, struct oc_gate, OC_TARGETS);
MAP_ARRAY(slices, struct oc_slice, OC_TARGETS);
MAP_HASH_LAZY(sampled, struct oc_ckey, struct oc_sample, OC_SAMPLED);
MAP_HASH_LAZY(marks, struct oc_gkey, u64, OC_MARKS);	/* goroutines whose select is counted already in this slice */

struct oc_site {	/* everything a handler needs, decoded once */
	u64 cookie;
	u64 target;
	u64 hit;	/* how many of this kind came before */
	struct oc_target *config;
	struct oc_tally *tally;
	/* What a handler leaves for uses.h. */
	struct oc_channel *used;	/* NULL: nobody uses a channel */
	u64 used_key;
	u64 sleeper;	/* g of a parked goroutine that uses it too, or 0 */
	u32 does, slept_to;	/* OC_OP_SEND or OC_OP_RECV; does also: OC_OP_CLOSE, which is no use */
};

struct oc_known {	/* a channel, as it is known */
	struct oc_channel *entry;	/* NULL: nil, or there was no room */
	u64 name_key;	/* under which it is counted: where it was made, else its address */
	u64 closed;	/* when it was closed, as far as that was seen since the makes plane is on; else 0 */
};

OC_INLINE void oc_lost(struct oc_site *s, u32 reason)
{
	__sync_fetch_and_add(&s->tally->lost[reason & 15], 1);
}

OC_INLINE struct oc_channel *oc_entry_of(struct oc_site *s, u64 channel)
{
	struct oc_ckey k = { .target = s->target, .id = channel };
	return MAP_LOOKUP(channels, &k);
}

/* An empty entry, in place of one that is there if it is anew. Its name key is 0 for a moment: that is to say, its
 * address. Too large for the BPF stack, so it is copied from `blank`. NULL: there is no room. */
OC_INLINE struct oc_channel *oc_enter(struct oc_site *s, u64 channel, int anew)
{
	struct oc_ckey k = { .target = s->target, .id = channel };
	u32 zero = 0;
	long failed = 0;
	struct oc_channel *empty = MAP_LOOKUP(blank, &zero);
	if (!empty)
		return 0;
	if (anew)
		failed = MAP_UPDATE(channels, &k, empty);
	else
		MAP_INSERT(channels, &k, empty);	/* another processor may have been faster */
	return failed ? 0 : MAP_LOOKUP(channels, &k);
}

OC_INLINE void oc_know(struct oc_site *s, u64 channel, struct oc_known *known)
{
	known->entry = 0;
	known->name_key = OC_NIL_KEY;
	known->closed = 0;
	if (!channel)
		return;
	known->entry = oc_entry_of(s, channel);
	if (known->entry) {
		u64 name_key = known->entry->name_key;
		known->name_key = name_key ? name_key : channel | OC_UNNAMED;
		if (known->entry->closed >= s->config->makes_since)
			known->closed = known->entry->closed;
		return;
	}
	known->name_key = channel | OC_UNNAMED;
	known->entry = oc_enter(s, channel, 0);
	if (known->entry)
		known->entry->name_key = known->name_key;
	oc_lost(s, OC_LOST_NAME);
}

OC_INLINE u64 oc_name_key(struct oc_site *s, u64 channel)
{
	struct oc_known known;
	oc_know(s, channel, &known);
	return known.name_key;
}

OC_INLINE void *oc_zeros(void)
{
	u32 zero = 0;
	return MAP_LOOKUP(fresh, &zero);
}

OC_INLINE struct oc_counts *oc_counts_of(struct oc_site *s, u64 name_key)
{
	struct oc_ckey k = { .target = s->target, .id = name_key };
	struct oc_counts *c = MAP_LOOKUP(counts, &k);
	if (c)
		return c;
	void *zeros = oc_zeros();
	if (zeros)
		MAP_INSERT(counts, &k, zeros);
	c = MAP_LOOKUP(counts, &k);
	if (!c)
		oc_lost(s, OC_LOST_COUNT);
	return c;
}

OC_INLINE struct oc_rare *oc_rare_of(struct oc_site *s, u64 name_key)
{
	struct oc_ckey k = { .target = s->target, .id = name_key };
	struct oc_rare *r = MAP_LOOKUP(rare, &k);
	if (r)
		return r;
	void *zeros = oc_zeros();
	if (zeros)
		MAP_INSERT(rare, &k, zeros);
	r = MAP_LOOKUP(rare, &k);
	if (!r)
		oc_lost(s, OC_LOST_RARE);
	return r;
}

#endif
