// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Nothing: what a trap costs by itself. */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>

SEC("uprobe")
int bench_empty(struct pt_regs *ctx)
{
	return 0;
}

char bench_license[] SEC("license") = "Dual BSD/GPL";
