package main

import "time"

const (
	f15Walkers = 3
	f15Depth   = 80
)

// f15Node is a tree that is deep on one side, such as an expression that a program wrote.
type f15Node struct {
	name int
	next *f15Node
}

var _ = register("F15", f15Recursive, f15Iterative)

func f15Tree() *f15Node {
	var root *f15Node
	for i := 0; i < f15Depth; i++ {
		root = &f15Node{i, root}
	}
	return root
}

// f15Recursive walks deep trees by recursion, from the leaf up, and hands each node to whoever wants the next one: that
// may take long, and the whole recursion stays on the stack meanwhile.
func f15Recursive(t *truth) {
	for i := 0; i < f15Walkers; i++ {
		nodes := make(chan int)      // here: F15 made
		go f15Walk(f15Tree(), nodes) // here: F15 started
		go f15Slow(nodes)
		t.add("goroutines", 1)
	}
	t.begin()
}

func f15Walk(node *f15Node, nodes chan<- int) {
	if node.next != nil {
		f15Walk(node.next, nodes)
	}
	nodes <- node.name // here: F15 stuck
}

// f15Iterative does the same with a list of its own: it waits as long, below a single frame.
func f15Iterative(t *truth) {
	for i := 0; i < f15Walkers; i++ {
		nodes := make(chan int)
		go func() {
			var path []*f15Node
			for node := f15Tree(); node != nil; node = node.next {
				path = append(path, node)
			}
			for last := len(path) - 1; last >= 0; last-- {
				nodes <- path[last].name
			}
		}()
		go f15Slow(nodes)
	}
}

// f15Slow wants the next node now and then.
func f15Slow(nodes <-chan int) {
	for range nodes {
		time.Sleep(lifetime)
	}
}
