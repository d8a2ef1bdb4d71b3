// Command traced blocks on channels while it records Go's own execution trace of itself, and says what the trace says:
// how often and for how long goroutines were blocked, by the line that blocked.
//
//	traced: READY
//	tester: go
//	traced: {"main.go:57": {"count": 1201, "sum_ns": 12345678}, ...}
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/trace"
	"strings"
	"sync"
	"time"

	exptrace "golang.org/x/exp/trace"
)

// Blocked sums up the waits at one line that began and ended within the trace.
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

// work makes goroutines wait in sends, in receives and in selects, for between nothing and some milliseconds. Each channel
// is made and each operation done on a line of its own.
func work() {
	plain := make(chan int)
	buffered := make(chan int, 4)
	chosen := make(chan int)
	taken := make(chan int)
	never := make(chan int)
	var all sync.WaitGroup
	all.Go(func() { dawdle(func(i int) { plain <- i }) })
	all.Go(func() { dawdle(func(int) { <-plain }) })
	all.Go(func() { dawdle(func(i int) { buffered <- i }) })
	all.Go(func() { dawdle(func(int) { <-buffered }) })
	all.Go(func() { dawdle(func(i int) { chosen <- i }) })
	all.Go(func() {
		dawdle(func(int) {
			select { // receives
			case <-chosen:
			case <-never:
			}
		})
	})
	all.Go(func() {
		dawdle(func(i int) {
			select { // sends
			case taken <- i:
			case <-never:
			}
		})
	})
	all.Go(func() { dawdle(func(int) { <-taken }) })
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

// place is the line of `work` that waits, "main.go:57"; "" for waits of the runtime's own goroutines.
func place(stack exptrace.Stack) string {
	for frame := range stack.Frames() {
		if strings.HasPrefix(frame.Func, "main.work.") {
			return fmt.Sprintf("%s:%d", filepath.Base(frame.File), frame.Line)
		}
	}
	return ""
}

func read(recorded *bytes.Buffer) map[string]*Blocked {
	reader, err := exptrace.NewReader(recorded)
	if err != nil {
		panic(err)
	}
	type wait struct {
		since exptrace.Time
		place string
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
		if at := place(change.Stack); to == exptrace.GoWaiting && at != "" && change.Reason != "sleep" {
			waits[id] = wait{event.Time(), at}
		} else if was, known := waits[id]; known && from == exptrace.GoWaiting {
			delete(waits, id)
			if blocked[was.place] == nil {
				blocked[was.place] = &Blocked{}
			}
			blocked[was.place].Count++
			blocked[was.place].SumNs += int64(event.Time().Sub(was.since))
		}
	}
}
