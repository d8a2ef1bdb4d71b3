// Command dumped has goroutines that stand still in many ways, and writes its own dumps of them:
//
//	text FILE     what /debug/pprof/goroutine?debug=2 serves
//	profile FILE  what /debug/pprof/goroutine serves
//
// Each line of input is answered by "done". It ends with its standard input.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime/pprof"
	"strings"
	"sync"
	"time"
)

const each = 7

type service struct {
	requests chan int
	mutex    sync.Mutex
}

func (s *service) receive() int { return <-s.requests }

func (s service) send() { s.requests <- 1 }

type receiver interface{ receive() int }

func wait[T any](c chan T) T { return <-c }

func deep(levels int, c chan int) int {
	if levels == 0 {
		return <-c
	}
	return deep(levels-1, c) + 1
}

func inlined(c chan int) int { return innermost(c) }

func innermost(c chan int) int { return <-c }

func main() {
	s := &service{requests: make(chan int)}
	t := service{requests: make(chan int)}
	s.mutex.Lock()
	var r receiver = s
	for i := 0; i < each; i++ {
		go s.receive()
		go r.receive()
		go t.send()
		go wait(make(chan string))
		go wait(make(chan *service))
		go deep(20, make(chan int))
		go func() { inlined(make(chan int)) }()
		go func() { defer func() { <-make(chan bool) }() }()
		go func() { s.mutex.Lock() }()
		go func() { time.Sleep(time.Hour) }()
		go func() {
			select {
			case <-s.requests:
			case t.requests <- 2:
			}
		}()
	}
	go deep(150, make(chan int))
	go func() {
		var nothing chan int
		<-nothing
	}()
	time.Sleep(100 * time.Millisecond)
	lines := bufio.NewScanner(os.Stdin)
	fmt.Println("ready")
	for lines.Scan() {
		command, path, _ := strings.Cut(lines.Text(), " ")
		file, err := os.Create(path)
		if err != nil {
			panic(err)
		}
		debug := map[string]int{"text": 2, "profile": 0}[command]
		if err := pprof.Lookup("goroutine").WriteTo(file, debug); err != nil {
			panic(err)
		}
		file.Close()
		fmt.Println("done")
	}
}
