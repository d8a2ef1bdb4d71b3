// Command rates does channel operations in many ways, and knows how many it did: what estimates are compared with. It
// prints "READY", then obeys lines on standard input until that is closed:
//
//	loop CAP         one goroutine sends and receives, never blocking
//	pair CAP         a producer and a consumer, as fast as they can
//	pool CAP WORKERS a producer, and workers that do a little for each element
//	fanin CAP N      N producers of which each works a little, one consumer
//	select CAP       one goroutine fills two channels and takes from them by select
//	handover         a producer and a consumer without a buffer
//	drained          receives from a closed channel
//	batches CAP      one goroutine fills the buffer, then empties it
//	slow CAP HZ      one element through another buffer, so many times a second, sleeping in between
//	worked CAP NS    as loop, with about so many nanoseconds of work for each element
//	bursts CAP ON OFF  as loop, for ON ms, then nothing for OFF ms
//
// Several may run at once. "count" prints, for each channel, the function that made it, sends, receives and receives
// from it closed, since the start.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// counts of one channel; each has one writer. Read while they are written: a count may be one behind.
type counts struct {
	name                 string
	_                    [48]byte
	sends                int64
	_                    [56]byte
	receives, fromClosed int64
	_                    [48]byte
}

var all []*counts

func counted(name string) *counts {
	c := &counts{name: name}
	all = append(all, c)
	return c
}

//go:noinline
func hot(n int) chan int { return make(chan int, n) }

//go:noinline
func other(n int) chan int { return make(chan int, n) }

//go:noinline
func slow(n int) chan int { return make(chan int, n) }

//go:noinline
func work(ns int) int {
	sum := 0
	for i := 0; i < ns; i++ {
		sum += sum ^ i
	}
	return sum
}

var sink int

func main() {
	fmt.Println("READY")
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		words := strings.Fields(input.Text())
		if words[0] == "count" {
			for _, c := range all {
				fmt.Print(c.name, " ", c.sends, " ", c.receives, " ", c.fromClosed, ";")
			}
			fmt.Println()
			continue
		}
		arguments := []int{}
		for _, word := range words[1:] {
			n, _ := strconv.Atoi(word)
			arguments = append(arguments, n)
		}
		start[words[0]](append(arguments, 0, 0))
		fmt.Println("RUNNING")
	}
}

var start = map[string]func([]int){
	"loop": func(n []int) {
		c, channel := counted("hot"), hot(n[0])
		go func() {
			for {
				channel <- 1
				c.sends++
				<-channel
				c.receives++
			}
		}()
	},
	"worked": func(n []int) {
		c, channel := counted("hot"), hot(n[0])
		go func() {
			for {
				channel <- 1
				c.sends++
				sink += work(n[1])
				<-channel
				c.receives++
			}
		}()
	},
	"batches": func(n []int) {
		c, channel := counted("hot"), hot(n[0])
		go func() {
			for {
				for i := 0; i < n[0]; i++ {
					channel <- 1
					c.sends++
				}
				for i := 0; i < n[0]; i++ {
					<-channel
					c.receives++
				}
			}
		}()
	},
	"bursts": func(n []int) {
		c, channel := counted("hot"), hot(n[0])
		go func() {
			for {
				for begin := time.Now(); time.Since(begin) < time.Duration(n[1])*time.Millisecond; {
					for i := 0; i < 1000; i++ {
						channel <- 1
						c.sends++
						<-channel
						c.receives++
					}
				}
				time.Sleep(time.Duration(n[2]) * time.Millisecond)
			}
		}()
	},
	"pair": func(n []int) {
		c, channel := counted("hot"), hot(n[0])
		go produce(c, channel, 0)
		go consume(c, channel, 0)
	},
	"handover": func(n []int) {
		c, channel := counted("hot"), hot(0)
		go produce(c, channel, 0)
		go consume(c, channel, 0)
	},
	"pool": func(n []int) {
		c, channel := counted("hot"), hot(n[0])
		go produce(c, channel, 0)
		for i := 0; i < n[1]; i++ {
			mine := counted("hot")
			go consume(mine, channel, 200)
		}
	},
	"fanin": func(n []int) {
		c, channel := counted("hot"), hot(n[0])
		for i := 0; i < n[1]; i++ {
			mine := counted("hot")
			go produce(mine, channel, 200)
		}
		go consume(c, channel, 0)
	},
	"select": func(n []int) {
		a, b := counted("hot"), counted("other")
		first, second := hot(n[0]), other(n[0])
		go func() {
			for {
				first <- 1
				a.sends++
				second <- 1
				b.sends++
				for i := 0; i < 2; i++ {
					select {
					case <-first:
						a.receives++
					case <-second:
						b.receives++
					}
				}
			}
		}()
	},
	"drained": func(n []int) {
		c, channel := counted("hot"), hot(1)
		close(channel)
		go func() {
			for {
				<-channel
				c.fromClosed++
			}
		}()
	},
	"slow": func(n []int) {
		c, channel := counted("slow"), slow(n[0])
		go func() {
			for range time.Tick(time.Second / time.Duration(n[1])) {
				channel <- 1
				c.sends++
				<-channel
				c.receives++
			}
		}()
	},
}

func produce(c *counts, channel chan int, ns int) {
	for {
		sink += work(ns)
		channel <- 1
		c.sends++
	}
}

func consume(c *counts, channel chan int, ns int) {
	for range channel {
		c.receives++
		sink += work(ns)
	}
}
