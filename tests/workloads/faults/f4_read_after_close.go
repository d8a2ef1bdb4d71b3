package main

import (
	"sync/atomic"
	"time"
)

var _ = register("F4", f4Bad, f4Good)

var f4Sum int64

// f4Bad: the worker does not look whether there was something to receive, and goes on adding zeros.
func f4Bad(t *truth) {
	prices := make(chan int, 4) // here: F4 made
	go func() {
		for {
			price := <-prices // here: F4 stuck
			atomic.AddInt64(&f4Sum, int64(price))
			if price == 0 {
				t.add("count", 1)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	f4Feed(prices)
	close(prices)
	t.begin()
}

// f4Good: it ends with the channel, and a new one begins. Whether the market is open is asked all the time by reading
// from a channel that was closed for that.
func f4Good(t *truth) {
	open := make(chan struct{})
	close(open)
	for {
		prices := make(chan int, 4)
		go f4Feed(prices)
		for price := range prices {
			atomic.AddInt64(&f4Sum, int64(price))
			for n := 0; n < 3; n++ {
				<-open
				time.Sleep(5 * time.Millisecond)
			}
			if price == 100 {
				close(prices)
			}
		}
	}
}

func f4Feed(prices chan<- int) {
	for price := 1; price <= 100; price++ {
		prices <- price
		time.Sleep(5 * time.Millisecond)
	}
}
