package main

import (
	"math/rand"
	"reflect"
	"sync"
)

// trying: each third send and receive has a default branch, and blocks when it was taken.
func trying(random *rand.Rand, t *tally) {
	var wg sync.WaitGroup
	for _, capacity := range capacities {
		c := make1(t, capacity)
		each := 1000 + random.Intn(1000)
		together(&wg, 3, func() {
			for i := 0; i < each; i++ {
				if i%3 != 0 || !trySend(c, i, t) {
					c <- i
					t.Sends.Add(1)
				}
			}
		})
		together(&wg, 3, func() {
			for i := 0; i < each; i++ {
				if i%3 != 0 || !tryRecv(c, t) {
					<-c
					t.Recvs.Add(1)
				}
			}
		})
	}
	wg.Wait()
}

// attempts: nobody waits, so that each attempt's outcome depends on the buffer alone; and nil channels.
func attempts(random *rand.Rand, t *tally) {
	for round := 100 + random.Intn(100); round > 0; round-- {
		c := make1(t, random.Intn(4))
		for i := random.Intn(10); i > 0; i-- {
			trySend(c, i, t)
			reflectedTrySend(c, i, t)
		}
		for i := random.Intn(10); i > 0; i-- {
			tryRecv(c, t)
			reflectedTryRecv(c, t)
		}
		for i := random.Intn(4); i > 0; i-- {
			trySend(nil, i, t)
			reflectedTrySend(nil, i, t)
		}
		for i := random.Intn(4); i > 0; i-- {
			tryRecv(nil, t)
			reflectedTryRecv(nil, t)
		}
	}
}

func trySend(c chan int, element int, t *tally) bool {
	select {
	case c <- element:
		t.Sends.Add(1)
		return true
	default:
		t.BlockedSends.Add(1)
		return false
	}
}

func tryRecv(c chan int, t *tally) bool {
	select {
	case <-c:
		t.Recvs.Add(1)
		return true
	default:
		t.BlockedRecvs.Add(1)
		return false
	}
}

func reflectedTrySend(c chan int, element int, t *tally) {
	if reflect.ValueOf(c).TrySend(reflect.ValueOf(element)) {
		t.Sends.Add(1)
	} else {
		t.BlockedSends.Add(1)
	}
}

func reflectedTryRecv(c chan int, t *tally) {
	if element, _ := reflect.ValueOf(c).TryRecv(); element.IsValid() {
		t.Recvs.Add(1)
	} else {
		t.BlockedRecvs.Add(1)
	}
}
