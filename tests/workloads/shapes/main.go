// Command shapes tells what its own runtime says about its own code: stacks with every kind of frame that a compiler
// makes, the function and line of addresses all over its text, and the names of types of channel elements. It prints
// one JSON document and ends.
package main

import (
	"encoding/json"
	"os"
	"reflect"
	"runtime"
	"unsafe"
)

type frame struct {
	Function string `json:"function"`
	File     string `json:"file"`
	Line     int    `json:"line"`
}

// stack is what runtime.Callers gave, and what runtime.CallersFrames says of it.
type stack struct {
	PCs    []uintptr `json:"pcs"`
	Frames []frame   `json:"frames"`
}

// place is what runtime.FuncForPC says of an address.
type place struct {
	PC uintptr `json:"pc"`
	frame
}

type named struct {
	Address uintptr `json:"address"`
	Name    string  `json:"name"`
}

type report struct {
	Main   uintptr `json:"main"` // entry of main.main
	Stacks []stack `json:"stacks"`
	Places []place `json:"places"`
	Types  []named `json:"types"`
}

const (
	step    = 283 // a prime, so that all positions within instructions and functions are met
	outside = 1 << 16
)

var stacks []stack

// capture keeps the stack of its caller. One Callers entry is one frame of CallersFrames, so the two lists are as long.
//
//go:noinline
func capture() {
	pcs := make([]uintptr, 64)
	pcs = pcs[:runtime.Callers(1, pcs)]
	kept := stack{PCs: pcs}
	frames := runtime.CallersFrames(pcs)
	for {
		f, more := frames.Next()
		kept.Frames = append(kept.Frames, frame{f.Function, f.File, f.Line})
		if !more {
			break
		}
	}
	stacks = append(stacks, kept)
}

// sweep asks for the function and line of addresses in both directions from one in the text, until there is no more.
func sweep(from uintptr) (places []place) {
	for _, direction := range []int{-step, step} {
		empty := 0
		for pc := from; empty < outside; pc += uintptr(direction) {
			f := runtime.FuncForPC(pc)
			if f == nil {
				empty += step
				continue
			}
			file, line := f.FileLine(pc)
			places = append(places, place{pc, frame{f.Name(), file, line}})
		}
	}
	return places
}

func types() (found []named) {
	for _, channel := range channels {
		element := reflect.TypeOf(channel).Elem()
		found = append(found, named{(*[2]uintptr)(unsafe.Pointer(&element))[1], element.String()})
	}
	return found
}

func main() {
	calls()
	entry := reflect.ValueOf(main).Pointer()
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(report{entry, stacks, sweep(entry), types()}); err != nil {
		panic(err)
	}
}
