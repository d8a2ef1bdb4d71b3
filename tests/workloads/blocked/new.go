//go:build go1.23

// Ticker channels are the runtime's own kind of channel, although go.mod says an older Go.
//
//go:debug asynctimerchan=0

package main

import "iter"

var next func() (int, bool)

// parkNew parks in what older releases do not have: a coroutine.
func parkNew() int {
	next, _ = iter.Pull(func(yield func(int) bool) {
		for i := 0; yield(i); i++ {
		}
	})
	next() // now its goroutine waits in the coroutine's yield
	addCleanup()
	return 1
}
