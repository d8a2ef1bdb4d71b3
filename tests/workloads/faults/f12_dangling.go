package main

import (
	"runtime"
	"time"
)

var (
	_ = register("F12", f12Bad, f12Good)
	_ = register("F12-idle", f12Bad, f12IdleGood)
)

type f12Session struct {
	created time.Time
	result  chan error
}

var (
	f12Sessions []*f12Session
	f12Dropped  chan error
	f12Open     []chan struct{}
	f12Garbage  []byte
)

const f12Dangling = 30 * time.Second

// f12Bad: every session is kept for ever, with a channel for its result that is neither sent nor waited for.
func f12Bad(t *truth) {
	t.begin()
	for {
		result := make(chan error) // here: F12 made
		f12Sessions = append(f12Sessions, &f12Session{time.Now(), result})
		f12Garbage = make([]byte, 1<<20) // so that the collector has something to do
		time.AfterFunc(f12Dangling, func() { t.add("count", 1) })
		time.Sleep(500 * time.Millisecond)
	}
}

// f12Good: sessions end; somebody waits until then, and gets to know.
func f12Good(t *truth) {
	for {
		result := make(chan error)
		f12Sessions = append(f12Sessions, &f12Session{time.Now(), result})
		go func() { <-result }()
		f12Garbage = make([]byte, 1<<20)
		if len(f12Sessions) > 10 {
			close(f12Sessions[0].result)
			f12Sessions = f12Sessions[1:]
		}
		time.Sleep(500 * time.Millisecond)
	}
}

// f12IdleGood: many are made at once, to be used some day; others are made all the time, and dropped unused; and one
// more session is open every half a second, each with a channel that will be closed at its end.
func f12IdleGood(t *truth) {
	for n := 0; n < 1000; n++ {
		f12Sessions = append(f12Sessions, &f12Session{time.Now(), make(chan error)})
	}
	for n := 0; ; n++ {
		f12Dropped = make(chan error)
		f12Open = append(f12Open, make(chan struct{}))
		if n%20 == 0 {
			runtime.GC()
		}
		time.Sleep(500 * time.Millisecond)
	}
}
