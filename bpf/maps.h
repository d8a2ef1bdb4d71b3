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
MAP_ARRAY(targets, struct oc_target, OC_TARGETS);
MAP_ARRAY(tallies, struct oc_tally, OC_TARGETS);
MAP_HASH(parked, struct oc_gkey, struct oc_park, OC_PARKED);
MAP_LRU(channels, struct oc_ckey, struct oc_channel, OC_CHANNELS);
MAP_HASH(counts, struct oc_ckey, struct oc_counts, OC_NAMES);
MAP_HASH_LAZY(blocks, struct oc_hkey, struct oc_histogram, OC_HISTOGRAMS);
MAP_ARRAY(fresh, struct oc_histogram, 1);	/* never written: an empty histogram to copy */
MAP_RING(events, OC_RING_BYTES);
MAP_ARRAY(files, struct oc_file, OC_FILES);
MAP_HASH(processes, u32, struct oc_process, OC_PROCESSES);
MAP_QUEUE(vacant, u32, OC_TARGETS);	/* targets that are free, for user space and for newborns */
MAP_RING(births, OC_BIRTHS_BYTES);
MAP_ARRAY(missed, u64, OC_FILES);	/* newborns that nobody was told about, by file */
MAP_HASH_LAZY(rare, struct oc_ckey, struct oc_rare, OC_NAMES);

struct oc_site {	/* everything a handler needs, decoded once */
	u64 cookie;
	u64 target;
	struct oc_target *config;
	struct oc_tally *tally;
};

OC_INLINE void oc_lost(struct oc_site *s, u32 reason)
{
	__sync_fetch_and_add(&s->tally->lost[reason & 15], 1);
}

/* The key under which this channel is counted: where it was made, else its address. closed: when it was closed, as far
 * as that was seen. */
OC_INLINE u64 oc_name_key_closed(struct oc_site *s, u64 channel, u64 *closed)
{
	struct oc_ckey k = { .target = s->target, .id = channel };
	*closed = 0;
	if (!channel)
		return OC_NIL_KEY;
	struct oc_channel *c = MAP_LOOKUP(channels, &k);
	if (c) {
		if (c->closed >= s->config->makes_since)
			*closed = c->closed;
		return c->name_key;
	}
	struct oc_channel unnamed = { .name_key = channel | OC_UNNAMED };
	MAP_INSERT(channels, &k, &unnamed);
	oc_lost(s, OC_LOST_NAME);
	return unnamed.name_key;
}

OC_INLINE u64 oc_name_key(struct oc_site *s, u64 channel)
{
	u64 closed;
	return oc_name_key_closed(s, channel, &closed);
}

OC_INLINE struct oc_counts *oc_counts_of(struct oc_site *s, u64 name_key)
{
	struct oc_ckey k = { .target = s->target, .id = name_key };
	struct oc_counts *c = MAP_LOOKUP(counts, &k);
	if (c)
		return c;
	struct oc_counts zero = {};
	MAP_INSERT(counts, &k, &zero);
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
	struct oc_rare zero = {};
	MAP_INSERT(rare, &k, &zero);
	r = MAP_LOOKUP(rare, &k);
	if (!r)
		oc_lost(s, OC_LOST_RARE);
	return r;
}

#endif
