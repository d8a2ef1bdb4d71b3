package main

import (
	"runtime"
	"time"
)

// panics: everything that the runtime forbids on closed and nil channels, recovered.
func panics(r *run) {
	for round := r.number(2, 4); round > 0; round-- {
		closed := counted(r, make(chan int, 2))
		full := counted(r, make(chan int))
		closed.close()
		full.close()
		for n := 1 + r.random.Intn(3); n > 0; n-- {
			expect(&closed.truth.closedTwice, func() { close(closed.c) })
			expect(&closed.truth.onClosed, func() { closed.c <- 1 })
			expect(&full.truth.onClosed, func() { full.c <- 1 })
			expect(&full.truth.onClosed, func() { full.trySend(1) })
			expect(&closed.truth.onClosed, func() { sendEither(closed, nil) })
			expect(&full.truth.onClosed, func() { sendOr(full) })
		}
		nothing := none[int](r)
		expect(&nothing.truth.nilClosings, func() { close(nothing.c) })
	}
	parkedSenders(r)
	r.finish()
}

// sendEither chooses between a channel and nothing.
func sendEither(c *channel[int], nothing chan int) {
	select {
	case c.c <- 1:
	case nothing <- 1:
	}
}

func sendOr(c *channel[int]) {
	var nothing chan int
	select {
	case c.c <- 1:
	case <-nothing:
	default:
	}
}

// parkedSenders are there when the close comes; what is in the buffer then can be received later.
func parkedSenders(r *run) {
	full := counted(r, make(chan int, 2))
	chosen := counted(r, make(chan int))
	full.send(1)
	full.send(2)
	for n := 1 + r.random.Intn(3); n > 0; n-- {
		r.start(func() { expect(&full.truth.onClosed, func() { full.c <- 1 }) })
		r.start(func() { expect(&chosen.truth.onClosed, func() { sendEither(chosen, nil) }) })
	}
	time.Sleep(20 * time.Millisecond) // for them to park; if one does not, the counts are the same
	full.close()
	chosen.close()
	r.finish()
	full.recvOK()
	full.recvOK()
	full.recvOK()
}

// A phase that dies notes the panic before it comes.

func dieSending(r *run) {
	closed := counted(r, make(chan int, 1))
	closed.close()
	closed.truth.onClosed.Add(1)
	r.last = func() { closed.send(1) }
}

func dieSelecting(r *run) {
	closed := counted(r, make(chan int))
	closed.close()
	closed.truth.onClosed.Add(1)
	r.last = func() { sendEither(closed, nil) }
}

func dieParked(r *run) {
	closed := counted(r, make(chan int))
	closed.truth.onClosed.Add(1)
	closed.closing()
	r.last = func() {
		go closed.send(1)
		time.Sleep(20 * time.Millisecond)
		close(closed.c)
		time.Sleep(time.Minute)
	}
}

func dieClosing(r *run) {
	closed := counted(r, make(chan int))
	closed.close()
	closed.truth.closedTwice.Add(1)
	r.last = func() { close(closed.c) }
}

func dieClosingNil(r *run) {
	nothing := none[int](r)
	nothing.truth.nilClosings.Add(1)
	r.last = func() {
		runtime.Gosched()
		close(nothing.c)
	}
}
