// Command hammer does nothing but channel operations: what a budget must protect, and what a probe's cost is measured
// on. It prints "READY", then obeys lines on standard input until that is closed:
//
//	run                      operations and hand-overs for ever, in the background
//	count                    prints how many of them have been done, and the nanoseconds since the start
//	buffered N               N sends and N receives through a buffer, without ever blocking
//	handover N               N elements from goroutine to goroutine, each with one park and one wake
//	select N                 N selects that find an element in a buffer, and N sends that put it there
//	poll N                   N receives from an empty channel and N sends to a full one that do not block
//	make N                   N channels made
//	close N                  N channels made and closed
//	threads N                goes through buffers for a second in N goroutines, each on a thread of its own
//
// The last seven print the nanoseconds that they took.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

var done atomic.Int64

func main() {
	start := time.Now()
	fmt.Println("READY")
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		word, rest, _ := strings.Cut(input.Text(), " ")
		n, _ := strconv.Atoi(rest)
		switch word {
		case "run":
			go bufferedForEver()
			go handoverForEver()
			fmt.Println("RUNNING")
		case "count":
			fmt.Println(done.Load(), time.Since(start).Nanoseconds())
		default:
			begin := time.Now()
			loads[word](n)
			fmt.Println(time.Since(begin).Nanoseconds())
		}
	}
}

var loads = map[string]func(int){
	"buffered": buffered,
	"handover": handover,
	"select":   selected,
	"poll":     polled,
	"make":     made,
	"close":    closed,
	"threads":  threads,
}

func bufferedForEver() {
	queue := make(chan int, 1)
	for {
		for range 1000 {
			queue <- 1
			<-queue
		}
		done.Add(1000)
	}
}

func handoverForEver() {
	ball := make(chan int)
	go func() {
		for {
			ball <- 1
		}
	}()
	for {
		for range 1000 {
			<-ball
		}
		done.Add(1000)
	}
}

func buffered(n int) {
	queue := make(chan int, 1)
	for range n {
		queue <- 1
		<-queue
	}
}

func threads(n int) {
	var busy sync.WaitGroup
	for range n {
		busy.Add(1)
		go func() {
			defer busy.Done()
			runtime.LockOSThread()
			for start := time.Now(); time.Since(start) < time.Second; {
				buffered(1000)
			}
		}()
	}
	busy.Wait()
}

func handover(n int) {
	ball := make(chan int)
	go func() {
		for range n {
			ball <- 1
		}
		close(ball)
	}()
	for range ball {
	}
}

func selected(n int) {
	left, right := make(chan int, 1), make(chan int, 1)
	for range n {
		left <- 1
		select {
		case <-left:
		case <-right:
		}
	}
}

func polled(n int) {
	empty, full := make(chan int), make(chan int, 1)
	full <- 1
	for range n {
		select {
		case <-empty:
		default:
		}
		select {
		case full <- 1:
		default:
		}
	}
}

var sink chan int

func made(n int) {
	for range n {
		sink = make(chan int, 1)
	}
}

func closed(n int) {
	for range n {
		sink = make(chan int, 1)
		close(sink)
	}
}
