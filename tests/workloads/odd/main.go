// Command odd parks goroutines in places that few programs have: `odd KIND`, where KIND is
//
//	callbacks    in Go code that C code called, also from threads that C made (needs cgo)
//	coroutines   in and around the coroutines of iter.Pull (Go 1.23)
//	bubbles      in a bubble of testing/synctest (Go 1.25, or 1.24 with GOEXPERIMENT=synctest)
//	deep         below 51, 200, 5,000 and 200,000 calls
//
// It prints "pid N", then answers one command per line of standard input; each answer ends with a line "END".
//
//	channels     as in the workload blocked
//	count        runtime.NumGoroutine
//	dump         runtime.Stack of all goroutines
//	work N       makes a channel, and sends N elements on it, in such a place
package main

import (
	"bufio"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// kind is one of these places. park starts goroutines and returns how many; work sends that many elements.
type kind struct {
	park func() int
	work func(number int)
}

// known is what the program says about one of its channels.
type known struct {
	name               string
	channel            any
	senders, receivers int
}

var (
	kinds    = map[string]kind{}
	channels []known
)

func note(name string, channel any, senders, receivers int) {
	channels = append(channels, known{name, channel, senders, receivers})
}

func main() {
	kind, found := kinds[os.Args[1]]
	if !found {
		fmt.Fprintf(os.Stderr, "this build has no %s\n", os.Args[1])
		os.Exit(2)
	}
	awaitParked(runtime.NumGoroutine() + kind.park())
	fmt.Printf("pid %d\n", os.Getpid())
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		command, argument, _ := strings.Cut(lines.Text(), " ")
		switch command {
		case "channels":
			for _, c := range channels {
				value := reflect.ValueOf(c.channel)
				fmt.Printf("%s %#x %d %d %d %d open %s\n", c.name, value.Pointer(), value.Len(), value.Cap(),
					c.senders, c.receivers, value.Type().Elem())
			}
		case "count":
			fmt.Println(runtime.NumGoroutine())
		case "dump":
			fmt.Println(dump())
		case "work":
			number, _ := strconv.Atoi(argument)
			kind.work(number)
		}
		fmt.Println("END")
	}
}

func dump() string {
	for size := 1 << 20; ; size *= 2 {
		text := make([]byte, size)
		if n := runtime.Stack(text, true); n < size {
			return string(text[:n])
		}
	}
}

// awaitParked waits until no goroutine but this one is runnable or running, and that many are there at least.
func awaitParked(want int) {
	for {
		time.Sleep(20 * time.Millisecond)
		all := dump()
		if runtime.NumGoroutine() >= want && !strings.Contains(all, " [runnable") && strings.Count(all, " [running") == 1 {
			return
		}
	}
}

// receive takes that many elements, each with a pause in which the sender parks.
func receive(from <-chan int, number int) {
	for i := 0; i < number; i++ {
		<-from
	}
}
