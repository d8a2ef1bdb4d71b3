package main

import "time"

const (
	f10Service = 50 * time.Millisecond // what the consumer takes for an element: 20 a second
	f10Clients = 60
)

type f10Order struct{ id int }

var (
	_ = register("F10", f10Saturated, f10KeepsUp)
	_ = register("F10-unbuffered", f10Unbuffered, f10Handover)
)

// f10Saturated has a queue.
func f10Saturated(t *truth) {
	orders := make(chan f10Order, 8) // here: F10 made
	f10Slow(t, orders)
}

// f10Unbuffered has none.
func f10Unbuffered(t *truth) {
	orders := make(chan f10Order) // here: F10-unbuffered made
	f10Slow(t, orders)
}

// f10Slow has a consumer that is always busy, and clients who want more than it can do: as soon as one of them is served
// there is another one. All of them get through, after three seconds.
func f10Slow(t *truth, orders chan f10Order) {
	f10Burst(orders, f10Clients)
	t.add("count", f10Clients) // in the buffer or waiting
	t.begin()
	for range orders {
		f10Burst(orders, 1)
		time.Sleep(f10Service)
	}
}

// f10KeepsUp has a queue too.
func f10KeepsUp(*truth) { f10Quick(make(chan f10Order, 8)) }

// f10Handover has none either.
func f10Handover(*truth) { f10Quick(make(chan f10Order)) }

// f10Quick has the same requests and more, in bursts, and a consumer that is quick enough: some wait for a moment, and
// then nobody does.
func f10Quick(orders chan f10Order) {
	go func() {
		for range orders {
			time.Sleep(f10Service / 5)
		}
	}()
	for id := 0; ; id++ {
		if id%20 == 0 {
			f10Burst(orders, 40)
		}
		f10Burst(orders, 1)
		time.Sleep(time.Second / 21)
	}
}

func f10Burst(orders chan<- f10Order, requests int) {
	for i := 0; i < requests; i++ {
		go f10Request(orders, i) // here: F10 started
	}
}

func f10Request(orders chan<- f10Order, id int) {
	orders <- f10Order{id} // here: F10 stuck
}
