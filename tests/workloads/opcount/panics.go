package main

import (
	"math/rand"
	"reflect"
	"sync"
	"sync/atomic"
	"time"
)

// panicking: everything on closed and nil channels that panics; also sends that were parked when the close came, or
// came too late to be.
func panicking(random *rand.Rand, t *tally) {
	closed := make1(t, 1)
	close1(t, closed)
	other := make1(t, 0)
	repeat := func(count *atomic.Int64, f func()) {
		for n := 1 + random.Intn(20); n > 0; n-- {
			caught(count, f)
		}
	}
	repeat(&t.SendPanics, func() { closed <- 1 })
	repeat(&t.SendPanics, func() { trySend(closed, 1, t) })
	repeat(&t.SendPanics, func() { reflect.ValueOf(closed).Send(reflect.ValueOf(1)) })
	repeat(&t.SendPanics, func() { reflect.ValueOf(closed).TrySend(reflect.ValueOf(1)) })
	repeat(&t.SelectPanics, func() {
		select {
		case closed <- 1:
		case <-other:
		}
	})
	repeat(&t.SelectPanics, func() {
		select {
		case closed <- 1:
		case <-other:
		default:
		}
	})
	repeat(&t.ClosedPanics, func() { close1(t, closed) })
	repeat(&t.ClosedPanics, func() { reflect.ValueOf(closed).Close() })
	repeat(&t.NilPanics, func() { close1(t, nil) })
	repeat(&t.NilPanics, func() { reflect.ValueOf((chan int)(nil)).Close() })
	parked(random, t, other)
}

func parked(random *rand.Rand, t *tally, other chan int) {
	var wg sync.WaitGroup
	c := make1(t, 0)
	together(&wg, 1+random.Intn(20), func() { caught(&t.SendPanics, func() { c <- 1 }) })
	together(&wg, 1+random.Intn(20), func() {
		caught(&t.SelectPanics, func() {
			select {
			case c <- 1:
			case <-other:
			}
		})
	})
	time.Sleep(50 * time.Millisecond) // for them to park; the counts are the same when one does not
	close1(t, c)
	wg.Wait()
}

func caught(count *atomic.Int64, f func()) {
	defer func() {
		if recover() == nil {
			panic("that should have panicked")
		}
		count.Add(1)
	}()
	f()
}
