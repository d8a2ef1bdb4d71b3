// Command bursts makes goroutines wait for channels, very many at once, in an order that a sampler finds hard. It prints
// "READY", then obeys lines on standard input until that is closed:
//
//	rising N MS     N receives that wait for up to so many milliseconds; those that wait longer end later
//	falling N MS    the same, and those that wait longer end earlier
//	random N MS     the same, and the order is none
//
// Each prints how many receives there were, and the longest in nanoseconds, as the program sees it: not shorter than it
// was from park to wake.
package main

import (
	"bufio"
	"fmt"
	"math/rand"
	"os"
	"runtime/debug"
	"sync"
	"time"
)

// A receive waits from start to end after the beginning of its burst, and not for less than shortest.
type wait struct{ start, end time.Duration }

const shortest = 2 * time.Millisecond

var shapes = map[string]func(number, of int, longest time.Duration) wait{
	"rising": func(number, of int, longest time.Duration) wait {
		return wait{0, shortest + longest*time.Duration(number+1)/time.Duration(of)}
	},
	"falling": func(number, of int, longest time.Duration) wait {
		part := longest / 2 * time.Duration(number) / time.Duration(of)
		return wait{3 * part, longest + part + shortest}
	},
	"random": func(_, _ int, longest time.Duration) wait {
		start := time.Duration(rand.Int63n(int64(longest)))
		return wait{start, start + shortest + time.Duration(rand.Int63n(int64(longest)))}
	},
}

func main() {
	debug.SetGCPercent(-1) // the collector's workers wait for a channel when they begin
	fmt.Println("READY")
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		var shape string
		var number, milliseconds int
		fmt.Sscan(input.Text(), &shape, &number, &milliseconds)
		fmt.Println(number, burst(shape, number, time.Duration(milliseconds)*time.Millisecond).Nanoseconds())
	}
}

func burst(shape string, number int, longest time.Duration) time.Duration {
	waited := make([]time.Duration, number)
	var both sync.WaitGroup
	both.Add(2 * number)
	begin := time.Now()
	for i := 0; i < number; i++ {
		i, plan, mail := i, shapes[shape](i, number, longest), make(chan int)
		go func() {
			defer both.Done()
			time.Sleep(time.Until(begin.Add(plan.start)))
			since := time.Now()
			<-mail
			waited[i] = time.Since(since)
		}()
		go func() {
			defer both.Done()
			time.Sleep(time.Until(begin.Add(plan.end)))
			mail <- i
		}()
	}
	both.Wait()
	slowest := time.Duration(0)
	for _, one := range waited {
		if one > slowest {
			slowest = one
		}
	}
	return slowest
}
