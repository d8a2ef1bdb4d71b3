//go:build cgo

package main

/*
static int otherSched __asm__("runtime.sched") = 1;
static int otherAllp __asm__("runtime.allp") = 2;
static int otherGlen __asm__("runtime.allglen");
static __attribute__((noinline)) int otherChansend(int n) __asm__("runtime.chansend");
static __attribute__((noinline)) int otherSelectgo(int n) __asm__("runtime.selectgo");
static __attribute__((noinline)) int otherChansend(int n) { otherSched += n; otherGlen++; return otherSched; }
static __attribute__((noinline)) int otherSelectgo(int n) { otherAllp += n; return otherAllp + otherGlen; }
int others(int n) { return otherChansend(n) + otherSelectgo(n); }
void *chansendPlace(void) { return (void *)otherChansend; }
void *schedPlace(void) { return &otherSched; }
*/
import "C"

import "fmt"

func printOthers() {
	C.others(1)
	fmt.Println(uintptr(C.chansendPlace()))
	fmt.Println(uintptr(C.schedPlace()))
}
