// Command traced blocks on channels while it records Go's own execution trace of itself, and says what the trace says:
// how often and for how long goroutines were blocked, by the runtime's reason.
//
//	traced: READY
//	tester: go
//	traced: {"chan receive": {"count": 1201, "sum_ns": 12345678}, ...}
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/trace"
	"strings"
	"sync"
	"time"

	exptrace "golang.org/x/exp/trace"
)

// Blocked sums up the waits of one reason that began and ended within the trace.
type Blocked struct {
	Count int   `json:"count"`
	SumNs int64 `json:"sum_ns"`
}

func main() {
	fmt.Println("READY")
	bufio.NewReader(os.Stdin).ReadString('\n')
	var recorded bytes.Buffer
	if err := trace.Start(&recorded); err != nil {
		panic(err)
	}
	work()
	trace.Stop()
	line, err := json.Marshal(read(&recorded))
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
	bufio.NewReader(os.Stdin).ReadString('\n')
}

// work makes goroutines wait in sends, in receives and in selects, for between nothing and some milliseconds.
func work() {
	plain, chosen, other := make(chan int), make(chan int), make(chan int)
	var all sync.WaitGroup
	all.Go(func() { dawdle(func(i int) { plain <- i }) })
	all.Go(func() { dawdle(func(int) { <-plain }) })
	all.Go(func() { dawdle(func(i int) { chosen <- i }) })
	all.Go(func() {
		dawdle(func(int) {
			select {
			case <-chosen:
			case <-other:
			}
		})
	})
	all.Wait()
}

func dawdle(operate func(int)) {
	for i := range 600 {
		if rand.IntN(3) == 0 {
			time.Sleep(time.Duration(rand.IntN(4000)) * time.Microsecond)
		}
		operate(i)
	}
}

// isOurs tells the waits of this program from those of the runtime's own goroutines.
func isOurs(stack exptrace.Stack) bool {
	for frame := range stack.Frames() {
		if strings.HasPrefix(frame.Func, "main.dawdle") {
			return true
		}
	}
	return false
}

func read(recorded *bytes.Buffer) map[string]*Blocked {
	reader, err := exptrace.NewReader(recorded)
	if err != nil {
		panic(err)
	}
	type wait struct {
		since  exptrace.Time
		reason string
	}
	waits, blocked := map[exptrace.GoID]wait{}, map[string]*Blocked{}
	for {
		event, err := reader.ReadEvent()
		if err != nil {
			return blocked // io.EOF: the end
		}
		if event.Kind() != exptrace.EventStateTransition {
			continue
		}
		change := event.StateTransition()
		if change.Resource.Kind != exptrace.ResourceGoroutine {
			continue
		}
		from, to := change.Goroutine()
		id := change.Resource.Goroutine()
		if to == exptrace.GoWaiting && isOurs(change.Stack) {
			waits[id] = wait{event.Time(), change.Reason}
		} else if was, known := waits[id]; known && from == exptrace.GoWaiting {
			delete(waits, id)
			if blocked[was.reason] == nil {
				blocked[was.reason] = &Blocked{}
			}
			blocked[was.reason].Count++
			blocked[was.reason].SumNs += int64(event.Time().Sub(was.since))
		}
	}
}
