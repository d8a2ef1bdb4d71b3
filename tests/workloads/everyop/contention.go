package main

import (
	"math/rand"
	"runtime"
	"time"
)

// shared is what eight goroutines fight for.
type shared struct {
	unbuffered, buffered, chosen, other *channel[int]
}

// contention: four senders and four receivers on two processors, with plain operations and selects in turns; each third
// one tries first without blocking. At the end the channels are closed while the receivers wait on them.
func contention(r *run) {
	s := &shared{}
	s.unbuffered = counted(r, make(chan int))
	s.buffered = counted(r, make(chan int, 4))
	s.chosen = counted(r, make(chan int))
	s.other = counted(r, make(chan int, 3))
	each := 3 * r.number(100, 200)
	for n := 0; n < 4; n++ {
		sender, receiver := rand.New(rand.NewSource(r.random.Int63())), rand.New(rand.NewSource(r.random.Int63()))
		r.start(func() {
			for i := 0; i < each; i++ {
				s.sendOne(i, sender.Intn(3) == 0)
				private(r, sender, i)
			}
		})
		r.start(func() {
			for i := 0; i < each; i++ {
				s.recvOne(i, receiver.Intn(3) == 0)
				private(r, receiver, i)
			}
		})
	}
	r.finish()
	for _, c := range []*channel[int]{s.unbuffered, s.buffered, s.chosen, s.other} {
		c := c
		for n := 0; n < 3; n++ {
			r.start(c.rangeOver)
		}
		runtime.Gosched()
		c.close()
	}
	r.finish()
}

func (s *shared) sendOne(i int, try bool) {
	switch i % 3 {
	case 0:
		if !try || !s.unbuffered.trySend(i) {
			s.unbuffered.send(i)
		}
	case 1:
		if !try || !s.buffered.trySend(i) {
			s.buffered.send(i)
		}
	case 2:
		if !try || !s.trySendEither(i) {
			s.sendEither(i)
		}
	}
}

func (s *shared) recvOne(i int, try bool) {
	switch i % 3 {
	case 0:
		if !try || !s.unbuffered.tryRecv() {
			s.unbuffered.recv()
		}
	case 1:
		if !try || !s.buffered.tryRecv() {
			s.buffered.recvOK()
		}
	case 2:
		if !try || !s.tryRecvEither() {
			s.recvEither()
		}
	}
}

func (s *shared) trySendEither(i int) bool {
	select {
	case s.chosen.c <- i:
		s.chosen.sent()
	case s.other.c <- i:
		s.other.sent()
	default:
		s.chosen.notSent()
		s.other.notSent()
		return false
	}
	return true
}

func (s *shared) sendEither(i int) {
	select {
	case s.chosen.c <- i:
		s.chosen.sent()
	case s.other.c <- i:
		s.other.sent()
	}
}

func (s *shared) tryRecvEither() bool {
	select {
	case <-s.chosen.c:
		s.chosen.got(true)
	case <-s.other.c:
		s.other.got(true)
	default:
		s.chosen.notGot()
		s.other.notGot()
		return false
	}
	return true
}

func (s *shared) recvEither() {
	select {
	case <-s.chosen.c:
		s.chosen.got(true)
	case <-s.other.c:
		s.other.got(true)
	}
}

// private: now and then each has a channel of its own, which it closes with something in it.
func private(r *run, random *rand.Rand, i int) {
	if i%25 != 0 {
		return
	}
	own := counted(r, make(chan int, 4))
	for n := random.Intn(5); n > 0; n-- {
		own.trySend(n)
	}
	own.close()
	for n := random.Intn(7); n > 0; n-- {
		own.tryRecv()
	}
}

// growth: each operation is done at another depth of a fresh stack, so that it often has to grow within the operation.
func growth(r *run) {
	depths := r.number(100, 20)
	into := counted(r, make(chan int, depths))
	handed := counted(r, make(chan int))
	chosen := counted(r, make(chan int, depths))
	other := counted(r, make(chan int, depths))
	full := counted(r, make(chan int))
	closed := counted(r, make(chan int))
	closed.close()
	operations := []func(){
		func() { into.send(1) },
		func() { handed.send(1) },
		func() { sendTwo(chosen, other) },
		func() { full.trySend(1); full.tryRecv() },
		func() { closed.recvOK(); closed.tryRecv() },
		func() { tryTwo(full, full) },
		func() { expect(&closed.truth.closedTwice, func() { close(closed.c) }) },
		func() { expect(&closed.truth.onClosed, func() { closed.c <- 1 }) },
		func() {
			made := counted(r, make(chan int, 2))
			made.send(1)
			made.close()
			made.recvOK()
		},
	}
	r.start(func() {
		for n := 0; n < depths; n++ {
			if n%8 == 0 {
				time.Sleep(100 * time.Microsecond) // so that now and then the sender has to wait, and now and then not
			}
			handed.recv()
		}
	})
	for n := 0; n < depths; n++ {
		for _, operate := range operations {
			operate, depth := operate, n*2+r.random.Intn(2)
			r.start(func() { deeper(depth, operate) })
		}
		if n%16 == 0 {
			r.drain(into, chosen, other)
		}
	}
	r.finish()
	r.drain(into, chosen, other)
}

// drain takes out what is there.
func (r *run) drain(channels ...*channel[int]) {
	for _, c := range channels {
		for n := len(c.c); n > 0; n-- {
			c.recv()
		}
	}
}

func sendTwo(a, b *channel[int]) {
	select {
	case a.c <- 1:
		a.sent()
	case b.c <- 1:
		b.sent()
	}
}

func tryTwo(a, b *channel[int]) {
	select {
	case a.c <- 1:
		a.sent()
	case <-b.c:
		b.got(true)
	default:
		a.notSent()
		b.notGot()
	}
}

//go:noinline
func deeper(depth int, operate func()) int {
	if depth == 0 {
		operate()
		return 0
	}
	return deeper(depth-1, operate) + 1
}
