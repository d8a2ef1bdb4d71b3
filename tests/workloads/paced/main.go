// Command paced does channel operations at a rate that it is told, with sleeps between: what an estimate of rates is
// compared with. It prints "READY", then obeys lines on standard input until that is closed:
//
//	pace BUFFERED HANDOVERS  so many sends and receives through a buffer, and hand-overs between goroutines, each
//	                         millisecond from now on, as far as it comes to; 0 0: none
//	poll                     looks at a channel without waiting, for ever, in the background: operations that fail
//	count                    prints how many of the first and second have been done, and the nanoseconds since the start
//	fork N                   makes a copy of itself, without exec, and prints its process id
//	operate                  the copy does N sends and receives through a buffer; prints the nanoseconds they took
//	join                     ends the copy, and prints its exit status
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

var buffered, handovers atomic.Int64

func main() {
	start := time.Now()
	paces := make(chan [2]int, 1)
	go work(paces)
	fmt.Println("READY")
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		words := strings.Fields(input.Text())
		switch words[0] {
		case "pace":
			paces <- [2]int{number(words[1]), number(words[2])}
			fmt.Println("PACED")
		case "poll":
			go poll()
			fmt.Println("POLLING")
		case "count":
			fmt.Println(buffered.Load(), handovers.Load(), time.Since(start).Nanoseconds())
		case "fork":
			fmt.Println(fork(number(words[1])))
		case "operate":
			fmt.Println(operate())
		case "join":
			fmt.Println(join())
		}
	}
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return n
}

// work does one millisecond's worth after the other. Reading its orders is a buffered receive now and then.
func work(paces chan [2]int) {
	queue, ball := make(chan int, 1), make(chan int)
	go func() {
		for {
			ball <- 1
		}
	}()
	pace := <-paces
	for range time.Tick(time.Millisecond) {
		if len(paces) > 0 {
			pace = <-paces
		}
		for range pace[0] {
			queue <- 1
			<-queue
		}
		buffered.Add(int64(pace[0]))
		for range pace[1] {
			<-ball
		}
		handovers.Add(int64(pace[1]))
	}
}

func poll() {
	never := make(chan int)
	for {
		select {
		case <-never:
			panic("nobody sends")
		default:
		}
	}
}
