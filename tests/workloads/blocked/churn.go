package main

import (
	"fmt"
	"runtime"
	"time"
)

// link is what two neighbours in a ring have in common.
type link struct{ a, b chan int }

// churn never ends: two values run around a ring of goroutines, each of which parks at four places that differ only in
// their line and channel; as many more sleep and wake. Their stacks grow and are shrunk by the collector.
func churn(count int) {
	first := link{make(chan int), make(chan int)}
	previous := first
	for i := 0; i < count; i++ {
		following := link{make(chan int), make(chan int)}
		go passOn(previous, following)
		previous = following
	}
	go passOn(previous, first)
	first.a <- 1
	first.b <- 2
	for i := 0; i < count; i++ {
		go func() {
			for {
				time.Sleep(50 * time.Microsecond)
				growAndShrink(30)
			}
		}()
	}
}

func passOn(from, to link) {
	for {
		first := <-from.a
		growAndShrink(first % 50)
		to.a <- first + 1
		second := <-from.b
		growAndShrink(second % 50)
		to.b <- second + 1
	}
}

func growAndShrink(depth int) int {
	var room [256]byte
	if depth == 0 {
		return 0
	}
	room[depth] = 1
	return growAndShrink(depth-1) + int(room[depth])
}

// blockFinalizer parks the goroutine that runs finalizers.
func blockFinalizer() {
	running := make(chan bool)
	blocked := make(chan bool)
	func() {
		runtime.SetFinalizer(&Price{1}, func(*Price) {
			close(running)
			<-blocked
		})
	}()
	for {
		runtime.GC()
		select {
		case <-running:
			time.Sleep(20 * time.Millisecond)
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// forget makes channels, uses them, prints where they were and lets the collector have them.
func forget() {
	for i := 0; i < 100; i++ {
		fmt.Printf("%p\n", forgotten())
	}
	runtime.GC()
	runtime.GC()
}

//go:noinline
func forgotten() chan Pair[uint8, uint8] {
	channel := make(chan Pair[uint8, uint8])
	go func() { channel <- Pair[uint8, uint8]{} }()
	<-channel
	return channel
}
