//go:build go1.23

package main

import "iter"

func init() { kinds["coroutines"] = kind{parkInCoroutines, workInCoroutines} }

var (
	inside = make(chan int)
	pulled []func() (int, bool)
)

func numbers(yield func(int) bool) {
	for i := 0; yield(i); i++ {
	}
}

func waits(yield func(int) bool) {
	yield(<-inside)
}

// parkInCoroutines: coroutines that wait to be asked for more, that were never asked, and that wait for a channel, for
// each of which somebody waits in turn.
func parkInCoroutines() int {
	for i := 0; i < 5; i++ {
		next, _ := iter.Pull(numbers)
		next()
		pulled = append(pulled, next)
	}
	for i := 0; i < 3; i++ {
		next, _ := iter.Pull(numbers)
		pulled = append(pulled, next)
	}
	for i := 0; i < 2; i++ {
		next, _ := iter.Pull(waits)
		go next()
	}
	note("inside", inside, 0, 2)
	return 5 + 3 + 2*2
}

// workInCoroutines sends in a coroutine, which is resumed by a goroutine of its own.
func workInCoroutines(number int) {
	worked := make(chan int)
	go func() {
		next, stop := iter.Pull(func(yield func(int) bool) {
			for i := 0; ; i++ {
				worked <- i
				if !yield(i) {
					return
				}
			}
		})
		for i := 0; i < number; i++ {
			next()
		}
		stop()
	}()
	receive(worked, number)
}
