package main

import (
	"math/rand"
	"reflect"
	"runtime"
	"sync"
	"time"
)

var capacities = []int{0, 1, 4, 64}

// make1 counts what it makes.
func make1(t *tally, capacity int) chan int {
	t.Makes.Add(1)
	return make(chan int, capacity)
}

// close1 counts what it closes, if it does.
func close1(t *tally, c chan int) {
	close(c)
	t.Closes.Add(1)
}

// blocking: senders and receivers of different numbers on channels of every capacity; nothing is closed.
func blocking(random *rand.Rand, t *tally) {
	var wg sync.WaitGroup
	for _, capacity := range capacities {
		c := make1(t, capacity)
		senders, receivers, each := 1+random.Intn(5), 1+random.Intn(5), 200+random.Intn(300)
		together(&wg, senders, func() {
			for i := 0; i < receivers*each; i++ {
				c <- i
				t.Sends.Add(1)
			}
		})
		together(&wg, receivers, func() {
			for i := 0; i < senders*each; i++ {
				<-c
				t.Recvs.Add(1)
			}
		})
	}
	wg.Wait()
}

// locked: senders and receivers that all have a thread of their own at the same time, more than there were before.
func locked(random *rand.Rand, t *tally) {
	const pairs = 32
	c, each := make1(t, 0), 20+random.Intn(80)
	var wg, ready sync.WaitGroup
	ready.Add(2 * pairs)
	onThread := func(f func()) func() {
		return func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread() // else the thread would end with it
			ready.Done()
			ready.Wait()
			f()
		}
	}
	together(&wg, pairs, onThread(func() {
		for i := 0; i < each; i++ {
			c <- i
			t.Sends.Add(1)
		}
	}))
	together(&wg, pairs, onThread(func() {
		for i := 0; i < each; i++ {
			<-c
			t.Recvs.Add(1)
		}
	}))
	wg.Wait()
}

// closing: receives from closed channels in all forms, some parked when the close comes, some from what was left.
func closing(random *rand.Rand, t *tally) {
	for round := 50 + random.Intn(50); round > 0; round-- {
		var wg sync.WaitGroup
		c := make1(t, capacities[random.Intn(len(capacities))])
		together(&wg, random.Intn(4), func() {
			for range c { // ends by one receive of the zero value
				t.Recvs.Add(1)
			}
			t.RecvsClosed.Add(1)
		})
		for left := random.Intn(cap(c) + 1); left > 0; left-- {
			c <- 1
			t.Sends.Add(1)
		}
		if random.Intn(2) == 0 {
			runtime.Gosched()
		}
		close1(t, c)
		together(&wg, random.Intn(4), func() { receiveFromClosed(c, t) })
		wg.Wait()
	}
}

func receiveFromClosed(c chan int, t *tally) {
	note := func(ok bool) {
		if ok {
			t.Recvs.Add(1)
		} else {
			t.RecvsClosed.Add(1)
		}
	}
	for i := 0; i < 5; i++ {
		_, ok := <-c
		note(ok)
		select {
		case _, ok = <-c: // asks for no element
			note(ok)
		default:
			panic("a closed channel is always ready")
		}
		var element int
		select {
		case element, ok = <-c:
			note(ok)
			runtime.KeepAlive(element)
		default:
			panic("a closed channel is always ready")
		}
		_, ok = reflect.ValueOf(c).Recv()
		note(ok)
		_, ok = reflect.ValueOf(c).TryRecv()
		note(ok)
	}
}

// making: channels made in every way there is, and closed.
func making(random *rand.Rand, t *tally) {
	for round := 20 + random.Intn(100); round > 0; round-- {
		size := random.Int63n(5)
		made := []chan int{make1(t, 0), make1(t, int(size)), generic[int](t), reflected(t, int(size))}
		t.Makes.Add(3)
		made = append(made, make(chan int), make(chan int, 7), make(chan int, size))
		for _, c := range made {
			close1(t, c)
		}
	}
}

func generic[T any](t *tally) chan T {
	t.Makes.Add(1)
	return make(chan T, 2)
}

func reflected(t *tally, capacity int) chan int {
	t.Makes.Add(1)
	return reflect.MakeChan(reflect.TypeOf((chan int)(nil)), capacity).Interface().(chan int)
}

// forEver leaves goroutines behind that nobody can wake.
func forEver(random *rand.Rand, t *tally) {
	var none chan int
	var started sync.WaitGroup
	leave := func(n int, count interface{ Add(int64) int64 }, f func()) {
		count.Add(int64(n))
		together(&started, n, func() { go f() })
	}
	leave(1+random.Intn(20), &t.NilSends, func() { none <- 1 })
	leave(1+random.Intn(20), &t.NilRecvs, func() { <-none })
	leave(1+random.Intn(20), &t.Empty, func() { select {} })
	started.Wait()
	time.Sleep(100 * time.Millisecond) // for the last of them to park
}
