//go:build go1.25

package main

import (
	"testing"
	"testing/synctest"
)

// inBubble runs it in a bubble, which only a test may have; it does not return to the caller.
func inBubble(run func()) {
	tests := []testing.InternalTest{{Name: "bubble", F: func(t *testing.T) {
		synctest.Test(t, func(*testing.T) { run() })
		select {} // else the program would end with the tests
	}}}
	testing.Main(func(string, string) (bool, error) { return true, nil }, tests, nil, nil)
}
