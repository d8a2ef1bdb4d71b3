// Command spawner starts and ends goroutines and knows how many. It talks line by line:
//
//	spawner: READY
//	tester:  start N      N goroutines that stay
//	spawner: {"created": 5, "exited": 0, "alive": 6}     since it began; alive is runtime.NumGoroutine
//	tester:  end N        N of those end
//	tester:  pass N       N goroutines that end at once, one after the other
//	tester:  collect      a garbage collection, which may start workers of the runtime's own
//	tester:  churn N      N goroutines that each start and end others, as fast as they can, until ...
//	tester:  rest         ... all of those have ended
//
// Every answer comes when what was asked for has happened, but that of churn, which comes at once.
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

// Answer is what has happened since the program began, the goroutine of main left out of created.
type Answer struct {
	Created int64 `json:"created"`
	Exited  int64 `json:"exited"`
	Alive   int   `json:"alive"`
}

var (
	created, exited atomic.Int64
	churning        atomic.Bool
	gate            = sync.NewCond(&sync.Mutex{})
	leaving         int
	staying         int
	churners        sync.WaitGroup
)

// spawn starts a goroutine that counts itself.
func spawn(run func()) {
	created.Add(1)
	go func() {
		run()
		exited.Add(1)
	}()
}

// stay waits until it is this goroutine's turn to end.
func stay() {
	gate.L.Lock()
	for leaving == 0 {
		gate.Wait()
	}
	leaving--
	gate.L.Unlock()
}

func end(number int) {
	gate.L.Lock()
	leaving += number
	gate.L.Unlock()
	gate.Broadcast()
}

func pass(number int) {
	for i := 0; i < number; i++ {
		var done sync.WaitGroup
		done.Add(1)
		spawn(done.Done)
		done.Wait()
	}
}

func churn() {
	defer churners.Done()
	for churning.Load() {
		var done sync.WaitGroup
		for i := 0; i < 7; i++ {
			done.Add(1)
			spawn(done.Done)
		}
		done.Wait()
	}
}

// settle returns when only those are left that stay: all others have counted themselves as gone, and are.
func settle() {
	for created.Load()-exited.Load() != int64(staying) || runtime.NumGoroutine() != 1+staying {
		time.Sleep(time.Millisecond)
	}
}

func main() {
	fmt.Println("READY")
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		command, argument, _ := strings.Cut(input.Text(), " ")
		number, _ := strconv.Atoi(argument)
		switch command {
		case "start":
			staying += number
			for i := 0; i < number; i++ {
				spawn(stay)
			}
		case "end":
			staying -= number
			end(number)
		case "pass":
			pass(number)
		case "collect":
			runtime.GC()
		case "churn":
			churning.Store(true)
			churners.Add(number)
			for i := 0; i < number; i++ {
				spawn(churn)
			}
		case "rest":
			churning.Store(false)
			churners.Wait()
		}
		if !churning.Load() {
			settle()
		}
		line, err := json.Marshal(Answer{created.Load(), exited.Load(), runtime.NumGoroutine()})
		if err != nil {
			panic(err)
		}
		fmt.Println(string(line))
	}
}
