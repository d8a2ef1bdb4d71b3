// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* How published recipes look at Go's channels: at the entry of the function who called it, when, and the stack of the
 * caller, one record for each hit in a ring buffer that a process reads. Cookie: number of the function. */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>

#define LOST 63		/* in hits: hits for which there was no room */
#define FRAMES 64

struct event {
	__u64 time;
	__u64 goroutine;
	__u64 channel;
	__u32 pid;
	__u32 tid;
	__u32 function;
	__s32 bytes;	/* of the stack */
	__u64 stack[FRAMES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 64);
} hits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 25);
} events SEC(".maps");

static __always_inline void add(__u32 number)
{
	__u64 *count = bpf_map_lookup_elem(&hits, &number);
	if (count)
		__sync_fetch_and_add(count, 1);
}

SEC("uprobe")
int bench_stacks(struct pt_regs *ctx)
{
	__u32 number = bpf_get_attach_cookie(ctx);
	__u64 who = bpf_get_current_pid_tgid();
	struct event *event;

	add(number);
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		add(LOST);
		return 0;
	}
	event->time = bpf_ktime_get_ns();
	event->goroutine = ctx->r14;
	event->channel = ctx->rax;
	event->pid = who >> 32;
	event->tid = who;
	event->function = number;
	event->bytes = bpf_get_stack(ctx, event->stack, sizeof(event->stack), BPF_F_USER_STACK);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

char bench_license[] SEC("license") = "Dual BSD/GPL";
