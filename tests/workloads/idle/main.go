// Command idle is healthy, in one of ten ways in which healthy programs have goroutines that wait for a long time:
//
//	idle pool
//
// It prints "ready", and then answers each line of its standard input with the number of things it has done. It ends with
// its standard input, or after ten minutes.
package main

import (
	"bufio"
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

const lifetime = 10 * time.Minute

// done is counted by every shape: one that does nothing would prove nothing.
var done atomic.Int64

var shapes = map[string]func(){
	"pool":      pool,
	"ticker":    tickers,
	"signal":    signals,
	"context":   contexts,
	"http":      server,
	"cond":      conds,
	"errgroup":  groups,
	"semaphore": semaphores,
	"pubsub":    publish,
	"longpoll":  longPolls,
}

func main() {
	if len(os.Args) != 2 || shapes[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: idle SHAPE")
		os.Exit(2)
	}
	time.AfterFunc(lifetime, func() { os.Exit(0) })
	go shapes[os.Args[1]]()
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(done.Load())
	}
}
