// Command makes makes channels in every way that the compiler tells apart. The comment of each line with a make says
// what can be known of it from the machine code alone: element type and capacity, "?" where it is not a constant, and
// each of them where there are several. What differs is said after a semicolon: with "go1.19" for a body of a generic
// function, where that Go makes channels of the shape itself, and with "-N" for a build without optimisation, in which
// every way to a call can be followed.
package main

import (
	"bufio"
	"fmt"
	"os"
	"reflect"
	"time"
)

type job struct {
	id   int
	name string
}

var kept []any

//go:noinline
func keep(c any) { kept = append(kept, c) }

//go:noinline
func constants() {
	keep(make(chan int))              // makes int 0
	keep(make(chan int, 1))           // makes int 1
	keep(make(chan string, 127))      // makes string 127
	keep(make(chan *job, 128))        // makes *main.job 128
	keep(make(chan job, 70000))       // makes main.job 70000
	keep(make(chan struct{}, 1<<33))  // makes struct {} 8589934592
	keep(make(chan<- error, 2))       // makes error 2
	keep(make(chan chan time.Time))   // makes chan time.Time 0
	keep(make(chan func(int) any, 3)) // makes func(int) interface {} 3
}

//go:noinline
func variables(n int, m int64, b uint8) {
	keep(make(chan int, n))    // makes int ?
	keep(make(chan job, m))    // makes main.job ?
	keep(make(chan byte, b))   // makes uint8 ?
	keep(make(chan int, 2*n))  // makes int ?
	keep(make(chan bool, n&1)) // makes bool ?
}

// The capacity is a constant on each of two ways to the same call, and the way does not matter: no jump, a conditional
// move.
//
//go:noinline
func branches(few bool) {
	n := 9
	if few {
		n = 4
	}
	keep(make(chan int16, n)) // makes int16 ?; -N int16 4, int16 9
}

// The same with a jump.
//
//go:noinline
func ways(kind string) {
	n := 13
	if kind == "few" {
		n = 3
		keep(kind)
	}
	keep(make(chan int8, n)) // makes int8 3, int8 13
}

// A jump through a table comes to the same call from many places, so the capacity may be any of them.
//
//go:noinline
func tables(kind int) {
	n := 1
	switch kind {
	case 0:
		n = 10
	case 1:
		n = 20
	case 2:
		n = 30
	case 3:
		n = 40
	case 4:
		n = 50
	case 5:
		n = 60
	case 6:
		n = 70
	case 7:
		n = 80
	case 8:
		n = 90
	}
	keep(make(chan int32, n)) // makes int32 ?; -N int32 1, int32 10, int32 20, int32 30, int32 40, int32 50, int32 60, int32 70, int32 80, int32 90
}

//go:noinline
func loop(n int) {
	for i := 0; i < n; i++ {
		c := make(chan uint16, 6) // makes uint16 6
		if i > 0 {
			keep(c)
		}
	}
}

//go:noinline
func generic[T any](n int) chan T {
	keep(make(chan T, 5))     // makes int 5, main.celsius 5, string 5, []main.celsius 5; go1.19 go.shape.int_0 5, go.shape.string_0 5, go.shape.[]int_0 5
	keep(make(chan []int, 5)) // makes []int 5
	return make(chan T, n)    // makes int ?, main.celsius ?, string ?, []main.celsius ?; go1.19 go.shape.int_0 ?, go.shape.string_0 ?, go.shape.[]int_0 ?
}

// A dictionary that is handed on: what generic makes for it is in a dictionary within the dictionary.
//
//go:noinline
func handing[T any](n int) {
	keep(make(chan *T, n)) // makes *main.celsius ?; go1.19 *go.shape.int_0 ?
	if n > 100 {
		handing[T](n - 1)
	}
	keep(generic[[]T](n))
}

// A body that captures its dictionary: whoever calls it says nothing.
//
//go:noinline
func capturing[T any]() func() {
	return func() { keep(make(chan map[string]T, 6)) } // makes ? 6; go1.19 map[string]go.shape.bool_0 6
}

type ring[T any] struct{ slots chan T }

//go:noinline
func (r *ring[T]) open(n int) {
	r.slots = make(chan T, 12) // makes main.kelvin 12; go1.19 go.shape.float32_0 12
	keep(r.slots)
}

type opener interface{ open(n int) }

type (
	celsius int
	kelvin  float32
)

func inlined() chan float64 { return make(chan float64, 11) } // makes float64 11

func main() {
	constants()
	n := len(os.Args)
	variables(n, int64(n), uint8(n))
	branches(n > 1)
	ways(os.Args[0])
	tables(n)
	loop(n)
	keep(generic[int](n))
	keep(generic[celsius](n))
	keep(generic[string](n))
	handing[celsius](n)
	capturing[bool]()()
	var o opener = &ring[kelvin]{}
	o.open(n)
	keep(inlined())
	keep(reflect.MakeChan(reflect.TypeOf((chan complex64)(nil)), n).Interface()) // not by a call that can be known
	fmt.Println(len(kept))
	bufio.NewReader(os.Stdin).ReadString('\n') // whoever looks at them needs time
}
