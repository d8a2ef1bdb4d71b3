package main

/*
#cgo LDFLAGS: -lpthread
#include <pthread.h>
#include <stdint.h>

extern void goWait(int way);
extern void goAgain(int way);
extern void goSend(int number);

static void callWait(int way) { goWait(way); }
static void callAgain(int way) { goAgain(way); }
static void callSend(int number) { goSend(number); }

static void *onThread(void *way) { goWait((int)(intptr_t)way); return 0; }
static int startThread(int way) {
	pthread_t thread;
	return pthread_create(&thread, 0, onThread, (void *)(intptr_t)way);
}
*/
import "C"

func init() { kinds["callbacks"] = kind{parkInCallbacks, workInCallbacks} }

const (
	receives = iota
	sends
	selects
	never
)

var (
	called  = make(chan int)
	offered = make(chan string)
	stopped = make(chan bool)
	worked  chan int
)

// parkInCallbacks: Go called C called Go, which waits; Go called C called Go called C called Go, which waits; and C
// made threads that call Go, which waits.
func parkInCallbacks() int {
	for i := 0; i < 3; i++ {
		go func() { C.callWait(receives) }()
	}
	for i := 0; i < 2; i++ {
		go func() { C.callWait(sends) }()
	}
	go belowMore(5)
	go func() { C.callAgain(receives) }()
	go func() { C.callAgain(never) }()
	for i := 0; i < 2; i++ {
		if C.startThread(receives) != 0 {
			panic("no thread")
		}
	}
	if C.startThread(selects) != 0 {
		panic("no thread")
	}
	note("called", called, 0, 3+1+2)
	note("offered", offered, 2, 0)
	note("stopped", stopped, 0, 1+1)
	return 3 + 2 + 1 + 2 + 3
}

//go:noinline
func belowMore(depth int) int {
	if depth == 0 {
		C.callWait(selects)
		return 0
	}
	return belowMore(depth-1) + 1
}

//export goWait
func goWait(way C.int) {
	switch way {
	case receives:
		<-called
	case sends:
		offered <- "something"
	case selects:
		select {
		case <-stopped:
		case <-nothing:
		}
	case never:
		select {}
	}
}

var nothing chan int

//export goAgain
func goAgain(way C.int) { C.callWait(way) }

//export goSend
func goSend(number C.int) {
	for i := 0; i < int(number); i++ {
		worked <- i
	}
}

// workInCallbacks sends from Go code that C code called.
func workInCallbacks(number int) {
	worked = make(chan int)
	go func() { C.callSend(C.int(number)) }()
	receive(worked, number)
}
