package main

import (
	"reflect"
	"runtime"
	"sync/atomic"
)

// racing: three goroutines close the same channel at the same time, of which one does, while two send to it. Nobody
// receives from a buffer meanwhile; what was left in it is received afterwards. Unbuffered ones have receivers.
func racing(r *run) {
	for round := r.number(30, 30); round > 0; round-- {
		left := counted(r, make(chan int, 1+r.random.Intn(16)))
		r.race(left, 0)
		left.truth.residue.Add(int64(len(left.c))) // as many as when it was closed: nobody has received, or can send
		left.rangeOver()
		r.race(counted(r, make(chan int)), 2)
	}
}

// served: the same on buffers from which somebody receives meanwhile. How much was left in them, and so how much was
// received later, the program cannot know; it says 0.
func served(r *run) {
	for round := r.number(30, 30); round > 0; round-- {
		r.race(counted(r, make(chan int, 1+r.random.Intn(16))), 1)
	}
}

// race begins as soon as all are there, and ends with a channel that is closed and, had it receivers, empty.
func (r *run) race(c *channel[int], receivers int) {
	const closers, senders = 3, 2
	var missing atomic.Int64
	missing.Store(closers + senders)
	begin := func() {
		for missing.Add(-1); missing.Load() > 0; {
			runtime.Gosched()
		}
	}
	for n := 0; n < closers; n++ {
		sooner, reflected := r.random.Intn(20), n == 0
		r.start(func() {
			begin()
			for ; sooner > 0; sooner-- {
				runtime.KeepAlive(sooner)
			}
			c.closeWithOthers(reflected)
		})
	}
	for n := 0; n < senders; n++ {
		first := n
		r.start(func() {
			begin()
			c.sendUntilClosed(first)
		})
	}
	for n := 0; n < receivers; n++ {
		r.start(func() {
			for range c.c {
				c.truth.recvOK.Add(1)
				runtime.Gosched() // so that something is left
			}
			c.got(false)
		})
	}
	r.finish()
}

// closeWithOthers notes afterwards whether it was the one that closed it.
func (c *channel[T]) closeWithOthers(reflected bool) {
	defer func() {
		if recover() != nil {
			c.truth.closedTwice.Add(1)
			return
		}
		c.truth.closes.Add(1)
		c.closed.Store(true)
	}()
	if reflected {
		reflect.ValueOf(c.c).Close()
	} else {
		close(c.c)
	}
}

// sendUntilClosed sends until that panics: one that waits is woken by the close.
func (c *channel[T]) sendUntilClosed(first int) {
	defer func() {
		if recover() == nil {
			panic("that should have panicked")
		}
		c.truth.onClosed.Add(1)
	}()
	var element T
	for i := first; ; i++ {
		if i%2 == 0 {
			c.send(element)
		} else {
			c.trySend(element)
		}
		if i%8 == 0 {
			runtime.Gosched() // there are more goroutines than processors
		}
	}
}
