package main

import (
	"sync"
	"time"
)

// Four workers are started by a helper, one of them slower than the others, and nobody closes. The twin has channels that look
// just like that for most of a minute: somebody who has not used them so far will.
var _ = register("F8-stragglers", func(t *truth) {
	lookedAt()
	found := make(chan int) // here: F8-stragglers made
	for i := 0; i < 4; i++ {
		startSearch(t, found, i)
	}
	for range found { // here: F8-stragglers stuck
	}
}, func(t *truth) {
	lookedAt()
	for _, shape := range []func(){lastIsSlow, limitedGroup, asyncPublish, lateFeeder, slowWithoutResult} {
		go func(shape func()) {
			for ; ; time.Sleep(time.Second) {
				shape()
			}
		}(shape)
	}
})

const straggling = 40 * time.Second

func startSearch(t *truth, found chan<- int, number int) {
	go func() {
		if number == 3 {
			time.Sleep(100 * time.Millisecond)
			t.add("goroutines", 1)
			t.begin()
		}
		found <- number
	}()
}

// lastIsSlow: all results but one are there; the last worker has not sent yet.
func lastIsSlow() {
	found := make(chan int)
	for i := 0; i < 4; i++ {
		go func(number int) {
			if number == 3 {
				time.Sleep(straggling)
			}
			found <- number
		}(i)
	}
	for i := 0; i < 4; i++ {
		<-found
	}
}

// limitedGroup: who starts the tasks waits for a slot; those who gave one back so far have exited.
func limitedGroup() {
	slots := make(chan struct{}, 2)
	start := func(pause time.Duration) {
		slots <- struct{}{}
		go func() {
			defer func() { <-slots }()
			time.Sleep(pause)
		}()
	}
	for i := 0; i < 2; i++ {
		start(0)
	}
	time.Sleep(100 * time.Millisecond)
	for i := 0; i < 3; i++ {
		start(straggling)
	}
}

// asyncPublish: each connection has its event published by a goroutine of its own, and both end.
func asyncPublish() {
	events := make(chan int)
	done := make(chan bool)
	go func() {
		for range events {
		}
		close(done)
	}()
	for i := 0; i < 2; i++ {
		go func() { go func() { events <- 1 }() }()
		time.Sleep(straggling / 2)
	}
	close(events)
	<-done
}

type feed struct{ jobs chan int }

// lateFeeder: who started the worker and its first feeder has ended; another one comes later.
func lateFeeder() {
	f := &feed{jobs: make(chan int)}
	go func() {
		go func() {
			for range f.jobs {
			}
		}()
		go func() { f.jobs <- 1 }()
	}()
	time.Sleep(straggling)
	f.jobs <- 2
	close(f.jobs)
}

// slowWithoutResult: the last worker has nothing to send, and then the channel is closed.
func slowWithoutResult() {
	found := make(chan int)
	var workers sync.WaitGroup
	for i := 0; i < 3; i++ {
		workers.Add(1)
		go func(number int) {
			defer workers.Done()
			if number == 0 {
				time.Sleep(straggling)
				return
			}
			found <- number
		}(i)
	}
	go func() {
		workers.Wait()
		close(found)
	}()
	for range found {
	}
}
