// Command work runs one of three applications for ever, each as people write them: what they do between their channel
// operations is real work. It prints "READY", then obeys lines on standard input until that is closed:
//
//	run pipeline   orders are encoded, decoded, hashed and added up: three channels with a buffer of 64, a goroutine each
//	run fan-in     eight goroutines make up readings and hash them, and send them to one that adds them up: no buffer
//	run pool       blocks of 8 kB are handed to four workers, which wait in a select for one or for the end, compress it,
//	               and send on what that gave
//	count          prints how many items are through, and the nanoseconds of processor time of the process
//	trace on       Go's execution tracer writes, and all of it is thrown away; `trace off` ends that
//	block on       Go's block profile, of every block; `block off` ends that
//
// All but `count` answer OK.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/trace"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// through: items that have come out at the end.
var through atomic.Int64

func main() {
	fmt.Println("READY")
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		switch line := input.Text(); line {
		case "run pipeline":
			pipeline()
		case "run fan-in":
			fanIn()
		case "run pool":
			pool()
		case "count":
			fmt.Println(through.Load(), processorTime())
			continue
		case "trace on":
			if err := trace.Start(io.Discard); err != nil {
				panic(err)
			}
		case "trace off":
			trace.Stop()
		case "block on":
			runtime.SetBlockProfileRate(1)
		case "block off":
			runtime.SetBlockProfileRate(0)
		default:
			fmt.Fprintln(os.Stderr, "unknown:", line)
			os.Exit(2)
		}
		fmt.Println("OK")
	}
}

// processorTime is that of all threads, in the program and in the kernel.
func processorTime() int64 {
	const processCPUTime = 2 // CLOCK_PROCESS_CPUTIME_ID
	var now syscall.Timespec
	_, _, err := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, processCPUTime, uintptr(unsafe.Pointer(&now)), 0)
	if err != 0 {
		panic(err)
	}
	return now.Nano()
}
