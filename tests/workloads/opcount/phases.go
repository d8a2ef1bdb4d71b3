package main

import (
	"math/rand/v2"
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

// close1 counts what it closes.
func close1(t *tally, c chan int) {
	t.Closes.Add(1)
	close(c)
}

// blocking: senders and receivers of different numbers on channels of every capacity; nothing is closed.
func blocking(random *rand.Rand, t *tally) {
	var wg sync.WaitGroup
	for _, capacity := range capacities {
		c := make1(t, capacity)
		senders, receivers, each := 1+random.IntN(5), 1+random.IntN(5), 200+random.IntN(800)
		total := senders * receivers * each
		together(&wg, senders, func() {
			for i := range total / senders {
				c <- i
				t.Sends.Add(1)
			}
		})
		together(&wg, receivers, func() {
			for range total / receivers {
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
	c, each := make1(t, 0), 20+random.IntN(80)
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
		for i := range each {
			c <- i
			t.Sends.Add(1)
		}
	}))
	together(&wg, pairs, onThread(func() {
		for range each {
			<-c
			t.Recvs.Add(1)
		}
	}))
	wg.Wait()
}

// trying: each third send and receive has a default branch, and blocks when it was taken.
func trying(random *rand.Rand, t *tally) {
	var wg sync.WaitGroup
	for _, capacity := range capacities {
		c := make1(t, capacity)
		each := 1000 + random.IntN(2000)
		together(&wg, 3, func() {
			for i := range each {
				if i%3 != 0 || !trySend(c, i, t) {
					c <- i
				}
				t.Sends.Add(1)
			}
		})
		together(&wg, 3, func() {
			for i := range each {
				if i%3 != 0 || !tryRecv(c, t) {
					<-c
				}
				t.Recvs.Add(1)
			}
		})
	}
	wg.Wait()
}

func trySend(c chan int, element int, t *tally) bool {
	select {
	case c <- element:
		return true
	default:
		t.WouldBlock.Add(1)
		return false
	}
}

func tryRecv(c chan int, t *tally) bool {
	select {
	case <-c:
		return true
	default:
		t.WouldBlock.Add(1)
		return false
	}
}

// closing: receives from closed channels in all forms, some parked when the close comes, some from what was left.
func closing(random *rand.Rand, t *tally) {
	for range 50 + random.IntN(50) {
		var wg sync.WaitGroup
		c := make1(t, capacities[random.IntN(len(capacities))])
		together(&wg, random.IntN(4), func() {
			for range c { // ends by one receive of the zero value
				t.Recvs.Add(1)
			}
			t.RecvsClosed.Add(1)
		})
		for range random.IntN(cap(c) + 1) {
			c <- 1
			t.Sends.Add(1)
		}
		if random.IntN(2) == 0 {
			runtime.Gosched()
		}
		close1(t, c)
		together(&wg, random.IntN(4), func() { receiveFromClosed(c, t) })
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
	for range 5 {
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

// making: channels made in every way there is, and closed; also closes that panic.
func making(random *rand.Rand, t *tally) {
	for range 20 + random.IntN(100) {
		size := random.Int64N(5)
		made := []chan int{make1(t, 0), make1(t, int(size)), generic[int](t), reflected(t, int(size))}
		t.Makes.Add(3)
		made = append(made, make(chan int), make(chan int, 7), make(chan int, size))
		for _, c := range made {
			close1(t, c)
		}
		closeAgain(t, made[0])
		closeAgain(t, nil)
	}
}

func generic[T any](t *tally) chan T {
	t.Makes.Add(1)
	return make(chan T, 2)
}

func reflected(t *tally, capacity int) chan int {
	t.Makes.Add(1)
	return reflect.MakeChan(reflect.TypeFor[chan int](), capacity).Interface().(chan int)
}

func closeAgain(t *tally, c chan int) {
	defer func() {
		if recover() == nil {
			panic("that close should have panicked")
		}
	}()
	close1(t, c)
}

// forEver leaves goroutines behind that nobody can wake.
func forEver(random *rand.Rand, t *tally) {
	var none chan int
	var started sync.WaitGroup
	leave := func(n int, count interface{ Add(int64) int64 }, f func()) {
		count.Add(int64(n))
		together(&started, n, func() { go f() })
	}
	leave(1+random.IntN(20), &t.NilSends, func() { none <- 1 })
	leave(1+random.IntN(20), &t.NilRecvs, func() { <-none })
	leave(1+random.IntN(20), &t.Empty, func() { select {} })
	started.Wait()
	time.Sleep(100 * time.Millisecond) // for the last of them to park
}
