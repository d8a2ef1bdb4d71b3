package main

import (
	"context"
	"reflect"
	"runtime"
	"sync"
	"time"
)

var cases = []func(){
	sends, takes, closes, selects, timers, contexts, inlined, generic, locked, ranges, reflects, defaults, chain,
}

// wake runs `act` on a goroutine of its own when all sleepers are parked, and waits until these have ended.
func wake(name string, operation string, selects bool, how string, sleepers []func(*task), act func(*task)) {
	var all sync.WaitGroup
	tasks := make([]*task, len(sleepers))
	for index, sleep := range sleepers {
		t := &task{}
		tasks[index] = t
		all.Go(func() { sleep(t) })
		t.asleep()
	}
	waker := &task{}
	all.Go(func() { act(waker) })
	all.Wait()
	for _, t := range tasks {
		expect(name, t, operation, selects, waker.number(), *waker.function.Load(), how)
	}
}

func one(sleep func(*task)) []func(*task) { return []func(*task){sleep} }

//go:noinline
func receive(t *task, c chan int) {
	t.begin()
	<-c
}

//go:noinline
func send(t *task, c chan int) {
	t.begin()
	c <- 1
}

//go:noinline
func shut(t *task, c chan int) {
	t.begin()
	close(c)
}

func sends() {
	c := make(chan int)
	wake("send", "recv", false, "value", one(func(t *task) { receive(t, c) }), func(t *task) { send(t, c) })
	buffered := make(chan int, 3)
	wake("send to empty buffer", "recv", false, "value", one(func(t *task) { receive(t, buffered) }), func(t *task) { send(t, buffered) })
}

func takes() {
	c := make(chan int)
	wake("receive", "send", false, "value", one(func(t *task) { send(t, c) }), func(t *task) { receive(t, c) })
	full := make(chan int, 1)
	full <- 1
	wake("receive from full buffer", "send", false, "value", one(func(t *task) { send(t, full) }), func(t *task) { receive(t, full) })
}

func closes() {
	c := make(chan int)
	wait := func(t *task) { receive(t, c) }
	wake("close", "recv", false, "close", []func(*task){wait, wait, wait}, func(t *task) { shut(t, c) })
	late := make(chan int)
	wake("close, deferred", "recv", false, "close", one(func(t *task) { receive(t, late) }), func(t *task) {
		defer close(late)
		t.begin()
	})
	broken := make(chan int)
	wake("close under a sender", "send", false, "close", one(func(t *task) {
		defer func() { _ = recover() }()
		send(t, broken)
	}), func(t *task) { shut(t, broken) })
}

//go:noinline
func either(t *task, c chan int, other chan string) {
	t.begin()
	select {
	case <-c:
	case <-other:
	}
}

//go:noinline
func offer(t *task, c chan int, other chan string) {
	t.begin()
	select {
	case c <- 1:
	case <-other:
	}
}

func selects() {
	never := make(chan string)
	closed := make(chan int)
	wake("close of a select's case", "recv", true, "close", one(func(t *task) { either(t, closed, never) }), func(t *task) { shut(t, closed) })
	sent := make(chan int)
	wake("send to a select", "recv", true, "value", one(func(t *task) { either(t, sent, never) }), func(t *task) { send(t, sent) })
	taken := make(chan int)
	wake("receive from a select", "send", true, "value", one(func(t *task) { offer(t, taken, never) }), func(t *task) { receive(t, taken) })
	plain := make(chan int)
	wake("select sends", "recv", false, "value", one(func(t *task) { receive(t, plain) }), func(t *task) { offer(t, plain, never) })
	asked := make(chan int)
	wake("select receives", "send", false, "value", one(func(t *task) { send(t, asked) }), func(t *task) { either(t, asked, never) })
	both := make(chan int)
	wake("select wakes select", "recv", true, "value", one(func(t *task) { either(t, both, never) }), func(t *task) { offer(t, both, never) })
}

// The runtime sends for a timer: no goroutine does.
func timers() {
	var all sync.WaitGroup
	after, tick := &task{}, &task{}
	all.Go(func() {
		after.begin()
		<-time.After(20 * time.Millisecond)
	})
	all.Wait()
	expect("time.After", after, "recv", false, 0, "time.sendTime", "value")
	all.Go(func() {
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		tick.begin()
		select {
		case <-ticker.C:
		case <-make(chan string):
		}
	})
	all.Wait()
	expect("ticker in a select", tick, "recv", true, 0, "time.sendTime", "value")
}

//go:noinline
func untilDone(t *task, ctx context.Context) {
	t.begin()
	<-ctx.Done()
}

func contexts() {
	ctx, cancel := context.WithCancel(context.Background())
	child, stop := context.WithCancel(ctx)
	defer stop()
	sleepers := []func(*task){
		func(t *task) { untilDone(t, ctx) },
		func(t *task) { untilDone(t, child) },
	}
	wake("context cancel", "recv", false, "close", sleepers, func(t *task) {
		t.begin()
		cancelled := "context.(*cancelCtx).cancel"
		t.function.Store(&cancelled)
		cancel()
	})
	// Its timer starts a goroutine, which nobody knows.
	soon, free := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer free()
	var all sync.WaitGroup
	t := &task{}
	all.Go(func() { untilDone(t, soon) })
	all.Wait()
	expect("context timeout", t, "recv", false, -1, "context.(*cancelCtx).cancel", "close")
}

// Small enough for the compiler to inline.
func pass(c chan int)    { c <- 1 }
func shutOne(c chan int) { close(c) }

func inlined() {
	c := make(chan int)
	wake("send, inlined", "recv", false, "value", one(func(t *task) { receive(t, c) }), func(t *task) {
		t.begin()
		name := "main.pass"
		t.function.Store(&name)
		pass(c)
	})
	closed := make(chan int)
	wake("close, inlined", "recv", false, "close", one(func(t *task) { receive(t, closed) }), func(t *task) {
		t.begin()
		name := "main.shutOne"
		t.function.Store(&name)
		shutOne(closed)
	})
}

//go:noinline
func push[T any](t *task, c chan T, value T) {
	t.begin()
	c <- value
}

func generic() {
	c := make(chan int)
	wake("send, generic", "recv", false, "value", one(func(t *task) { receive(t, c) }), func(t *task) { push(t, c, 1) })
}

func locked() {
	c := make(chan int)
	wake("send from a thread of its own", "recv", false, "value", one(func(t *task) { receive(t, c) }), func(t *task) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		send(t, c)
	})
	kept := make(chan int)
	wake("to a thread of its own", "recv", false, "value", one(func(t *task) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		receive(t, kept)
	}), func(t *task) { send(t, kept) })
}

// One goroutine waits twice: until a value comes, and until the close.
func ranges() {
	var all sync.WaitGroup
	c := make(chan int)
	reader, sender, closer := &task{}, &task{}, &task{}
	all.Go(func() {
		reader.begin()
		for range c {
		}
	})
	reader.asleep()
	var sent sync.WaitGroup
	sent.Go(func() { send(sender, c) })
	sent.Wait()
	reader.asleep()
	all.Go(func() { shut(closer, c) })
	all.Wait()
	expect("range, a value", reader, "recv", false, sender.number(), "main.send", "value")
	expect("range, the end", reader, "recv", false, closer.number(), "main.shut", "close")
}

func reflects() {
	c := make(chan int)
	wake("reflect sends", "recv", false, "value", one(func(t *task) {
		t.begin()
		reflect.ValueOf(c).Recv()
	}), func(t *task) {
		t.begin()
		reflect.ValueOf(c).Send(reflect.ValueOf(1))
	})
	chosen := make(chan int)
	wake("reflect selects", "recv", true, "value", one(func(t *task) {
		t.begin()
		other := reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(make(chan string))}
		reflect.Select([]reflect.SelectCase{{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(chosen)}, other})
	}), func(t *task) { send(t, chosen) })
}

func defaults() {
	c := make(chan int)
	wake("send with a default", "recv", false, "value", one(func(t *task) { receive(t, c) }), func(t *task) {
		t.begin()
		select {
		case c <- 1:
		default:
		}
	})
	d := make(chan int)
	wake("receive with a default", "send", false, "value", one(func(t *task) { send(t, d) }), func(t *task) {
		t.begin()
		select {
		case <-d:
		default:
		}
	})
}

// The last waits for the middle, which waits for the first: that is a chain of causes.
func chain() {
	var all sync.WaitGroup
	c, d := make(chan int), make(chan int)
	last, middle, first := &task{}, &task{}, &task{}
	all.Go(func() { receive(last, d) })
	last.asleep()
	all.Go(func() {
		middle.begin()
		<-c
		d <- 1
	})
	middle.asleep()
	all.Go(func() { send(first, c) })
	all.Wait()
	expect("first link", middle, "recv", false, first.number(), "main.send", "value")
	expect("second link", last, "recv", false, middle.number(), *middle.function.Load(), "value")
	wakes[len(wakes)-1].Cause = "first link"
}
