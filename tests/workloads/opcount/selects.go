package main

import (
	"math/rand"
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
	each := 1000 + random.Intn(1000)
	together(&wg, 2, func() { sendEither(a, b, each, t) })
	start(&wg, func() { recvEither(a, b, each, t) })
	start(&wg, func() { recvReflected(a, b, each, t) })
	wg.Wait()
}

func sendEither(a, b chan int, n int, t *tally) {
	for i := 0; i < n; i++ {
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
		t.Defaults.Add(1)
		return false
	}
	return true
}

func recvEither(a, b chan int, n int, t *tally) {
	closed := make1(t, 0)
	close1(t, closed)
	for i := 0; i < n; i++ {
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
	for i := 0; i < n; i++ {
		t.Selects.Add(1)
		reflect.Select(cases)
		t.Recvs.Add(1)
	}
}

// defaults: selects of several cases with a default branch, of ready, unready and nil channels, that nobody waits on.
func defaults(random *rand.Rand, t *tally) {
	full, empty := make1(t, 1), make1(t, 1)
	full <- 1
	t.Sends.Add(1)
	pick := func(c chan int) chan int {
		if random.Intn(3) == 0 {
			return nil
		}
		return c
	}
	for round := 200 + random.Intn(200); round > 0; round-- {
		sendTo, recvFrom := full, empty
		if random.Intn(4) == 0 {
			sendTo, recvFrom = empty, full // now and then something can be done
		}
		t.Selects.Add(2)
		select {
		case pick(sendTo) <- 1:
			t.Sends.Add(1)
			<-sendTo
			t.Recvs.Add(1)
		case <-pick(recvFrom):
			t.Recvs.Add(1)
			recvFrom <- 1
			t.Sends.Add(1)
		case <-pick(empty):
			panic("there is nothing in it")
		default:
			t.Defaults.Add(1)
		}
		cases := []reflect.SelectCase{
			{Dir: reflect.SelectDefault},
			{Dir: reflect.SelectSend, Chan: reflect.ValueOf(pick(full)), Send: reflect.ValueOf(1)},
			{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(pick(empty))},
		}
		if chosen, _, _ := reflect.Select(cases); chosen != 0 {
			panic("nothing was ready")
		}
		t.Defaults.Add(1)
	}
}
