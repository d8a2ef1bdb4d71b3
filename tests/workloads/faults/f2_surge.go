package main

import (
	"runtime"
	"time"
)

const (
	f2Normal = 40
	f2Many   = 6000
)

var _ = register("F2", f2Surge, f2Limited)

// f2Surge serves a few requests, and then starts a goroutine for each of thousands that come at once: each is asleep,
// in what stands for a slow back end.
func f2Surge(t *truth) {
	f2Serve(f2Normal, 0)
	time.Sleep(5 * time.Second)
	t.begin()
	f2Serve(f2Many, 200*time.Microsecond)
	t.add("goroutines", int64(runtime.NumGoroutine()))
	time.Sleep(lifetime)
}

// f2Limited has as many requests to serve, but only as many goroutines as the back end can stand.
func f2Limited(t *truth) {
	f2Serve(f2Normal, 0)
	time.Sleep(5 * time.Second)
	for served := 0; ; served += 400 {
		for i := 0; i < 400; i++ {
			go time.Sleep(900 * time.Millisecond)
		}
		time.Sleep(time.Second)
	}
}

func f2Serve(requests int, pause time.Duration) {
	for i := 0; i < requests; i++ {
		go f2Handle() // here: F2 started
		if pause > 0 && i%100 == 99 {
			time.Sleep(100 * pause)
		}
	}
}

func f2Handle() {
	time.Sleep(lifetime) // here: F2 stuck
}
