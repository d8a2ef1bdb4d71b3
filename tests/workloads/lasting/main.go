// Command lasting has goroutines that wait for as long as a tester likes. At the start two are stuck already, for longer
// than two seconds, and collections of garbage have seen them. It prints "READY", then obeys lines on standard input:
//
//	begin      the others begin to wait, and are parked when it answers
//	release    whoever waits in send, receive and choose goes on, and so does one worker of the pool
//	again      these three wait once more
//
// Each is answered with "DONE" on a line. Every goroutine waits in a function of its own, which says for what.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"
)

const workers = 30

var (
	before         = make(chan string)
	sent, received = make(chan int8), make(chan int16) // types of their own: they are told apart by these
	first, second  = make(chan int32), make(chan int64)
	jobs           = make(chan bool, 4)
	told           = make(chan os.Signal, 1)
	mutex          sync.Mutex
	never          chan int
	ctx, cancel    = context.WithCancel(context.Background())
)

func main() {
	go stuckBefore()
	time.Sleep(50 * time.Millisecond)
	runtime.GC() // each stamps who waits with the time of the one before (gcMark in src/runtime/mgc.go)
	runtime.GC()
	go stuckLater()
	time.Sleep(50 * time.Millisecond)
	runtime.GC()
	time.Sleep(2100 * time.Millisecond)
	fmt.Println("READY")
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		switch input.Text() {
		case "begin":
			begin()
		case "release":
			<-sent
			received <- 1
			second <- 1
			jobs <- true
		case "again":
			again()
		}
		time.Sleep(50 * time.Millisecond) // they have parked by now
		fmt.Println("DONE")
	}
}

func begin() {
	again()
	for range workers {
		go worker()
	}
	go nilReceive()
	go nothing()
	signal.Notify(told, syscall.SIGUSR1)
	mutex.Lock()
	for _, idle := range []func(){tick, deadline, signals, locked, sleeping, timed, timedSelect} {
		go idle()
	}
}

func again() {
	go send()
	go receive()
	go choose()
}

// What goes on until it is released, or for ever.

func stuckBefore() { before <- "nobody" }
func stuckLater()  { before <- "nobody" }
func send()        { sent <- 1 }
func receive()     { <-received }
func nilReceive()  { <-never }
func nothing()     { select {} }

func choose() {
	select {
	case <-first:
	case <-second:
	case <-ctx.Done():
	}
}

// worker takes one job after the other; between them it idles, by design.
func worker() {
	for range jobs {
	}
}

// What waits for a timer, a signal, a context or a lock: that is what these are for.

func tick() {
	for range time.Tick(time.Hour) {
	}
}

func deadline() { <-ctx.Done() }
func signals()  { <-told }
func locked()   { mutex.Lock() }
func sleeping() { time.Sleep(time.Hour) }
func timed()    { <-time.After(time.Hour) }

func timedSelect() {
	select {
	case <-first:
	case <-time.After(time.Hour):
	}
}
