package main

import "time"

// Somebody asks and does not wait for the answer: who would give it waits for ever. The twin has room for the answer.
var _ = register("F1", func(t *truth) {
	for ; ; time.Sleep(500 * time.Millisecond) {
		ask(t, 0)
	}
}, func(t *truth) {
	for ; ; time.Sleep(500 * time.Millisecond) {
		ask(t, 1)
	}
})

func ask(t *truth, room int) {
	answer := make(chan int, room) // here: F1 made
	go func() {
		time.Sleep(20 * time.Millisecond)
		if room == 0 {
			t.add("goroutines", 1)
			t.begin()
		}
		answer <- 42 // here: F1 stuck
	}()
	select {
	case <-answer:
	case <-time.After(5 * time.Millisecond):
	}
}

// Many report to a channel that nobody reads; no more of them come. In the twin somebody reads.
var _ = register("F1-stuck", func(t *truth) {
	reports := make(chan int) // here: F1-stuck made
	for i := 0; i < 12; i++ {
		go report(reports)
	}
	told(t, 12)
}, func(t *truth) {
	reports := make(chan int)
	for i := 0; i < 12; i++ {
		go report(reports)
	}
	for range reports {
		time.Sleep(5 * time.Millisecond)
	}
})

func report(reports chan<- int) {
	for i := 0; ; i++ {
		reports <- i // here: F1-stuck stuck
		time.Sleep(200 * time.Millisecond)
	}
}

// A session starts who produces and who consumes, and the consumer has enough before the producer has done. The twin's
// consumers take all there is, and new sessions begin.
var _ = register("F1-abandoned", func(t *truth) {
	lookedAt()
	for i := 0; i < 2; i++ {
		go session(2)
	}
	time.Sleep(200 * time.Millisecond)
	told(t, 2)
}, func(t *truth) {
	for ; ; time.Sleep(500 * time.Millisecond) {
		go session(5)
	}
})

func session(enough int) {
	values := make(chan int) // here: F1-abandoned made
	go func() {
		for i := 0; i < 5; i++ {
			time.Sleep(10 * time.Millisecond)
			values <- i // here: F1-abandoned stuck
		}
	}()
	go func() {
		for i := 0; i < enough; i++ {
			<-values
		}
	}()
}

// A producer that would stop when it is told to, which nobody does. In the twin it is told.
var _ = register("F1-select", func(t *truth) {
	for ; ; time.Sleep(500 * time.Millisecond) {
		go first(t, false)
	}
}, func(t *truth) {
	for ; ; time.Sleep(500 * time.Millisecond) {
		go first(t, true)
	}
})

func first(t *truth, stops bool) {
	values := make(chan int) // here: F1-select made
	done := make(chan struct{})
	go func() {
		for i := 0; ; i++ {
			select { // here: F1-select stuck
			case values <- i:
			case <-done:
				return
			}
		}
	}()
	<-values
	if stops {
		close(done)
		return
	}
	t.add("goroutines", 1)
	t.begin()
}
