package main

import "time"

// Two goroutines that hand work to each other. After some rounds both send and nobody receives.

type partner struct {
	in, out chan int
}

const healthyRounds = 20

// first sends, then receives, and one day sends again instead.
func (p partner) first(t *truth) {
	for n := 0; n < healthyRounds; n++ {
		p.out <- n
		<-p.in
		time.Sleep(5 * time.Millisecond)
	}
	time.Sleep(50 * time.Millisecond)
	t.begin()
	p.out <- -1 // here: F14 first
	<-p.in
}

func (p partner) second() {
	for n := 0; n < healthyRounds; n++ {
		<-p.in
		p.out <- n
		time.Sleep(5 * time.Millisecond)
	}
	p.out <- -1 // here: F14 second
	<-p.in
}

// lasting goes on for ever: the one sends, the other receives.
func (p partner) lasting(begins bool) {
	for n := 0; ; n++ {
		if begins {
			p.out <- n
			<-p.in
		} else {
			<-p.in
			p.out <- n
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func deadlocked(t *truth) {
	t.add("count", 2)
	there := make(chan int) // here: F14 there
	back := make(chan int)  // here: F14 back
	go partner{in: back, out: there}.first(t)
	go partner{in: there, out: back}.second()
}

func takingTurns(*truth) {
	there, back := make(chan int), make(chan int)
	go partner{in: back, out: there}.lasting(true)
	go partner{in: there, out: back}.lasting(false)
}

// Three stages in a ring. Each makes two of each element that it gets, so the buffers fill up and nobody can send.

func stage(in <-chan int, out chan<- int, factor int) {
	for element := range in {
		for copies := 0; copies < factor; copies++ {
			out <- element // here: F14 stage
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func ring(factor int) {
	parsed := make(chan int, 4)  // here: F14 parsed
	checked := make(chan int, 4) // here: F14 checked
	stored := make(chan int, 4)  // here: F14 stored
	go stage(stored, parsed, factor)
	go stage(parsed, checked, factor)
	go stage(checked, stored, factor)
	stored <- 1
}

func doublingRing(t *truth) {
	t.add("count", 3)
	ring(2)
	time.Sleep(time.Second)
	t.begin()
}

// Selects: each partner may send on either of two channels, and each of these only the other one receives from.

func chooser(urgent, normal chan int, in chan int, rounds int, begins bool) {
	for n := 0; n != rounds; n++ {
		if begins {
			choose(urgent, normal, n)
			<-in
		} else {
			select {
			case <-urgent:
			case <-normal:
			}
			in <- n
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func choose(urgent, normal chan int, n int) {
	select { // here: F14 select
	case urgent <- n:
	case normal <- n:
	}
}

func selectDeadlock(t *truth) {
	t.add("count", 2)
	urgent := make(chan int) // here: F14 urgent
	normal := make(chan int) // here: F14 normal
	back := make(chan int)   // here: F14 answers
	go func() {
		chooser(urgent, normal, back, healthyRounds, true)
		time.Sleep(50 * time.Millisecond)
		t.begin()
		choose(urgent, normal, -1)
		<-back
	}()
	go func() {
		chooser(urgent, normal, back, healthyRounds, false)
		back <- -1 // here: F14 answer
		<-urgent
		<-normal
	}()
}

func selectTakingTurns(*truth) {
	urgent, normal, back := make(chan int), make(chan int), make(chan int)
	go chooser(urgent, normal, back, -1, true)
	go chooser(urgent, normal, back, -1, false)
}

// The parent waits for its child to be done, the child for its parent to take what it has found.

func parent(t *truth, takes bool) {
	for {
		results := make(chan int)   // here: F14 results
		done := make(chan struct{}) // here: F14 done
		go func() {
			for n := 0; n < 3; n++ {
				results <- n // here: F14 child
				time.Sleep(100 * time.Millisecond)
			}
			close(done)
		}()
		if !takes {
			t.begin()
			<-done // here: F14 parent
		}
		for n := 0; n < 3; n++ {
			<-results
		}
		<-done
	}
}

func parentAndChild(t *truth) {
	t.add("count", 2)
	parent(t, false)
}

func parentThatTakes(t *truth) { parent(t, true) }

var (
	_ = register("F14", deadlocked, takingTurns)
	_ = register("F14-three", doublingRing, func(*truth) { ring(1) })
	_ = register("F14-select", selectDeadlock, selectTakingTurns)
	_ = register("F14-parent", parentAndChild, parentThatTakes)
)
