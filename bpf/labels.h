/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Profiler labels of a parked goroutine (runtime/pprof.SetGoroutineLabels): those of the names that are asked for, which
 * say what request it works for. Only for a span, so only for a block over the threshold.
 *
 * g.labels points to a labelMap (src/runtime/pprof/label.go): until Go 1.23 a map[string]string, since 1.24 a slice of
 * pairs of strings (label.Label of src/internal/runtime/pprof/label since 1.26). A set of labels never changes once a goroutine has it, and a parked goroutine keeps the one it has. */
#ifndef LABELS_H
#define LABELS_H

#define OC_LABEL_PAIRS     16	/* that are looked at */
#define OC_LABEL_LOGARITHM 1	/* of the number of buckets of a map, at most; 8 pairs each */
#define OC_LABEL_HEAD      2048	/* where in b->stack the head of the list or map is put; the pairs are at its beginning */

/* Go's map until 1.23 (src/runtime/map.go): struct hmap, and a bucket of a map[string]string: 8 bytes that say which
 * places are taken, 8 keys, 8 values, the next bucket. Fixed in these releases; a test reads them from DWARF. */
#define OC_HMAP_COUNT    0
#define OC_HMAP_B        1	/* word with the logarithm of the number of buckets in its second byte */
#define OC_HMAP_BUCKETS  2
#define OC_HMAP_OLD      3	/* not 0 while the map grows */
#define OC_HMAP_WORDS    4
#define OC_BUCKET_BYTES  272
#define OC_BUCKET_KEYS   8
#define OC_BUCKET_VALUES 136
#define OC_BUCKET_TAKEN  5	/* minTopHash: the least that a taken place says */

/* As it is: the verifier wants to see that it is small. */
#define OC_SMALL(size, mask) asm volatile("%0 &= " #mask : "+r"(size))

OC_INLINE u64 oc_label_word(struct oc_block *b, u32 at)
{
	return *(u64 *)(b->stack + at);
}

/* One pair, by where its two strings are described in b->stack: kept when its name is one of those in `asked` and there
 * is room. What is longer than an id is none, and is not read. As much as can be is left in memory: registers are few. */
OC_INLINE void oc_copy_label(struct oc_block *b, u32 key, u32 value)
{
	struct oc_label_name name = {};
	u64 size = oc_label_word(b, key + 8);
	b->labels_left--;
	if (size - 1 >= sizeof(name) || oc_label_word(b, value + 8) - 1 >= OC_LABEL_BYTES)
		return;
	asm volatile("" : "+r"(size));	/* or the compiler leaves out what the verifier wants to see */
	if (size > sizeof(name))
		return;
	long failed = bpf_probe_read_user(&name, size, (void *)oc_label_word(b, key));
	if (!failed && MAP_LOOKUP(asked, &name)) {
		struct oc_label *l = &b->label[b->labels & (OC_LABELS - 1)];
		failed = b->labels >= OC_LABELS;
		if (!failed) {
			l->name[0] = name.name[0];
			l->name[1] = name.name[1];
			size = l->size = oc_label_word(b, value + 8);
			OC_SMALL(size, 0x3f);
			failed = bpf_probe_read_user(l->value, size, (void *)oc_label_word(b, value));
			b->labels += !failed;
		}
	}
	b->labels_left += !!failed;
}

/* The pairs of a list into b->stack; returns how many bytes, and puts into labels_left how many pairs. */
OC_INLINE u64 oc_read_label_list(struct oc_block *b, u64 labels)
{
	u64 *list = (u64 *)(b->stack + OC_LABEL_HEAD);	/* pointer, length, capacity */
	if (bpf_probe_read_user(list, 24, (void *)labels) || list[1] > list[2])
		return 0;
	u64 size = list[1] < OC_LABEL_PAIRS ? list[1] * 32 : OC_LABEL_PAIRS * 32;
	OC_SMALL(size, 0x3ff);
	if (size && bpf_probe_read_user(b->stack, size, (void *)list[0]))
		return 0;
	b->labels_left = list[1];
	return size;
}

/* The same of the buckets of a map. */
OC_INLINE u64 oc_read_label_map(struct oc_block *b, u64 labels)
{
	u64 *map = (u64 *)(b->stack + OC_LABEL_HEAD);
	if (bpf_probe_read_user(map, 8, (void *)labels))	/* a labelMap is a pointer to the map */
		return 0;
	if (bpf_probe_read_user(map, 8 * OC_HMAP_WORDS, (void *)map[0]))
		return 0;
	u64 logarithm = map[OC_HMAP_B] >> 8 & 0xff;
	if (map[OC_HMAP_COUNT] && (logarithm > OC_LABEL_LOGARITHM || map[OC_HMAP_OLD]))
		return 0;
	u64 size = map[OC_HMAP_COUNT] ? (u64)OC_BUCKET_BYTES << logarithm : 0;
	OC_SMALL(size, 0x3ff);
	if (size && bpf_probe_read_user(b->stack, size, (void *)map[OC_HMAP_BUCKETS]))
		return 0;
	b->labels_left = map[OC_HMAP_COUNT];
	return size;
}

OC_INLINE void oc_copy_label_list(struct oc_block *b, u64 size)
{
	for (u32 i = 0; i < OC_LABEL_PAIRS; i++) {
		if (32 * i >= size)
			break;
		oc_copy_label(b, 32 * i, 32 * i + 16);
	}
}

OC_INLINE void oc_copy_label_map(struct oc_block *b, u64 size)
{
	for (u32 i = 0; i < 8 << OC_LABEL_LOGARITHM; i++) {
		u32 bucket = (i >> 3) * OC_BUCKET_BYTES, place = i & 7;
		if (bucket >= size)
			break;
		if (b->stack[bucket + place] >= OC_BUCKET_TAKEN)
			oc_copy_label(b, bucket + OC_BUCKET_KEYS + 16 * place, bucket + OC_BUCKET_VALUES + 16 * place);
	}
}

/* Labels of g into b->label. b->stack is overwritten: it is filled later. */
OC_INLINE void oc_copy_labels(struct oc_site *s, struct oc_block *b, u64 g)
{
	u64 labels = 0;
	b->labels = 0;
	b->labels_left = 1;	/* in memory, and so unknown to the verifier, which would follow each number else */
	if (!bpf_probe_read_user(&labels, sizeof(labels), (void *)(g + s->config->g_labels))) {
		if (!labels)
			b->labels_left = 0;
		else if (s->config->label_form == OC_LABELS_LIST)
			oc_copy_label_list(b, oc_read_label_list(b, labels));
		else if (s->config->label_form == OC_LABELS_MAP)
			oc_copy_label_map(b, oc_read_label_map(b, labels));
	}
	if (b->labels_left)
		oc_lost(s, OC_LOST_LABEL);
}

#endif
