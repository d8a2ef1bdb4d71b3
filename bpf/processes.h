/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Processes that share the probes of their executable file, so that one that starts later is seen from its first make.
 * A probe of a file fires in every process that runs it; which target that is, `processes` says. A process is born where
 * the runtime begins, before it has a channel: it takes a free target, and user space, told at once, reads who it is.
 * Process ids are those of the initial pid namespace, because that is all that the kernel gives here: an agent that
 * lives in another one attaches to processes only. */
#ifndef PROCESSES_H
#define PROCESSES_H

/* Two paths of one file (overlayfs) have their probes in the same place, so that one birth is seen twice, by one trap. */
#define OC_TWIN_NS 1000000000ULL

OC_INLINE int oc_is_twin(struct oc_process *before, struct oc_process *now)
{
	return before && before->file != now->file && before->sp == now->sp && now->born - before->born < OC_TWIN_NS;
}

/* OC_NOBODY: not watched, or not by this file's probes. */
OC_INLINE u32 oc_target_of_process(u32 file)
{
	u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct oc_process *p = MAP_LOOKUP(processes, &pid);
	return p && p->file == file ? p->target : OC_NOBODY;
}

OC_INLINE void oc_missed(u32 file)
{
	u64 *number = MAP_LOOKUP(missed, &file);
	if (number)
		__sync_fetch_and_add(number, 1);
}

/* Everything that holds an address of the code: user space does the same in kernel/target.py, and a test compares. */
OC_INLINE void oc_move(struct oc_target *t, u64 bias)
{
	t->selectgo_low += bias;
	t->selectgo_high += bias;
	t->reflect_close_low += bias;
	t->reflect_close_high += bias;
	t->runtime_low += bias;
	t->runtime_high += bias;
	t->reflect_low += bias;
	t->reflect_high += bias;
	for (int i = 0; i < OC_SKIPS; i++) {
		t->skip_low[i] += bias;
		t->skip_high[i] += bias;
	}
}

OC_INLINE int oc_on_birth(struct pt_regs *ctx, u32 file)
{
	u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct oc_process born = { .target = OC_NOBODY, .file = file, .born = bpf_ktime_get_ns(), .sp = OC_SP(ctx) };
	struct oc_file *f = MAP_LOOKUP(files, &file);
	struct oc_process *before = MAP_LOOKUP(processes, &pid);
	if (!f || oc_is_twin(before, &born))
		return 0;
	u64 bias = OC_IP(ctx) - f->birth;
	struct oc_birth *b = RING_RESERVE(births, sizeof(struct oc_birth));
	if (b) {
		u32 target = OC_NOBODY;
		if (!MAP_POP(vacant, &target)) {
			struct oc_target *t = MAP_LOOKUP(targets, &target);
			if (t) {
				*t = f->as;
				oc_move(t, bias);
				born.target = target;
			}
		}
	}
	/* Also who is not watched is written down: the id may have been somebody else's. */
	long full = MAP_UPDATE(processes, &pid, &born);
	if (!b || full)
		oc_missed(file);
	if (!b)
		return 0;
	b->time = born.born;
	b->bias = bias;
	b->pid = pid;
	b->target = born.target;
	b->file = file;
	b->pad = 0;
	bpf_ringbuf_submit(b, 0);
	return 0;
}

#endif
