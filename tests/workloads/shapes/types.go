package main

import (
	"context"
	"net/netip"
	"os"
	"time"
	"unsafe"
)

type (
	id             int
	job            struct{ id id }
	pair[A, B any] struct {
		first  A
		second B
	}
)

// channels has one channel for every kind of element type.
var channels = []any{
	make(chan bool), make(chan int8), make(chan uint64), make(chan uintptr), make(chan float32), make(chan complex128),
	make(chan string), make(chan error), make(chan any), make(chan unsafe.Pointer), make(chan struct{}),
	make(chan id), make(chan job), make(chan *job), make(chan **job), make(chan []job), make(chan [3]job),
	make(chan [0]*id), make(chan map[string][]*job), make(chan func(int, ...string) (job, error)), make(chan func()),
	make(chan chan int), make(chan (<-chan job)), make(chan chan<- *job), make(chan interface{ Do(job) }),
	make(chan struct {
		Name string `json:"name"`
		job
	}),
	make(chan pair[int, string]), make(chan *pair[job, []id]), make(chan pair[pair[int, id], *job]), make(chan queue[job]),
	make(chan time.Time), make(chan time.Duration), make(chan os.Signal), make(chan context.Context),
	make(chan netip.AddrPort), make(chan<- *os.File), make(<-chan byte), make(chan rune),
}
