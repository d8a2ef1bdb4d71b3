//go:build go1.24

package main

import "runtime"

// addCleanup makes the runtime start the goroutine that runs cleanups.
func addCleanup() { runtime.AddCleanup(new(Price), func(int) {}, 0) }
