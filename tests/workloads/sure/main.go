// Command sure passes numbered messages through channels of several kinds, all the time, and checks every one of them:
// that none is lost, doubled, out of order or changed, while its stacks move and its garbage is collected. It prints
// "READY", then obeys lines on standard input until that is closed:
//
//	count  prints how many messages have arrived, and "ok", or the first thing that was wrong
//	end    stops sending, waits until all has arrived, and prints the same
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	burst = 20 // messages between two rests of a lane
	rest  = time.Millisecond
)

type message struct {
	number uint64
	text   string // the number, on the heap
}

var (
	arrived  atomic.Uint64
	stopping atomic.Bool
	wrong    atomic.Value
	lanes    sync.WaitGroup
)

func main() {
	for _, lane := range []func(){handOver, buffer, choose, answer, closeIt, grow} {
		lanes.Add(1)
		go lane()
	}
	go func() {
		for range time.Tick(50 * time.Millisecond) {
			runtime.GC()
		}
	}()
	fmt.Println("READY")
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		if input.Text() == "end" {
			stopping.Store(true)
			lanes.Wait()
		}
		fmt.Println(arrived.Load(), verdict())
	}
}

func verdict() string {
	if first := wrong.Load(); first != nil {
		return first.(string)
	}
	return "ok"
}

func made(number uint64) message { return message{number, strconv.FormatUint(number, 10)} }

func check(lane string, expected uint64, got message) {
	if got.number != expected || got.text != strconv.FormatUint(expected, 10) {
		wrong.CompareAndSwap(nil, fmt.Sprintf("%s: %d %q instead of %d", lane, got.number, got.text, expected))
	}
	arrived.Add(1)
}

// count checks that everything sent has arrived, at the end of a lane.
func count(lane string, sent, received uint64) {
	if sent != received {
		wrong.CompareAndSwap(nil, fmt.Sprintf("%s: %d sent, %d received", lane, sent, received))
	}
	lanes.Done()
}

// pass sends numbers until it is time to stop, closes, and returns how many.
func pass(out chan<- message) uint64 {
	var sent uint64
	for !stopping.Load() {
		for i := 0; i < burst; i++ {
			out <- made(sent)
			sent++
		}
		time.Sleep(rest)
	}
	close(out)
	return sent
}

// drain receives until the channel is closed.
func drain(lane string, in <-chan message, sent func() uint64) {
	var received uint64
	for got := range in {
		check(lane, received, got)
		received++
	}
	count(lane, sent(), received)
}

func lane(name string, capacity int) {
	channel, sent := make(chan message, capacity), make(chan uint64, 1)
	go func() { sent <- pass(channel) }()
	drain(name, channel, func() uint64 { return <-sent })
}

func handOver() { lane("unbuffered", 0) }
func buffer()   { lane("buffered", 16) }

// choose sends on one of two channels, as it comes, and receives from either; the order of each is kept.
func choose() {
	even, odd, sent := make(chan message, 1), make(chan message), make(chan uint64, 1)
	go func() {
		var evens, odds uint64
		for !stopping.Load() {
			for i := 0; i < burst; i++ {
				select {
				case even <- made(evens):
					evens++
				case odd <- made(odds):
					odds++
				}
			}
			time.Sleep(rest)
		}
		close(even)
		close(odd)
		sent <- evens + odds
	}()
	var evens, odds uint64
	left, right := even, odd
	for left != nil || right != nil {
		select {
		case got, more := <-left:
			if !more {
				left = nil
				continue
			}
			check("select, first", evens, got)
			evens++
		case got, more := <-right:
			if !more {
				right = nil
				continue
			}
			check("select, second", odds, got)
			odds++
		}
	}
	count("select", <-sent, evens+odds)
}

type request struct {
	number uint64
	answer chan message
}

// answer makes a channel for each request.
func answer() {
	requests := make(chan request)
	go func() {
		for asked := range requests {
			asked.answer <- made(asked.number)
			close(asked.answer)
		}
	}()
	var sent, received uint64
	for !stopping.Load() {
		for i := 0; i < burst; i++ {
			asked := request{sent, make(chan message)}
			requests <- asked
			sent++
			check("answer", received, <-asked.answer)
			if _, more := <-asked.answer; !more {
				received++
			}
		}
		time.Sleep(rest)
	}
	close(requests)
	count("answers", sent, received)
}

// closeIt wakes a goroutine by closing, again and again.
func closeIt() {
	var closed, woken uint64
	for !stopping.Load() {
		for i := 0; i < burst; i++ {
			signal, seen := make(chan struct{}), make(chan message)
			go func(number uint64) {
				<-signal
				seen <- made(number)
			}(closed)
			runtime.Gosched()
			close(signal)
			check("close", closed, <-seen)
			closed++
			woken++
		}
		time.Sleep(rest)
	}
	count("closes", closed, woken)
}

// grow receives deeper and deeper in the stack, which is copied to a larger place while others wait on it.
func grow() {
	channel, sent := make(chan message), make(chan uint64, 1)
	go func() { sent <- pass(channel) }()
	var received uint64
	for {
		before := received
		done := make(chan uint64)
		go func() { done <- deeper(channel, before, 0) }()
		received = <-done
		if received == before {
			break
		}
	}
	count("growing stacks", <-sent, received)
}

func deeper(in <-chan message, expected uint64, depth int) uint64 {
	var frame [256]byte
	frame[depth] = byte(expected)
	got, more := <-in
	if more {
		check("growing stacks", expected, got)
		expected++
	}
	if more && depth < 200 {
		expected = deeper(in, expected, depth+1)
	}
	if frame[depth] != byte(expected) && frame[depth] == 0 && expected == 0 {
		panic("never: keeps the frame alive")
	}
	return expected
}
