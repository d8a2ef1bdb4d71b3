package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
)

// Report is what the program did, to be compared with what was seen from outside.
type Report struct {
	Seed       uint64            `json:"seed"`
	Pid        int               `json:"pid"`
	Go         string            `json:"go"`
	Goroutines int               `json:"goroutines"` // runtime.NumGoroutine when the report was made
	Channels   map[string]*Truth `json:"channels"`   // by "main.go:57", the place of the make
	lock       sync.Mutex
}

func newReport(seed uint64) *Report {
	return &Report{Seed: seed, Pid: os.Getpid(), Go: runtime.Version(), Channels: map[string]*Truth{}}
}

// Truth is about all channels made at one place. Operations are those that have finished.
type Truth struct {
	Role             string `json:"role"`
	Function         string `json:"function"`           // that holds the make
	ElementType      string `json:"element_type"`       // as reflect prints it
	Made             int    `json:"made"`               // channels made here
	Sends            int    `json:"sends"`              // after "go", by any way: plain, select, with default
	Receives         int    `json:"recvs"`              // of a value, after "go"
	ClosedReceives   int    `json:"closed_recvs"`       // that returned because the channel was closed and empty
	SendsBefore      int    `json:"sends_before"`       // before "go": nobody may have been watching
	Closes           int    `json:"closes"`             //
	Length           int    `json:"length"`             // elements in the buffer now
	Capacity         int    `json:"capacity"`           // of each channel
	BlockedSenders   int    `json:"blocked_senders"`    // now, for ever
	BlockedReceivers int    `json:"blocked_receivers"`  // now, for ever
	LongSends        *int   `json:"long_sends"`         // sends blocked over 10 ms, by design 60; null: not known
	LongReceives     *int   `json:"long_recvs"`         // receives likewise
	WouldBlockSends  int    `json:"would_block_sends"`  // default branches taken
	WouldBlockRecvs  int    `json:"would_block_recvs"`  //
	EveryElementWait bool   `json:"every_element_wait"` // each element made exactly one side wait: plain, unbuffered
}

// add enters a channel made in the line of the call, or one more of those made there.
func (report *Report) add(role string, elementType string, capacity int) *Truth {
	pc, file, line, ok := runtime.Caller(1)
	if !ok {
		panic("the caller is unknown")
	}
	key := fmt.Sprintf("%s:%d", filepath.Base(file), line)
	report.lock.Lock()
	defer report.lock.Unlock()
	truth := report.Channels[key]
	if truth == nil {
		function := runtime.FuncForPC(pc).Name()
		truth = &Truth{Role: role, Function: function, ElementType: elementType, Capacity: capacity}
		report.Channels[key] = truth
	}
	truth.Made++
	return truth
}

// check panics unless the numbers fit together: what was sent was received, or is still in the buffer.
func (report *Report) check() {
	for key, truth := range report.Channels {
		if truth.Sends+truth.SendsBefore != truth.Receives+truth.Length {
			panic(fmt.Sprintf("the report is wrong about %s: %+v", key, *truth))
		}
	}
}
