// Command blocked parks goroutines in every way the language has, and says what it did, so that a reader of its memory
// can be compared with the truth.
//
// It prints "pid N", then answers one command per line of standard input; each answer ends with a line "END".
//
//	channels     one line per channel: name, address, length, capacity, goroutines sending, receiving, closed, type
//	count        runtime.NumGoroutine
//	dump         runtime.Stack of all goroutines, the text of /debug/pprof/goroutine?debug=2
//	gc           one garbage collection
//	gcloop N     collects N times, pausing a millisecond in between, while everything stays parked
//	churn N      N goroutines pass values on for ever, some block for a moment: nothing stays as it is
//	finalizer    blocks the runtime's finalizer goroutine in a finalizer of ours
//	forget       makes a channel, says where it was, and forgets it
//	quit
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"
)

func main() {
	more := flag.Int("more", 0, "park this many more goroutines, each sending on a channel of its own")
	shared := flag.Int("shared", 0, "park this many more goroutines, in a select on two channels they share")
	crowd := flag.Int("crowd", 0, "park this many more goroutines, at five places on three channels")
	three := flag.Int("three", 0, "park this many more goroutines, each in a select of three cases")
	deep := flag.Int("deep", 0, "park this many more goroutines below -depth calls")
	depth := flag.Int("depth", 50, "how many")
	flag.Parse()

	started := runtime.NumGoroutine()
	parked := parkAll()
	parked += parkMore(*more) + parkShared(*shared)
	crowds := parkCrowd(*crowd) + parkThree(*three) + parkDeep(*deep, *depth)
	if crowds > 0 {
		awaitStill(started + parked + crowds)
	} else {
		awaitParked(started + parked)
	}
	fmt.Printf("pid %d\n", os.Getpid())

	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 {
			continue
		}
		if fields[0] == "quit" {
			return
		}
		answer(fields[0], argument(fields))
		fmt.Println("END")
	}
}

func argument(fields []string) int {
	if len(fields) < 2 {
		return 1
	}
	number, err := strconv.Atoi(fields[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	return number
}

func answer(command string, number int) {
	switch command {
	case "channels":
		printChannels()
	case "count":
		fmt.Println(runtime.NumGoroutine())
	case "dump":
		dump()
	case "gc":
		runtime.GC()
	case "gcloop":
		for i := 0; i < number; i++ {
			runtime.GC()
			time.Sleep(time.Millisecond)
		}
	case "churn":
		churn(number)
	case "finalizer":
		blockFinalizer()
	case "forget":
		forget()
	default:
		fmt.Fprintf(os.Stderr, "no such command: %s\n", command)
		os.Exit(2)
	}
}

func dump() {
	for size := 1 << 20; ; size *= 2 {
		text := make([]byte, size)
		if n := runtime.Stack(text, true); n < size {
			os.Stdout.Write(text[:n])
			fmt.Println()
			return
		}
	}
}

// awaitStill is awaitParked for crowds, whose dump takes seconds.
func awaitStill(want int) {
	runnable := []metrics.Sample{
		{Name: "/sched/goroutines/runnable:goroutines"},
		{Name: "/sched/goroutines/running:goroutines"},
	}
	for {
		time.Sleep(50 * time.Millisecond)
		metrics.Read(runnable)
		if runnable[0].Value.Kind() == metrics.KindBad { // before Go 1.26
			awaitParked(want)
			return
		}
		if runtime.NumGoroutine() >= want && runnable[0].Value.Uint64() == 0 && runnable[1].Value.Uint64() <= 1 {
			return
		}
	}
}

// awaitParked waits until no goroutine but this one is runnable or running, and all were started.
func awaitParked(want int) {
	text := make([]byte, 64<<20)
	for {
		time.Sleep(20 * time.Millisecond)
		if runtime.NumGoroutine() < want {
			continue
		}
		all := string(text[:runtime.Stack(text, true)])
		if !strings.Contains(all, " [runnable") && strings.Count(all, " [running") == 1 {
			return
		}
	}
}
