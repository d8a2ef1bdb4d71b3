package main

import (
	"context"
	"fmt"
	"reflect"
	"time"
)

// Pair is a generic element type.
type Pair[K comparable, V any] struct {
	Key   K
	Value V
}

// Price is a named element type.
type Price struct{ Cents int }

// known is what the program says about one of its channels.
type known struct {
	name               string
	channel            any
	senders, receivers int
}

var (
	unbuffered = make(chan int)
	full       = make(chan Price, 3)
	empty      = make(chan *Price, 5)
	ranged     = make(chan Pair[string, int])
	mixed      = make(chan func(int) error)
	both       = make(chan struct{ A, B uint16 })
	idle       = make(chan [3]byte, 7)
	closed     = make(chan string, 4)
	reflected  = make(chan map[string][]int)
	reflectedS = make(chan error)
	deferred   = make(chan bool)
	deep       = make(chan complex128)
	generic    = make(chan Pair[int, *Price], 1)
	large      = make(chan [4096]byte, 2)
	method     = make(chan uint8)
	locked     = make(chan float64)
	made       = reflect.MakeChan(reflect.ChanOf(reflect.BothDir, madeType()), 2)
	ticker     = time.NewTicker(time.Hour)
	sharedA    = make(chan int32)
	sharedB    = make(chan int64)

	neverDone, cancelNever = context.WithCancel(context.Background())
	neverStop, stopNever   = context.WithCancel(context.Background())

	channels []known
	nilRecv  chan int
	nilSend  chan string
)

// madeType is a type that no compiler has seen.
func madeType() reflect.Type {
	return reflect.StructOf([]reflect.StructField{{Name: "Made", Type: reflect.TypeOf(int64(0))}})
}

func note(name string, channel any, senders, receivers int) {
	channels = append(channels, known{name, channel, senders, receivers})
}

func printChannels() {
	for _, c := range channels {
		value := reflect.ValueOf(c.channel)
		if made, ok := c.channel.(reflect.Value); ok {
			value = made
		}
		state := "open"
		if c.name == "closed" {
			state = "closed"
		}
		fmt.Printf("%s %#x %d %d %d %d %s %s\n", c.name, value.Pointer(), value.Len(), value.Cap(),
			c.senders, c.receivers, state, value.Type().Elem())
	}
}
