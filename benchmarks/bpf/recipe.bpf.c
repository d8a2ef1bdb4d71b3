// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* How published tools time a Go function: at its entry the time is kept under the goroutine, at each of its return
 * instructions it is taken back and goes into a histogram. Cookie: number of the function, and RETURN. */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>

#define RETURN 32
#define BUCKETS 64

struct goroutine {
	__u64 pid;
	__u64 g;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 64);
} hits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct goroutine);
	__type(value, __u64);
	__uint(max_entries, 65536);
} started SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, RETURN * BUCKETS);
} durations SEC(".maps");

static __always_inline __u32 logarithm(__u64 value)
{
	__u32 found = 0;
	if (value >> 32) { value >>= 32; found += 32; }
	if (value >> 16) { value >>= 16; found += 16; }
	if (value >> 8) { value >>= 8; found += 8; }
	if (value >> 4) { value >>= 4; found += 4; }
	if (value >> 2) { value >>= 2; found += 2; }
	return found + (value >> 1);
}

SEC("uprobe")
int bench_recipe(struct pt_regs *ctx)
{
	__u32 number = bpf_get_attach_cookie(ctx);
	__u64 *count = bpf_map_lookup_elem(&hits, &number);
	struct goroutine who = { .pid = bpf_get_current_pid_tgid() >> 32, .g = ctx->r14 };
	__u64 now = bpf_ktime_get_ns();

	if (count)
		__sync_fetch_and_add(count, 1);
	if (!(number & RETURN)) {
		bpf_map_update_elem(&started, &who, &now, BPF_ANY);
		return 0;
	}
	__u64 *since = bpf_map_lookup_elem(&started, &who);
	if (!since)
		return 0;	/* entered before we came */
	__u32 bucket = (number & (RETURN - 1)) * BUCKETS + (logarithm(now - *since) & (BUCKETS - 1));
	bpf_map_delete_elem(&started, &who);
	count = bpf_map_lookup_elem(&durations, &bucket);
	if (count)
		__sync_fetch_and_add(count, 1);
	return 0;
}

char bench_license[] SEC("license") = "Dual BSD/GPL";
