/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* One source for clang with libbpf and for BCC. BCC rewrites map use in the program text and cannot do so inside a
 * macro, so maps are reached through its placeholder descriptors, which it numbers -1, -2, ... in order of declaration:
 * each map has a FD_ number, and a test asserts the order. No read-only globals (BCC has none), no loop with a variable
 * bound, every identifier prefixed (BCC brings the kernel's headers). */
#ifndef PORTABLE_H
#define PORTABLE_H

#ifdef OC_BCC
#include <uapi/linux/ptrace.h>
#include <uapi/linux/bpf.h>
#define SEC(x)
#define LICENSE(x)
#define OC_R(c, kernel, user)       ((c)->kernel)
#define MAP_HASH(n, K, V, sz)       BPF_TABLE("hash", K, V, n, sz)
#define MAP_HASH_LAZY(n, K, V, sz)  BPF_F_TABLE("hash", K, V, n, sz, BPF_F_NO_PREALLOC)
#define MAP_LRU(n, K, V, sz)        BPF_TABLE("lru_hash", K, V, n, sz)
#define MAP_ARRAY(n, V, sz)         BPF_TABLE("array", u32, V, n, sz)
#define MAP_RING(n, bytes)          BPF_RINGBUF_OUTPUT(n, (bytes) / 4096)
#define MAP_QUEUE(n, V, sz)         BPF_QUEUE(n, V, sz)
#define OC_MAP(m)                   bpf_pseudo_fd(1, FD_##m)
#define MAP_LOOKUP(m, k)            bpf_map_lookup_elem_(OC_MAP(m), k)
#define MAP_INSERT(m, k, v)         bpf_map_update_elem_(OC_MAP(m), k, v, BPF_NOEXIST)
#define MAP_UPDATE(m, k, v)         bpf_map_update_elem_(OC_MAP(m), k, v, BPF_ANY)
#define MAP_POP(m, v)               bpf_map_pop_elem((void *)OC_MAP(m), v)
#define RING_RESERVE(m, sz)         bpf_ringbuf_reserve((void *)OC_MAP(m), sz, 0)
#else
#include <linux/types.h>
typedef __u64 u64;
typedef __u32 u32;
typedef __u16 u16;
typedef __u8 u8;
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <bpf/bpf_helpers.h>
#define LICENSE(x) char oc_license[] SEC("license") = x;
#define OC_R(c, kernel, user)       ((c)->user)
#define MAP_DEF(n, T, K, V, sz, F)  struct { __uint(type, T); __type(key, K); __type(value, V); \
	__uint(max_entries, sz); __uint(map_flags, F); } n SEC(".maps")
#define MAP_HASH(n, K, V, sz)       MAP_DEF(n, BPF_MAP_TYPE_HASH, K, V, sz, 0)
#define MAP_HASH_LAZY(n, K, V, sz)  MAP_DEF(n, BPF_MAP_TYPE_HASH, K, V, sz, BPF_F_NO_PREALLOC)
#define MAP_LRU(n, K, V, sz)        MAP_DEF(n, BPF_MAP_TYPE_LRU_HASH, K, V, sz, 0)
#define MAP_ARRAY(n, V, sz)         MAP_DEF(n, BPF_MAP_TYPE_ARRAY, u32, V, sz, 0)
#define MAP_RING(n, bytes)          struct { __uint(type, BPF_MAP_TYPE_RINGBUF); \
	__uint(max_entries, bytes); } n SEC(".maps")
#define MAP_QUEUE(n, V, sz)         struct { __uint(type, BPF_MAP_TYPE_QUEUE); __type(value, V); \
	__uint(max_entries, sz); } n SEC(".maps")
#define MAP_LOOKUP(m, k)            bpf_map_lookup_elem(&m, k)
#define MAP_INSERT(m, k, v)         bpf_map_update_elem(&m, k, v, BPF_NOEXIST)
#define MAP_UPDATE(m, k, v)         bpf_map_update_elem(&m, k, v, BPF_ANY)
#define MAP_POP(m, v)               bpf_map_pop_elem(&m, v)
#define RING_RESERVE(m, sz)         bpf_ringbuf_reserve(&m, sz, 0)
#endif

#define OC_INLINE static __attribute__((always_inline)) inline

/* One load from the context each, kept apart: the compiler would merge the loads into one through a computed pointer,
 * which the verifier refuses ("dereference of modified ctx ptr"). */
#define OC_CASE(number, expression) \
	case number: { u64 value = expression; asm volatile("# register " #number : "+r"(value)); return value; }

#ifdef __TARGET_ARCH_arm64
/* Compiled by the tests, never run so far. The context is struct user_pt_regs (arch/arm64/include/uapi/asm/ptrace.h).
 * Register numbers: x0 to x30 by their number, sp 31. */
struct oc_registers {
	u64 x[31];
	u64 sp, pc, pstate;
};
#define OC_X(c, number) (((struct oc_registers *)(c))->x[number])
#define OC_RSP 31	/* register of a site whose channel is in the stack slot at sp + frame */
#define OC_SP(c)    (((struct oc_registers *)(c))->sp)
#define OC_IP(c)    (((struct oc_registers *)(c))->pc)
OC_INLINE u64 oc_register(struct pt_regs *ctx, u32 number)
{
	switch (number) {
	OC_CASE(0, OC_X(ctx, 0))
	OC_CASE(1, OC_X(ctx, 1))
	OC_CASE(2, OC_X(ctx, 2))
	OC_CASE(3, OC_X(ctx, 3))
	OC_CASE(4, OC_X(ctx, 4))
	OC_CASE(5, OC_X(ctx, 5))
	OC_CASE(6, OC_X(ctx, 6))
	OC_CASE(7, OC_X(ctx, 7))
	OC_CASE(8, OC_X(ctx, 8))
	OC_CASE(9, OC_X(ctx, 9))
	OC_CASE(20, OC_X(ctx, 20))
	OC_CASE(26, OC_X(ctx, 26))
	OC_CASE(27, OC_X(ctx, 27))
	OC_CASE(28, OC_X(ctx, 28))
	OC_CASE(29, OC_X(ctx, 29))
	OC_CASE(31, OC_SP(ctx))
	}
	return 0;	/* the planner names no other (otelchan/gobinary/arm64/lift.py, ROLES) */
}

/* N, Z, C and V are bits 31 to 28; C is set where x86's CF, a borrow, is not. In the bits of x86's flags. */
OC_INLINE u64 oc_flags(struct pt_regs *ctx)
{
	u64 pstate = ((struct oc_registers *)ctx)->pstate;
	return ((pstate >> 30 & 1) << 6) | (pstate >> 29 & 1 ? 0 : 1);
}

#define OC_BP(c)    OC_X(c, 29)
#define OC_AX(c)    OC_X(c, 0)	/* Go's first and second argument, and the closure's context */
#define OC_BX(c)    OC_X(c, 1)
#define OC_DX(c)    OC_X(c, 26)
#define OC_FLAGS(c) oc_flags(c)
#define OC_G(c)     OC_X(c, 28)	/* Go's ABIInternal keeps the current g in x28 */
/* A function with a frame keeps its return address at sp, and passes arguments on the stack above that slot. */
#define OC_RETURN_WORD(frame) 0
#define OC_STACK_ARGUMENT     1
#else
/* Register numbers are those of the x86-64 instruction encoding: rax 0, rcx 1, rdx 2, rbx 3, rsp 4, rbp 5, rsi 6,
 * rdi 7, r8 to r15. */
OC_INLINE u64 oc_register(struct pt_regs *ctx, u32 number)
{
	switch (number) {
	OC_CASE(0, OC_R(ctx, ax, rax))
	OC_CASE(1, OC_R(ctx, cx, rcx))
	OC_CASE(2, OC_R(ctx, dx, rdx))
	OC_CASE(3, OC_R(ctx, bx, rbx))
	OC_CASE(4, OC_R(ctx, sp, rsp))
	OC_CASE(5, OC_R(ctx, bp, rbp))
	OC_CASE(6, OC_R(ctx, si, rsi))
	OC_CASE(7, OC_R(ctx, di, rdi))
	OC_CASE(8, ctx->r8)
	OC_CASE(9, ctx->r9)
	OC_CASE(10, ctx->r10)
	OC_CASE(11, ctx->r11)
	OC_CASE(12, ctx->r12)
	OC_CASE(13, ctx->r13)
	OC_CASE(14, ctx->r14)
	OC_CASE(15, ctx->r15)
	}
	return 0;
}

#define OC_IP(c)    OC_R(c, ip, rip)
#define OC_SP(c)    OC_R(c, sp, rsp)
#define OC_BP(c)    OC_R(c, bp, rbp)
#define OC_AX(c)    OC_R(c, ax, rax)
#define OC_BX(c)    OC_R(c, bx, rbx)
#define OC_DX(c)    OC_R(c, dx, rdx)
#define OC_FLAGS(c) OC_R(c, flags, eflags)
#define OC_G(c)     ((c)->r14)	/* Go's ABIInternal keeps the current g in r14 */
/* Words from the stack pointer up: of the return address, given the frame in bytes, and of a call's stack arguments. */
#define OC_RETURN_WORD(frame) ((frame) >> 3)
#define OC_STACK_ARGUMENT     0
#endif

#endif
