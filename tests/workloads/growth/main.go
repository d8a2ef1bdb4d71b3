// Command growth has as many goroutines and channels as it is told to. It prints "READY", then obeys lines on standard
// input until that is closed, each with one line of answer:
//
//	block N       N more goroutines that wait on four gates; the number of all of them
//	wake N        N elements through the gates: each wakes a goroutine, which waits again; elements passed so far
//	channels N    N more buffered channels; the number of all of them
//	leak N         N more goroutines, each sending on a channel of its own that nobody receives from; all of them
//	use N         N elements through the buffer of every channel; elements passed so far
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const gateCount = 4

var (
	gates    [gateCount]chan int
	blocked  int
	leaked   int
	woken    int64
	passed   int64
	channels []chan int
	used     int64
)

func main() {
	for i := range gates {
		gates[i] = make(chan int)
	}
	fmt.Println("READY")
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		word, rest, _ := strings.Cut(input.Text(), " ")
		n, err := strconv.Atoi(rest)
		if err != nil {
			panic(err)
		}
		switch word {
		case "block":
			block(n)
			fmt.Println(blocked)
		case "wake":
			wake(n)
			fmt.Println(passed)
		case "leak":
			leak(n)
			fmt.Println(leaked)
		case "channels":
			for i := 0; i < n; i++ {
				channels = append(channels, makeOne())
			}
			fmt.Println(len(channels))
		case "use":
			use(n)
			fmt.Println(used)
		}
	}
}

// block returns when all of them are parked, as far as a program can tell.
func block(n int) {
	for i := 0; i < n; i++ {
		go wait(gates[i%gateCount])
		if i%10000 == 0 {
			runtime.Gosched()
		}
	}
	blocked += n
	settle()
}

// leak returns when all of them are parked, as far as a program can tell.
func leak(n int) {
	for i := 0; i < n; i++ {
		go answer(makeAnswer())
	}
	leaked += n
	settle()
}

//go:noinline
func makeAnswer() chan int {
	return make(chan int)
}

//go:noinline
func answer(to chan<- int) {
	to <- 1
}

//go:noinline
func wait(gate chan int) {
	for range gate {
		atomic.AddInt64(&woken, 1)
	}
}

func wake(n int) {
	for i := 0; i < n; i++ {
		gates[i%gateCount] <- i
	}
	passed += int64(n)
	for atomic.LoadInt64(&woken) < passed {
		time.Sleep(time.Millisecond)
	}
	settle()
}

// settle gives those that are about to park the time to do so.
func settle() {
	for i := 0; i < 20; i++ {
		runtime.Gosched()
		time.Sleep(5 * time.Millisecond)
	}
}

//go:noinline
func makeOne() chan int {
	return make(chan int, 1)
}

func use(n int) {
	for i := 0; i < n; i++ {
		for _, c := range channels {
			c <- i
		}
		for _, c := range channels {
			used += int64(len(c))
			<-c
		}
	}
}
