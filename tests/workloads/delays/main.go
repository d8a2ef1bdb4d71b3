// Command delays makes goroutines wait on channels of eight names, for 12 to 800 ms each time, as many short as long, for
// ever. Half of the names have senders that wait, the others receivers. It prints "READY", and obeys lines on standard
// input until that is closed:
//
//	go N            makes N channels of each name, with a pair of goroutines for each; prints how many goroutines
//	requests N MS   N goroutines with the profiler labels of a request each wait once for so long; prints N when all have
package main

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"math/rand"
	"os"
	"runtime/pprof"
	"sync"
	"time"
)

const (
	shortest = 12 * time.Millisecond
	spread   = 66.0 // the longest is so many times as long
)

// Each line makes the channels of one name.
var names = []func() chan int{
	func() chan int { return make(chan int) },
	func() chan int { return make(chan int) },
	func() chan int { return make(chan int) },
	func() chan int { return make(chan int) },
	func() chan int { return make(chan int) },
	func() chan int { return make(chan int) },
	func() chan int { return make(chan int) },
	func() chan int { return make(chan int) },
}

func main() {
	fmt.Println("READY")
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		var word string
		var number, milliseconds int64
		fmt.Sscan(input.Text(), &word, &number, &milliseconds)
		if word == "requests" {
			requests(number, time.Duration(milliseconds)*time.Millisecond)
			fmt.Println(number)
		} else {
			start(number)
			fmt.Println(2 * number * int64(len(names)))
		}
	}
}

func start(pairs int64) {
	for number, channel := range names {
		for i := int64(0); i < pairs; i++ {
			draw := rand.New(rand.NewSource(int64(number)*pairs + i))
			if number%2 == 0 {
				receiverWaits(channel(), draw)
			} else {
				senderWaits(channel(), draw)
			}
		}
	}
}

func requests(number int64, wait time.Duration) {
	var all sync.WaitGroup
	for i := int64(1); i <= number; i++ {
		answer := make(chan int)
		labels := pprof.Labels("trace_id", fmt.Sprintf("%032x", i), "span_id", fmt.Sprintf("%016x", i))
		all.Add(1)
		go pprof.Do(context.Background(), labels, func(context.Context) {
			<-answer
			all.Done()
		})
		time.AfterFunc(wait, func() { answer <- 1 })
	}
	all.Wait()
}

func delay(draw *rand.Rand) time.Duration {
	return time.Duration(float64(shortest) * math.Exp(draw.Float64()*math.Log(spread)))
}

func receiverWaits(c chan int, draw *rand.Rand) {
	go func() {
		for {
			<-c
		}
	}()
	go func() {
		for n := 0; ; n++ {
			time.Sleep(delay(draw))
			c <- n
		}
	}()
}

func senderWaits(c chan int, draw *rand.Rand) {
	go func() {
		for n := 0; ; n++ {
			c <- n
		}
	}()
	go func() {
		for {
			time.Sleep(delay(draw))
			<-c
		}
	}()
}
