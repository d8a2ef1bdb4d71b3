// Command server answers HTTP requests with net/http, and has a pool of workers do what they ask for:
//
//	POST /orders   a JSON order: a worker checks it, adds it up and signs it; the answer is JSON too
//
// A request passes three channels: it is queued for the workers (buffer of 64), the answer comes back on a channel of
// its own, while its handler waits in a select for that or for the client to go away, and the worker hands a line to the
// journal (buffer of 256). It prints "READY", then obeys lines on standard input until that is closed:
//
//	address    prints where it listens
//	count      prints how many orders have been answered, and the nanoseconds of processor time of the process
//	trace on   Go's execution tracer writes, and all of it is thrown away; `trace off` ends that
//	block on   Go's block profile, of every block; `block off` ends that
package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/trace"
	"sort"
	"sync/atomic"
	"syscall"
	"unsafe"
)

const workers = 8

type line struct {
	Article string `json:"article"`
	Pieces  int    `json:"pieces"`
	Cents   int    `json:"cents"`
}

type order struct {
	Customer string `json:"customer"`
	Lines    []line `json:"lines"`
}

type answer struct {
	Customer  string `json:"customer"`
	Cents     int    `json:"cents"`
	Dearest   line   `json:"dearest"`
	Signature string `json:"signature"`
}

type job struct {
	order order
	reply chan answer
}

var (
	jobs     = make(chan job, 64)
	journal  = make(chan string, 256)
	answered atomic.Int64
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go keepJournal()
	for range workers {
		go work()
	}
	http.HandleFunc("POST /orders", take)
	go func() { panic(http.Serve(listener, nil)) }()
	fmt.Println("READY")
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		fmt.Println(obey(input.Text(), listener))
	}
}

func obey(word string, listener net.Listener) string {
	switch word {
	case "address":
		return listener.Addr().String()
	case "count":
		return fmt.Sprint(answered.Load(), processorTime())
	case "trace on":
		if err := trace.Start(io.Discard); err != nil {
			panic(err)
		}
	case "trace off":
		trace.Stop()
	case "block on":
		runtime.SetBlockProfileRate(1)
	case "block off":
		runtime.SetBlockProfileRate(0)
	default:
		fmt.Fprintln(os.Stderr, "unknown:", word)
		os.Exit(2)
	}
	return "OK"
}

func take(w http.ResponseWriter, r *http.Request) {
	var asked order
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || len(asked.Lines) == 0 {
		http.Error(w, "not an order", http.StatusBadRequest)
		return
	}
	reply := make(chan answer, 1)
	select {
	case jobs <- job{asked, reply}:
	case <-r.Context().Done():
		return
	}
	select {
	case found := <-reply:
		answered.Add(1)
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(found); err != nil {
			return // the client went away
		}
	case <-r.Context().Done():
	}
}

func work() {
	for one := range jobs {
		found := checked(one.order)
		journal <- found.Signature
		one.reply <- found
	}
}

func checked(asked order) answer {
	found := answer{Customer: asked.Customer}
	for _, one := range asked.Lines {
		found.Cents += one.Pieces * one.Cents
	}
	sort.Slice(asked.Lines, func(i, j int) bool { return asked.Lines[i].Cents > asked.Lines[j].Cents })
	found.Dearest = asked.Lines[0]
	text, err := json.Marshal(asked)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(text)
	found.Signature = hex.EncodeToString(sum[:])
	return found
}

func keepJournal() {
	recent := make([]string, 1024)
	for number := 0; ; number++ {
		recent[number%len(recent)] = <-journal
	}
}

// processorTime is that of all threads, in the program and in the kernel.
func processorTime() int64 {
	const processCPUTime = 2 // CLOCK_PROCESS_CPUTIME_ID
	var now syscall.Timespec
	_, _, err := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, processCPUTime, uintptr(unsafe.Pointer(&now)), 0)
	if err != 0 {
		panic(err)
	}
	return now.Nano()
}
