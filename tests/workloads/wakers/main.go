// Command wakers makes goroutines wait on channels and wakes each in a way of its own. It knows who waits where, and who
// wakes whom how, and says so:
//
//	wakers: READY
//	tester: go
//	wakers: [{"case": "send", "sleeper": 21, "sleeps_in": "main.receive", ...}, ...]    on one line
//
// A waker acts once its sleepers are parked, as the runtime's own dump says. Nothing but sleeping, atomic numbers and
// sync.WaitGroup is used to coordinate, so a sleeper waits on no channel but those of its case.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Wake is one end of a wait.
type Wake struct {
	Case      string `json:"case"`
	Sleeper   int    `json:"sleeper"`
	SleepsIn  string `json:"sleeps_in"`
	Operation string `json:"operation"`
	Select    bool   `json:"select"`
	Waker     int    `json:"waker"` // 0: the runtime; -1: a goroutine that nobody knows the number of
	WakesIn   string `json:"wakes_in"`
	How       string `json:"how"`
	Cause     string `json:"cause"` // case of the waker's own last wait
}

var (
	lock  sync.Mutex
	wakes []Wake
)

// task is what one goroutine of a case tells the others.
type task struct {
	id       atomic.Int64
	function atomic.Pointer[string]
}

// begin is called by the goroutine itself, in the function that it will wait in, or wake others in.
func (t *task) begin() {
	function := caller()
	t.function.Store(&function)
	t.id.Store(int64(goid()))
}

func (t *task) number() int {
	for t.id.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	return int(t.id.Load())
}

// asleep returns when the goroutine is parked on a channel.
func (t *task) asleep() {
	header := fmt.Sprintf("goroutine %d [", t.number())
	buffer := make([]byte, 1<<20)
	for {
		dump := string(buffer[:runtime.Stack(buffer, true)])
		_, state, _ := strings.Cut(dump, header)
		if strings.HasPrefix(state, "chan ") || strings.HasPrefix(state, "select") {
			time.Sleep(2 * time.Millisecond)
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// goid is the number of the calling goroutine, as the runtime prints it.
func goid() int {
	buffer := make([]byte, 64)
	fields := strings.Fields(string(buffer[:runtime.Stack(buffer, false)]))
	number, err := strconv.Atoi(fields[1])
	if err != nil {
		panic(err)
	}
	return number
}

// caller is the function that called the function that calls caller, also when it was inlined.
func caller() string {
	pcs := make([]uintptr, 4)
	frame, _ := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)]).Next()
	return frame.Function
}

// expect enters what is about to happen.
func expect(name string, sleeper *task, operation string, selects bool, waker int, wakesIn string, how string) {
	number := sleeper.number()
	lock.Lock()
	defer lock.Unlock()
	wakes = append(wakes, Wake{name, number, *sleeper.function.Load(), operation, selects, waker, wakesIn, how, ""})
}

func main() {
	fmt.Println("READY")
	input := bufio.NewReader(os.Stdin)
	input.ReadString('\n')
	for _, run := range cases {
		run()
	}
	line, err := json.Marshal(wakes)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
	input.ReadString('\n')
}
