// Command load does a number of operations when told to, and says how long they took: what `make bench` measures on.
// It prints "READY <Go version> <GOMAXPROCS>", then obeys lines on standard input until that is closed:
//
//	compute N   N steps of arithmetic, and no channel
//	buffered N  N sends and N receives through a buffer, in one goroutine that never blocks
//	handoff N   N elements from goroutine to goroutine and back: each waits once, on one side. N is even
//	select N    N selects of two channels that both have an element
//	default N   N of the same, with a default branch that is not taken
//	make N      N channels made
//	close N     N channels made and closed
//	closed N    N receives from a closed channel
//	try N       N sends that would block, and do not
//	none N      N selects of two channels that both have no element, with a default branch, which is taken
//	again N     N closes of a closed channel, and what it takes to recover from the panic
//	spawn N     N goroutines started, each of which ends at once
//	pace N      from now on N elements through a buffer and N handed over in each second, in bursts every 10 ms
//	tracing N   1: from now on Go's execution tracer is on, and writes to /dev/null. 0: it is off
//	blocking N  1: from now on the block profile is on, for every event. 0: it is off
//
// Each prints nanoseconds: what the operations took; the processor time that they took, which does not grow when others
// use the processor as well; and what all of it took, with what is needed around them. That is observed, too, by whoever
// traces the program: after `select` and `default` each element that was taken has been sent again.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/trace"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// chunk: selects between two refills. Both channels still have an element at the last, but for one time in 2^1023.
const chunk = 1024

// settle: after this time the other goroutine waits again, so that no operation of one batch is observed in the next.
const settle = time.Millisecond

var (
	sink        uint64
	ended       atomic.Int64
	made        chan int
	queue       = make(chan int, 1)
	ping        = make(chan int)
	pong        = make(chan int)
	left, right = make(chan int, chunk), make(chan int, chunk)
	gone        = make(chan int)
	dead        = make(chan int)
)

// stopwatch adds up what lies between start and stop, in time and in processor time of this process.
type stopwatch struct {
	elapsed   time.Duration
	processor int64
	begin     time.Time
	before    int64
}

func (w *stopwatch) start() {
	w.begin, w.before = time.Now(), processorTime()
}

func (w *stopwatch) stop() {
	w.processor += processorTime() - w.before
	w.elapsed += time.Since(w.begin)
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

func main() {
	debug.SetGCPercent(-1) // a collection would be noise, and it makes channels of its own
	go func() {
		for v := range ping {
			pong <- v
		}
	}()
	close(gone)
	refill()
	handoff(2, new(stopwatch))
	for !otherWaits() { // as it does before and after every batch
		time.Sleep(settle)
	}
	fmt.Println("READY", runtime.Version(), runtime.GOMAXPROCS(0))
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		word, rest, _ := strings.Cut(input.Text(), " ")
		n, err := strconv.Atoi(rest)
		if err != nil || loads[word] == nil {
			fmt.Fprintln(os.Stderr, "unknown:", input.Text())
			os.Exit(2)
		}
		var watch stopwatch
		begin := time.Now()
		loads[word](n, &watch)
		whole := time.Since(begin)
		time.Sleep(settle)
		fmt.Println(watch.elapsed.Nanoseconds(), watch.processor, whole.Nanoseconds())
	}
}

// otherWaits tells whether the goroutine that answers hand-overs has parked.
func otherWaits() bool {
	stacks := make([]byte, 1<<16)
	return strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), " [chan receive")
}

var loads = map[string]func(int, *stopwatch){
	"compute":  compute,
	"buffered": buffered,
	"handoff":  handoff,
	"select":   selected,
	"default":  withDefault,
	"make":     makes,
	"close":    closes,
	"closed":   receiveClosed,
	"try":      tries,
	"none":     chooseNone,
	"again":    closesAgain,
	"spawn":    spawn,
	"pace":     pace,
	"tracing":  tracing,
	"blocking": blocking,
}

func compute(n int, watch *stopwatch) {
	watch.start()
	x := sink | 1
	for range n {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	sink = x
	watch.stop()
}

func buffered(n int, watch *stopwatch) {
	watch.start()
	for range n {
		queue <- 1
		<-queue
	}
	watch.stop()
}

func handoff(n int, watch *stopwatch) {
	watch.start()
	for range n / 2 {
		ping <- 1
		<-pong
	}
	watch.stop()
}

func selected(n int, watch *stopwatch) {
	inChunks(n, watch, func(count int) {
		for range count {
			select {
			case <-left:
			case <-right:
			}
		}
	})
}

func withDefault(n int, watch *stopwatch) {
	inChunks(n, watch, func(count int) {
		for range count {
			select {
			case <-left:
			case <-right:
			default:
				panic("the default branch was taken")
			}
		}
	})
}

func inChunks(n int, watch *stopwatch, do func(int)) {
	for n > 0 {
		count := min(n, chunk)
		watch.start()
		do(count)
		watch.stop()
		refill()
		n -= count
	}
}

func refill() {
	for len(left) < chunk {
		left <- 1
	}
	for len(right) < chunk {
		right <- 1
	}
}

func makes(n int, watch *stopwatch) {
	watch.start()
	for range n {
		made = make(chan int, 1)
	}
	watch.stop()
}

func closes(n int, watch *stopwatch) {
	watch.start()
	for range n {
		made = make(chan int, 1)
		close(made)
	}
	watch.stop()
}

func receiveClosed(n int, watch *stopwatch) {
	watch.start()
	for range n {
		<-gone
	}
	watch.stop()
}

func tries(n int, watch *stopwatch) {
	watch.start()
	for range n {
		select {
		case dead <- 1:
			panic("somebody receives")
		default:
		}
	}
	watch.stop()
}

func chooseNone(n int, watch *stopwatch) {
	watch.start()
	for range n {
		select {
		case <-dead:
			panic("somebody sends")
		case dead <- 1:
			panic("somebody receives")
		default:
		}
	}
	watch.stop()
}

func closesAgain(n int, watch *stopwatch) {
	watch.start()
	for range n {
		closeAgain()
	}
	watch.stop()
}

func closeAgain() {
	defer func() {
		if recover() == nil {
			panic("it was open")
		}
	}()
	close(gone)
}

func spawn(n int, watch *stopwatch) {
	ended.Store(0)
	watch.start()
	for range n {
		go ends()
		runtime.Gosched()
	}
	for ended.Load() != int64(n) {
		runtime.Gosched()
	}
	watch.stop()
}

func ends() {
	ended.Add(1)
}

func tracing(n int, watch *stopwatch) {
	if n == 0 {
		trace.Stop()
		return
	}
	nowhere, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err == nil {
		err = trace.Start(nowhere)
	}
	if err != nil {
		panic(err)
	}
}

func blocking(n int, watch *stopwatch) {
	runtime.SetBlockProfileRate(n)
}

func pace(n int, watch *stopwatch) {
	ball, buffer := make(chan int), make(chan int, 1)
	go func() {
		for range ball {
		}
	}()
	go func() {
		for range time.Tick(10 * time.Millisecond) {
			for range n / 100 {
				ball <- 1
				buffer <- 1
				<-buffer
			}
		}
	}()
}
