package main

import "reflect"

// selecting: selects of several cases, of both directions, with and without default, with closed and nil cases.
func selecting(r *run) {
	exchange(r)
	defaults(r)
	closedAndNil(r)
	onlyNilOrFull(r)
	parkedUntilClosed(r)
	r.finish()
}

// exchange: two goroutines choose between sending one way and receiving the other; one goes through buffers.
func exchange(r *run) {
	there := counted(r, make(chan int))
	back := counted(r, make(chan string))
	rounds := r.number(20, 40)
	r.start(func() {
		for n := 0; n < rounds; n++ {
			select {
			case there.c <- n:
				there.sent()
			case _, ok := <-back.c:
				back.got(ok)
			}
		}
	})
	r.start(func() {
		for n := 0; n < rounds; n++ {
			select {
			case back.c <- "back":
				back.sent()
			case <-there.c:
				there.got(true)
			}
		}
	})
	a := counted(r, make(chan int, 2))
	b := counted(r, make(chan int, 5))
	r.start(func() {
		for n := 0; n < rounds; n++ {
			select {
			case a.c <- n:
				a.sent()
			case b.c <- n:
				b.sent()
			}
		}
	})
	r.start(func() {
		for n := 0; n < rounds; n++ {
			select {
			case <-a.c:
				a.got(true)
			case <-b.c:
				b.got(true)
			}
		}
	})
}

// defaults: what a select of three cases does that has a default, when none, one or two of them can go on.
func defaults(r *run) {
	out := counted(r, make(chan int, 4))
	in := counted(r, make(chan int, 4))
	full := counted(r, make(chan int))
	for n := r.number(10, 20); n > 0; n-- {
		if r.random.Intn(3) == 0 {
			in.trySend(n)
		}
		if r.random.Intn(3) == 0 {
			out.tryRecv()
		}
		select {
		case out.c <- n:
			out.sent()
		case _, ok := <-in.c:
			in.got(ok)
		case full.c <- n:
			full.sent()
		default:
			out.notSent()
			in.notGot()
			full.notSent()
		}
	}
	many := [12]*channel[int]{}
	for i := range many {
		many[i] = counted(r, make(chan int))
	}
	for n := r.number(3, 5); n > 0; n-- {
		select {
		case many[0].c <- n:
		case <-many[1].c:
		case many[2].c <- n:
		case <-many[3].c:
		case many[4].c <- n:
		case <-many[5].c:
		case many[6].c <- n:
		case <-many[7].c:
		case many[8].c <- n:
		case <-many[9].c:
		case many[10].c <- n:
		case <-many[11].c:
		default:
			for i := 0; i < len(many); i += 2 {
				many[i].notSent()
				many[i+1].notGot()
			}
		}
	}
}

// closedAndNil: a closed case is always ready, and a nil one never is.
func closedAndNil(r *run) {
	nothing := none[int](r)
	closed := counted(r, make(chan int, 4))
	left := r.random.Intn(5)
	for n := 0; n < left; n++ {
		closed.send(n)
	}
	closed.close()
	for n := left + r.number(3, 5); n > 0; n-- {
		select {
		case nothing.c <- n:
		case _, ok := <-closed.c:
			closed.got(ok)
		case <-nothing.c:
		}
		select {
		case nothing.c <- n:
		case _, ok := <-closed.c:
			closed.got(ok)
		default:
			panic("a closed channel is always ready")
		}
	}
}

// onlyNilOrFull: a default that is taken beside nil cases.
func onlyNilOrFull(r *run) {
	nothing, open := none[int](r), counted(r, make(chan int, 1))
	for n := r.number(3, 9); n > 0; n-- {
		select {
		case nothing.c <- n:
		case <-open.c:
		case <-nothing.c:
		default:
			nothing.notSent()
			open.notGot()
			nothing.notGot()
		}
	}
}

// parkedUntilClosed: receives in selects that wait until one of their channels is closed.
func parkedUntilClosed(r *run) {
	closed := counted(r, make(chan int))
	other := counted(r, make(chan int))
	for n := r.number(1, 4); n > 0; n-- {
		r.start(func() {
			select {
			case _, ok := <-closed.c:
				closed.got(ok)
			case _, ok := <-other.c:
				other.got(ok)
			}
		})
	}
	closed.close()
}

// reflecting: the same by reflection.
func reflecting(r *run) {
	ints := reflect.TypeOf((chan int)(nil))
	for round := r.number(3, 5); round > 0; round-- {
		made := counted(r, reflect.MakeChan(ints, 3).Interface().(chan int))
		value := reflect.ValueOf(made.c)
		for n := r.random.Intn(4); n > 0; n-- {
			value.Send(reflect.ValueOf(n))
			made.sent()
			_, ok := value.Recv()
			made.got(ok)
		}
		for n := 2 + r.random.Intn(5); n > 0; n-- {
			if value.TrySend(reflect.ValueOf(n)) {
				made.sent()
			} else {
				made.notSent()
			}
		}
		reflectTry(made)
		made.closing()
		value.Close()
		for n := r.random.Intn(9); n > 0; n-- {
			_, ok := value.Recv()
			made.got(ok)
		}
		expect(&made.truth.onClosed, func() { value.Send(reflect.ValueOf(1)) })
		expect(&made.truth.onClosed, func() { value.TrySend(reflect.ValueOf(1)) })
		expect(&made.truth.closedTwice, func() { value.Close() })
	}
	reflectEmpty(r)
	reflectSelect(r)
	r.finish()
}

func reflectTry(made *channel[int]) {
	if _, ok := reflect.ValueOf(made.c).TryRecv(); ok {
		made.got(true)
	} else {
		made.notGot()
	}
}

func reflectEmpty(r *run) {
	empty := counted(r, reflect.MakeChan(reflect.TypeOf((chan int)(nil)), 0).Interface().(chan int))
	for n := r.number(2, 5); n > 0; n-- {
		reflectTry(empty)
	}
}

func reflectSelect(r *run) {
	out := counted(r, make(chan int, 2))
	in := counted(r, make(chan int, 2))
	nothing := none[int](r)
	cases := []reflect.SelectCase{
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(in.c)},
		{Dir: reflect.SelectSend, Chan: reflect.ValueOf(out.c), Send: reflect.ValueOf(1)},
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(nothing.c)},
		{Dir: reflect.SelectDefault},
	}
	for n := r.number(5, 20); n > 0; n-- {
		if r.random.Intn(4) == 0 {
			in.trySend(n)
		}
		switch chosen, _, ok := reflect.Select(cases); chosen {
		case 0:
			in.got(ok)
		case 1:
			out.sent()
		case 3:
			in.notGot()
			out.notSent()
			nothing.notGot()
		}
	}
	one := counted(r, make(chan int))
	for n := r.number(2, 5); n > 0; n-- {
		reflect.Select([]reflect.SelectCase{{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(one.c)}, {Dir: reflect.SelectDefault}})
		one.notGot()
	}
	meeting := counted(r, make(chan int))
	rounds := r.number(5, 20)
	r.start(func() {
		for n := 0; n < rounds; n++ {
			meeting.send(n)
		}
	})
	for n := 0; n < rounds; n++ {
		_, _, ok := reflect.Select([]reflect.SelectCase{{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(meeting.c)}})
		meeting.got(ok)
	}
}
