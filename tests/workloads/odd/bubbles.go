//go:build go1.25 || (go1.24 && goexperiment.synctest)

package main

import (
	"sync"
	"testing/synctest"
	"time"
)

func init() { kinds["bubbles"] = kind{parkInBubble, workInBubble} }

var outside = make(chan int)

// parkInBubble parks in a bubble, whose time stands still because one goroutine waits for what is outside.
func parkInBubble() int {
	go inBubble(func() {
		in, out, full := make(chan int), make(chan string), make(chan bool, 2)
		full <- true
		full <- true
		var group sync.WaitGroup
		group.Add(1)
		for i := 0; i < 3; i++ {
			go func() { <-in }()
		}
		for i := 0; i < 2; i++ {
			go func() { full <- true }()
		}
		go func() {
			select {
			case <-in:
			case out <- "":
			}
		}()
		go func() { <-(chan int)(nil) }()
		go func() { select {} }()
		go group.Wait()
		go time.Sleep(time.Hour)
		go func() { synctest.Wait() }()
		note("in", in, 0, 3+1)
		note("out", out, 1, 0)
		note("full", full, 2, 0)
		note("outside", outside, 0, 1)
		<-outside
	})
	return 3 + 2 + 1 + 2 + 3
}

// workInBubble sends within a bubble of its own.
func workInBubble(number int) {
	done := make(chan bool)
	go inBubble(func() {
		worked := make(chan int)
		go func() {
			for i := 0; i < number; i++ {
				worked <- i
			}
		}()
		receive(worked, number)
		done <- true
	})
	<-done
}
