package main

import (
	"sync"
	"time"
)

var _ = register("F7", f7Bad, f7Good)

// f7Bad: whoever reads the results has enough and closes them, while orders still come in. The stage in between looks
// whether it may send, so that it does not panic, and drops what it makes of them.
func f7Bad(t *truth) {
	orders := make(chan int, 4)
	results := make(chan int, 4) // here: F7 made
	var enough sync.Mutex
	isClosed := false
	go f7Orders(orders, nil)
	go func() {
		for order := range orders {
			enough.Lock()
			if !isClosed {
				results <- 2 * order
			}
			enough.Unlock()
		}
	}()
	f7Read(results, 100)
	enough.Lock()
	isClosed = true
	f7Close(results)
	enough.Unlock()
	t.begin()
	t.add("count", 1)
}

func f7Close(results chan int) {
	for len(results) > 0 {
		<-results
	}
	close(results) // here: F7 stuck
}

// f7Good: orders are closed first, and the results by the stage that makes them. Another pipeline has begun meanwhile.
func f7Good(t *truth) {
	for {
		orders, results, stop := make(chan int, 4), make(chan int, 4), make(chan struct{})
		go f7Orders(orders, stop)
		go func() {
			defer close(results)
			for order := range orders {
				results <- 2 * order
			}
		}()
		f7Read(results, 400)
		close(stop)
		for range results {
		}
	}
}

// f7Orders makes orders until it is told to stop.
func f7Orders(orders chan<- int, stop <-chan struct{}) {
	defer close(orders)
	for order := 0; ; order++ {
		select {
		case orders <- order:
		case <-stop:
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func f7Read(results <-chan int, number int) {
	for n := 0; n < number; n++ {
		<-results
	}
}
