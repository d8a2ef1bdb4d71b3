package main

import (
	"os"
	"sync"
	"time"
)

var (
	_ = register("F5", f5Bad, f5Good)
	_ = register("F5-send", f5SendBad, f5Good)
	_ = register("F5-dies", f5DiesBad, f5Good)
)

// f5Bad: two close the same channel, and whoever comes second hides it.
func f5Bad(t *truth) {
	for n := 0; n < 10; n++ {
		done := make(chan struct{}) // here: F5 made
		close(done)
		f5Guarded(func() {
			t.begin()
			t.add("count", 1)
			close(done) // here: F5 stuck
		})
		time.Sleep(3 * time.Second)
	}
}

// f5SendBad: results that come late are sent all the same.
func f5SendBad(t *truth) {
	for n := 0; n < 10; n++ {
		results := make(chan int, 1) // here: F5-send made
		close(results)
		f5Guarded(func() {
			t.begin()
			t.add("count", 1)
			results <- n // here: F5-send stuck
		})
		time.Sleep(3 * time.Second)
	}
}

// f5DiesBad: the program dies of it.
func f5DiesBad(t *truth) {
	time.Sleep(5 * time.Second)
	orders := make(chan int, 1) // here: F5-dies made
	close(orders)
	t.begin()
	t.add("count", 1)
	orders <- 1 // here: F5-dies stuck
}

// f5Good: who closes is settled by a Once; who is late looks first. Other panics are nobody's fault here.
func f5Good(t *truth) {
	for {
		done := make(chan struct{})
		var once sync.Once
		for n := 0; n < 2; n++ {
			once.Do(func() { close(done) })
		}
		results := make(chan int, 1)
		select {
		case <-done:
		default:
			results <- 1
		}
		f5Guarded(func() {
			if len(os.Args) > 0 {
				panic("send on closed channel") // only said
			}
		})
		time.Sleep(500 * time.Millisecond)
	}
}

func f5Guarded(do func()) {
	defer func() { _ = recover() }()
	do()
}
