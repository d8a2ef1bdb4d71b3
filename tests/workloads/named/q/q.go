// Package q has constructors of channels, in every form that matters to who is named by them.
package q

import "example.com/named/helper"

// Open is called by several.
//
//go:noinline
func Open(n int) chan int {
	return make(chan int, n) // makes open
}

// Build is a level more.
//
//go:noinline
func Build(n int) chan int {
	return Open(n + 1)
}

// Only is called once in the whole program.
//
//go:noinline
func Only() chan int64 {
	return make(chan int64, 31) // makes only
}

// Valued is called once, and is a value too.
//
//go:noinline
func Valued() chan int8 {
	return make(chan int8, 34) // makes valued
}

// Small is inlined.
func Small() chan string {
	return make(chan string, 32) // makes small
}

// New is generic.
//
//go:noinline
func New[T any](n int) chan T {
	return make(chan T, n) // makes generic
}

// Mixed makes a channel by a function that is inlined here and not passed over.
//
//go:noinline
func Mixed() chan uint8 {
	return helper.Alloc()
}

// Deep calls itself so many times.
//
//go:noinline
func Deep(depth int) chan int32 {
	if depth > 0 {
		c := Deep(depth - 1) // names too deep
		return c
	}
	return make(chan int32, 33) // makes deep
}

// A Factory makes channels by a method.
type Factory struct{ Size int }

// Maker is what a Factory is.
type Maker interface{ Make() chan float64 }

// Make is called through an interface.
//
//go:noinline
func (f *Factory) Make() chan float64 {
	return make(chan float64, f.Size) // makes method
}
