// Command panicparse reads a dump of goroutines by the library of that name, and writes what it understood as JSON.
package main

import (
	"encoding/json"
	"io"
	"os"

	"github.com/maruel/panicparse/v2/stack"
)

type call struct {
	Function string
	File     string
	Line     int
}

type goroutine struct {
	ID        int
	State     string
	Minutes   int
	Calls     []call
	Elided    bool
	CreatedBy []call
}

func calls(of []stack.Call) []call {
	found := []call{}
	for _, c := range of {
		found = append(found, call{c.Func.Complete, c.RemoteSrcPath, c.Line})
	}
	return found
}

func main() {
	options := stack.DefaultOpts()
	options.GuessPaths, options.AnalyzeSources, options.NameArguments = false, false, false
	snapshot, rest, err := stack.ScanSnapshot(os.Stdin, io.Discard, options)
	if err != nil && err != io.EOF {
		panic(err)
	}
	if snapshot == nil || len(rest) != 0 {
		panic("it is not a dump to its end")
	}
	found := []goroutine{}
	for _, g := range snapshot.Goroutines {
		found = append(found, goroutine{
			g.ID, g.State, g.SleepMin, calls(g.Stack.Calls), g.Stack.Elided, calls(g.CreatedBy.Calls),
		})
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		panic(err)
	}
}
