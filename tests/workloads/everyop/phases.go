package main

import (
	"reflect"
	"runtime"
)

type large [200]byte

// blocking: senders and receivers of different numbers meet on unbuffered channels.
func blocking(r *run) {
	plain := counted(r, make(chan int))
	empty := counted(r, make(chan struct{}))
	pointers := counted(r, make(chan *int))
	big := counted(r, make(chan large))
	meet(r, plain, 1)
	meet(r, empty, struct{}{})
	meet(r, pointers, nil)
	meet(r, big, large{})
	r.finish()
}

func meet[T any](r *run, c *channel[T], element T) {
	senders, receivers, each := 1+r.random.Intn(4), 1+r.random.Intn(4), r.number(10, 40)
	for i := 0; i < senders; i++ {
		r.start(func() {
			for n := 0; n < receivers*each; n++ {
				c.send(element)
			}
		})
	}
	for i := 0; i < receivers; i++ {
		r.start(func() {
			for n := 0; n < senders*each; n++ {
				c.recv()
			}
		})
	}
}

// buffered: first what fits into the buffers, then as in blocking.
func buffered(r *run) {
	one := counted(r, make(chan int, 1))
	some := counted(r, make(chan string, 3+r.random.Intn(5)))
	many := counted(r, make(chan struct{}, 64))
	big := counted(r, make(chan large, 2))
	fillAndEmpty(r, one, 1)
	fillAndEmpty(r, some, "")
	fillAndEmpty(r, many, struct{}{})
	fillAndEmpty(r, big, large{})
	meet(r, one, 1)
	meet(r, some, "element")
	meet(r, many, struct{}{})
	meet(r, big, large{})
	r.finish()
	left := counted(r, make(chan int, 10)) // elements that nobody receives
	for n := 0; n < 3+r.random.Intn(5); n++ {
		left.send(n)
	}
}

func fillAndEmpty[T any](r *run, c *channel[T], element T) {
	for round := r.number(2, 5); round > 0; round-- {
		n := r.random.Intn(cap(c.c) + 1)
		for i := 0; i < n; i++ {
			c.send(element)
		}
		for i := 0; i < n; i++ {
			c.recv()
		}
	}
}

// ranging: over elements that come, and over those that were left when the channel was closed.
func ranging(r *run) {
	live := counted(r, make(chan int))
	r.start(live.rangeOver)
	for n := r.number(5, 20); n > 0; n-- {
		live.send(n)
	}
	live.close() // unbuffered: nothing is left
	for round := r.number(3, 5); round > 0; round-- {
		left := counted(r, make(chan string, 8))
		for n := r.random.Intn(9); n > 0; n-- {
			left.send("left")
		}
		left.close()
		left.rangeOver()
	}
	several := counted(r, make(chan int))
	for n := 2 + r.random.Intn(4); n > 0; n-- {
		r.start(several.rangeOver)
	}
	for n := r.number(5, 20); n > 0; n-- {
		several.send(n)
	}
	runtime.Gosched()
	several.close()
	r.finish()
}

// withOK: the second value of a receive, from open and closed channels.
func withOK(r *run) {
	for round := r.number(3, 5); round > 0; round-- {
		open := counted(r, make(chan int, 4))
		for n := r.random.Intn(5); n > 0; n-- {
			open.send(n)
			open.recvOK()
		}
		waiting := counted(r, make(chan int))
		r.start(func() { // parked, mostly, when the close comes
			for waiting.recvOK() {
			}
		})
		for n := r.random.Intn(5); n > 0; n-- {
			waiting.send(n)
		}
		waiting.close()
		for n := r.random.Intn(5); n > 0; n-- {
			waiting.recvOK()
		}
	}
	r.finish()
}

// nonBlocking: a select of one case with default compiles to selectnbsend and selectnbrecv.
func nonBlocking(r *run) {
	unbuffered := counted(r, make(chan int))
	for n := r.number(3, 9); n > 0; n-- {
		unbuffered.trySend(n)
		unbuffered.tryRecv()
	}
	full := counted(r, make(chan int, 3))
	for n := r.number(5, 9); n > 0; n-- {
		full.trySend(n)
	}
	for n := r.number(5, 9); n > 0; n-- {
		full.tryRecv()
	}
	parkedReceiver := counted(r, make(chan int)) // a try that hands over to one that waits
	r.start(parkedReceiver.recv)
	for !parkedReceiver.trySend(1) {
		runtime.Gosched()
	}
	parkedSender := counted(r, make(chan int))
	r.start(func() { parkedSender.send(1) })
	for !parkedSender.tryRecv() {
		runtime.Gosched()
	}
	closed := counted(r, make(chan int, 2))
	closed.send(1)
	closed.close()
	for n := r.number(3, 9); n > 0; n-- {
		closed.tryRecv()
	}
	r.finish()
}

// closedOnes: receives after the close; blocking ones take the lock, others need not. What was left is received or not.
func closedOnes(r *run) {
	for round := r.number(3, 5); round > 0; round-- {
		drained := counted(r, make(chan int, 8))
		left := counted(r, make(chan int, 8))
		partly := counted(r, make(chan int, 8))
		unbuffered := counted(r, make(chan int))
		for n := 2 + r.random.Intn(7); n > 0; n-- {
			drained.send(n)
			left.send(n)
			partly.send(n)
		}
		drained.close()
		left.close()
		partly.close()
		unbuffered.close()
		for drained.recvOK() {
		}
		partly.tryRecv()
		for n := r.random.Intn(6); n > 0; n-- {
			drained.recvOK()
			drained.tryRecv()
			unbuffered.recvOK()
			unbuffered.tryRecv()
			r.reflected(unbuffered)
		}
		selectClosed(drained, unbuffered)
	}
	parked := counted(r, make(chan int))
	for n := r.random.Intn(5); n > 0; n-- {
		r.start(func() { parked.recvOK() })
	}
	runtime.Gosched()
	parked.close()
	r.finish()
}

func (r *run) reflected(c *channel[int]) {
	_, ok := reflect.ValueOf(c.c).Recv()
	c.got(ok)
	_, ok = reflect.ValueOf(c.c).TryRecv()
	c.got(ok)
}

func selectClosed(a, b *channel[int]) {
	select {
	case _, ok := <-a.c:
		a.got(ok)
	case _, ok := <-b.c:
		b.got(ok)
	}
}

// nilOnes: what does not block on nil channels, and goroutines that are left behind for ever.
func nilOnes(r *run) {
	nothing := none[int](r)
	for n := r.number(2, 9); n > 0; n-- {
		nothing.trySend(n)
		nothing.tryRecv()
	}
	value := reflect.ValueOf(nothing.c)
	for n := r.number(2, 9); n > 0; n-- {
		if !value.TrySend(reflect.ValueOf(n)) {
			nothing.notSent()
		}
		if _, ok := value.TryRecv(); !ok {
			nothing.notGot()
		}
	}
	for n := r.number(2, 5); n > 0; n-- {
		expect(&nothing.truth.nilClosings, func() { close(nothing.c) })
		expect(&nothing.truth.nilClosings, func() { value.Close() })
	}
	r.leave(&r.sends, func() { nothing.c <- 1 })
	r.leave(&r.recvs, func() { <-nothing.c })
	r.leave(&r.all, func() { select {} })
	r.leave(&r.selects, func() {
		select {
		case nothing.c <- 1:
		case <-nothing.c:
		}
	})
}
