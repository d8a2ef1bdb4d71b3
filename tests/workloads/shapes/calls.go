package main

import (
	"sort"
	"sync"
)

// Every function here ends in capture, by a different kind of frame.

func inlined1()            { capture() }
func inlined2()            { inlined1() }
func inlined3(n int) int   { inlined2(); return n + 1 }
func inlined4(n int) int   { return inlined3(n) }
func push[T any](v T) T    { inlined2(); return v }
func pushTwice[T any](v T) { push(v); push([]T{v}) }

type queue[T any] struct{ items []T }

func (q *queue[T]) put(v T) { q.items = append(q.items, v); inlined1() }

type worker interface{ work(int) }

type tool struct{ size [4]int }

func (t *tool) work(int)     { capture() }
func (t tool) byValue(n int) { inlined3(n + t.size[0]) }

type valuer interface{ byValue(int) }

// holder gets its methods from tool: the compiler writes wrappers for them.
type holder struct {
	name string
	*tool
}

//go:noinline
func recurse(n int) {
	if n == 0 {
		capture()
		return
	}
	recurse(n - 1)
}

//go:noinline
func deferred() {
	defer inlined2()
	defer func() {
		if recover() != nil {
			capture()
		}
	}()
	panic("on purpose")
}

//go:noinline
func started() {
	var wait sync.WaitGroup
	wait.Add(1)
	go func(n int) {
		defer wait.Done()
		inlined3(n)
	}(7)
	wait.Wait()
	wait.Add(1)
	go func() {
		defer wait.Done()
		push("in a goroutine")
	}()
	wait.Wait()
	done := make(chan bool)
	go send(done, true)
	<-done
}

func send[T any](c chan T, v T) {
	capture()
	c <- v
}

//go:noinline
func through(w worker, v valuer) {
	w.work(1)
	v.byValue(2)
}

func calls() {
	capture()
	inlined3(1)
	inlined4(1)
	pushTwice("text")
	pushTwice(queue[int]{})
	q := &queue[string]{}
	q.put("one")
	ranges(q)
	through(holder{"wrapped", &tool{}}, &tool{})
	through(&holder{"wrapped", &tool{}}, &holder{"wrapped", &tool{}})
	recurse(5)
	deferred()
	started()
	func() { func() { inlined2() }() }()
	sort.Slice([]int{3, 1, 2}, func(i, j int) bool { capture(); return i < j })
	newer()
}
