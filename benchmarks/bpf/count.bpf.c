// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Counts hits by cookie: attached beside the empty program, it shows that the sites are passed as often as is claimed. */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 64);
} hits SEC(".maps");

SEC("uprobe")
int bench_count(struct pt_regs *ctx)
{
	__u32 number = bpf_get_attach_cookie(ctx);
	__u64 *count = bpf_map_lookup_elem(&hits, &number);
	if (count)
		__sync_fetch_and_add(count, 1);
	return 0;
}

char bench_license[] SEC("license") = "Dual BSD/GPL";
