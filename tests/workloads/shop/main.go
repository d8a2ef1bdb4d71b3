// Command shop is the workload whose numbers are known exactly: what it does with channels is drawn at run time from
// a seed that it prints, and what it did is reported by itself. It talks line by line:
//
//	shop:   seed 42
//	        pid 4711
//	        pprof http://127.0.0.1:40001     only with -pprof
//	        READY
//	tester: go
//	shop:   DONE                             everything that finishes has finished; what blocks for ever is blocked
//	tester: report                           may be asked again
//	shop:   {"seed": 42, "channels": {"main.go:57": {...}, ...}, ...}    on one line
//
// and it lives until its standard input is closed. Channels are keyed by the file and line of their make. Nothing but
// sleeping, reading input and sync.WaitGroup is used to coordinate, so that every channel in this program is in the
// report. Each channel has an element type of its own.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime"
	"strings"
	"time"
)

func main() {
	seed := flag.Uint64("seed", 0, "seed of all numbers; 0 draws one")
	blockFirst := flag.Bool("block-first", false, "goroutines that block for ever do so before READY")
	pprof := flag.String("pprof", "", "serve net/http/pprof at this loopback address, such as 127.0.0.1:0")
	flag.Parse()
	if *seed == 0 {
		*seed = rand.Uint64N(1_000_000) + 1
	}
	fmt.Printf("seed %d\npid %d\n", *seed, os.Getpid())
	if *pprof != "" {
		servePprof(*pprof)
	}

	plan := draw(rand.New(rand.NewPCG(*seed, 0)))
	report := newReport(*seed)
	if *blockFirst {
		blockForEver(plan, report)
	}
	fmt.Println("READY")

	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		switch input.Text() {
		case "go":
			trade(plan, report)
			if !*blockFirst {
				blockForEver(plan, report)
			}
			fmt.Println("DONE")
		case "report":
			report.check()
			report.Goroutines = runtime.NumGoroutine()
			line, err := json.Marshal(report)
			if err != nil {
				panic(err)
			}
			fmt.Println(string(line))
		}
	}
	runtime.KeepAlive(report)
}

func servePprof(address string) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	fmt.Printf("pprof http://%s\n", listener.Addr())
	go func() { _ = http.Serve(listener, nil) }()
}

// waitForStuck returns when this many goroutines are parked in a plain send and in a plain receive.
func waitForStuck(senders, receivers int) {
	buffer := make([]byte, 1<<22)
	for {
		dump := string(buffer[:runtime.Stack(buffer, true)])
		if strings.Count(dump, " [chan send") >= senders && strings.Count(dump, " [chan receive") >= receivers {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}
