// Command awaited parks goroutines on channels, and says how many wait for what in which function. It says "READY", then
// obeys lines: "park SEED" makes channels, parks a random number of goroutines in each function, and answers, once all of
// them are parked, with one line of JSON: [{"line", "operation", "function", "goroutines"}], the line that of the make;
// "release" lets all go, and answers "released" when none is left. It uses nothing newer than Go 1.19.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

type use struct {
	Line      int    `json:"line"`
	Operation string `json:"operation"`
	Function  string `json:"function"`
}

var (
	lock    sync.Mutex
	counted = map[use]int{}
	lines   = map[chan int]int{}
	running sync.WaitGroup
)

// made remembers the line that it is called at.
func made(c chan int) chan int {
	_, _, line, _ := runtime.Caller(1)
	lines[c] = line
	return c
}

// waits says that the function that calls it is about to wait on a channel.
func waits(operation string, c chan int) {
	pcs := make([]uintptr, 8)
	runtime.Callers(2, pcs)
	frame, _ := runtime.CallersFrames(pcs).Next()
	lock.Lock()
	defer lock.Unlock()
	counted[use{lines[c], operation, frame.Function}]++
}

func fill(jobs chan int) {
	waits("send", jobs)
	jobs <- 1
}

func fillBelow(jobs chan int) { fill(jobs) }

func fillElsewhere(jobs chan int) {
	waits("send", jobs)
	jobs <- 2
}

func empty(results chan int) {
	waits("recv", results)
	for range results {
	}
}

// pick waits for three channels at once, for one of them in two cases.
func pick(urgent, normal, answers chan int) {
	waits("recv", urgent)
	waits("recv", normal)
	waits("send", answers)
	select {
	case <-urgent:
	case <-normal:
	case <-normal:
	case answers <- 1:
	}
}

// swap waits on one channel in both directions.
func swap(both chan int) {
	waits("send", both)
	waits("recv", both)
	select {
	case both <- 1:
	case <-both:
	}
}

// either waits on two channels that are made in one line.
func either(one, other chan int) {
	waits("recv", one)
	waits("recv", other)
	select {
	case <-one:
	case <-other:
	}
}

func reflected(c chan int) {
	waits("recv", c)
	reflect.ValueOf(c).Recv()
}

func push[T any](c chan T, value T, of chan int) {
	waits("send", of)
	c <- value
}

type stage struct{ in chan int }

func (s *stage) take() {
	waits("recv", s.in)
	<-s.in
}

// park starts up to nine goroutines of a kind, each in f.
func park(random *rand.Rand, f func()) {
	for i := random.Intn(9) + 1; i > 0; i-- {
		running.Add(1)
		go func() {
			defer running.Done()
			f()
		}()
	}
}

// parkAll returns all channels, first the one to be closed.
func parkAll(random *rand.Rand) []chan int {
	jobs := made(make(chan int))
	results := made(make(chan int, 4))
	urgent := made(make(chan int))
	normal := made(make(chan int, 1))
	answers := made(make(chan int))
	both := made(make(chan int))
	var pair [2]chan int
	for i := range pair {
		pair[i] = made(make(chan int))
	}
	hidden := made(make(chan int))
	pushed := made(make(chan int))
	staged := &stage{made(make(chan int, 2))}

	park(random, func() { fill(jobs) })
	park(random, func() { fillBelow(jobs) })
	park(random, func() { fillElsewhere(jobs) })
	park(random, func() { empty(results) })
	park(random, func() { pick(urgent, normal, answers) })
	running.Add(1)
	go func() { // one only: two would be partners
		defer running.Done()
		swap(both)
	}()
	park(random, func() { either(pair[0], pair[1]) })
	park(random, func() { reflected(hidden) })
	park(random, func() { push(pushed, 7, pushed) })
	park(random, staged.take)
	return []chan int{results, jobs, urgent, normal, answers, both, pair[0], pair[1], hidden, pushed, staged.in}
}

// awaitParked waits until no goroutine but this one can run.
func awaitParked() {
	text := make([]byte, 4<<20)
	for {
		time.Sleep(20 * time.Millisecond)
		all := string(text[:runtime.Stack(text, true)])
		if !strings.Contains(all, " [runnable") && strings.Count(all, " [running") == 1 {
			return
		}
	}
}

func say() {
	type row struct {
		use
		Goroutines int `json:"goroutines"`
	}
	lock.Lock()
	defer lock.Unlock()
	rows := []row{}
	for each, goroutines := range counted {
		rows = append(rows, row{each, goroutines})
	}
	text, err := json.Marshal(rows)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(text))
}

// release gives to those that receive and takes from those that send until nobody is left.
func release(channels []chan int) {
	close(channels[0])
	done := make(chan struct{})
	go func() {
		running.Wait()
		close(done)
	}()
	for {
		for _, c := range channels[1:] {
			select {
			case <-done:
				return
			case <-c:
			case c <- 0:
			default:
			}
		}
		runtime.Gosched()
	}
}

func main() {
	var channels []chan int
	fmt.Println("READY")
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		command, argument, _ := strings.Cut(input.Text(), " ")
		switch command {
		case "park":
			seed, err := strconv.ParseInt(argument, 10, 64)
			if err != nil {
				panic(err)
			}
			channels = parkAll(rand.New(rand.NewSource(seed)))
			awaitParked()
			say()
		case "release":
			release(channels)
			fmt.Println("released")
		}
	}
}
