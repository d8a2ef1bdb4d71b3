package main

import (
	"math/rand/v2"
	"reflect"
	"sync"
)

// selects: both sides of unbuffered channels in selects of several cases, so that each element is handed over once.
func selects(random *rand.Rand, t *tally) {
	exchange(random, t, 0)
}

// mixture: the same on channels of every capacity.
func mixture(random *rand.Rand, t *tally) {
	for _, capacity := range capacities {
		exchange(random, t, capacity)
	}
}

// exchange sends as many elements over two channels as it receives, in four goroutines with selects of every form.
func exchange(random *rand.Rand, t *tally, capacity int) {
	var wg sync.WaitGroup
	a, b := make1(t, capacity), make1(t, capacity)
	each := 1000 + random.IntN(2000)
	together(&wg, 2, func() { sendEither(a, b, each, t) })
	wg.Go(func() { recvEither(a, b, each, t) })
	wg.Go(func() { recvReflected(a, b, each, t) })
	wg.Wait()
}

func sendEither(a, b chan int, n int, t *tally) {
	for i := range n {
		if i%4 != 0 || !tryEither(a, b, i, t) {
			t.Selects.Add(1)
			select {
			case a <- i:
			case b <- i:
			}
		}
		t.Sends.Add(1)
	}
}

func tryEither(a, b chan int, element int, t *tally) bool {
	t.Selects.Add(1)
	select {
	case a <- element:
	case b <- element:
	default:
		t.WouldBlock.Add(1)
		return false
	}
	return true
}

func recvEither(a, b chan int, n int, t *tally) {
	closed := make1(t, 0)
	close1(t, closed)
	for i := range n {
		if i%5 != 0 || !recvOrNot(a, b, closed, t) {
			t.Selects.Add(1)
			select {
			case <-a:
			case <-b:
			}
		}
		t.Recvs.Add(1)
	}
}

func recvOrNot(a, b, closed chan int, t *tally) bool {
	t.Selects.Add(1)
	select {
	case <-a:
	case <-b:
	case <-closed: // ready at any time
		t.RecvsClosed.Add(1)
		return false
	}
	return true
}

func recvReflected(a, b chan int, n int, t *tally) {
	cases := []reflect.SelectCase{
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(a)},
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(b)},
	}
	for range n {
		t.Selects.Add(1)
		reflect.Select(cases)
		t.Recvs.Add(1)
	}
}
