// Command client puts load on the server beside it. It prints "READY", then obeys lines on standard input until that is
// closed:
//
//	open ADDRESSES RATE MS SEED   RATE requests a second for so many milliseconds, on a schedule that is drawn from SEED
//	                            (Poisson) and never waits for answers: a request that could not be sent in time, or
//	                            that waited for others, has waited all the same. Orders differ in size, as they do in
//	                            life: half of them have 14 lines or fewer, and one of a hundred 350 or more. With two
//	                            ADDRESSES (a comma between) both get orders of the same sizes, in an order that is
//	                            drawn. Prints for each address the number of requests, of those that failed, and
//	                            nanoseconds from the time each was due to the end of its answer: the 50th, 90th and
//	                            99th percentile and the longest
//	closed ADDRESS CLIENTS MS   so many clients, each of which asks again as soon as it has its answer. Prints the number
//	                            of answers, of failures, and the nanoseconds that it took
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const connections = 256

var client = &http.Client{
	Timeout:   10 * time.Second,
	Transport: &http.Transport{MaxIdleConns: connections, MaxIdleConnsPerHost: connections},
}

func main() {
	fmt.Println("READY")
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		var word, address string
		var number, ms int
		var seed uint64
		text := input.Text()
		if n, _ := fmt.Sscan(text, &word, &address, &number, &ms, &seed); n == 5 && word == "open" {
			open(strings.Split(address, ","), number, time.Duration(ms)*time.Millisecond, seed)
		} else if n == 4 && word == "closed" {
			closed("http://"+address+"/orders", number, time.Duration(ms)*time.Millisecond)
		} else {
			fmt.Fprintln(os.Stderr, "unknown:", text)
			os.Exit(2)
		}
	}
}

func open(addresses []string, rate int, lasts time.Duration, seed uint64) {
	due := schedule(rate, lasts, seed)
	due = due[:len(due)/len(addresses)*len(addresses)]
	orders := bodies(len(due)/len(addresses), seed)
	to := turns(len(due), len(addresses), seed)
	took := make([]time.Duration, len(due))
	failed := make([]atomic.Int64, len(addresses))
	runtime.GC()
	var running sync.WaitGroup
	begin := time.Now()
	for number, at := range due {
		sleepUntil(begin.Add(at))
		running.Go(func() {
			if err := ask("http://"+addresses[to[number]]+"/orders", orders[number/len(addresses)]); err != nil {
				failed[to[number]].Add(1)
			}
			took[number] = time.Since(begin) - at
		})
	}
	running.Wait()
	var words []any
	for index := range addresses {
		var its []time.Duration
		for number, one := range took {
			if to[number] == index {
				its = append(its, one)
			}
		}
		slices.Sort(its)
		words = append(words, len(its), failed[index].Load(),
			quantile(its, 0.5), quantile(its, 0.9), quantile(its, 0.99), quantile(its, 1))
	}
	fmt.Println(words...)
}

// turns says which of so many addresses gets each request: each of them one of as many requests in a row.
func turns(requests, addresses int, seed uint64) []int {
	random := rand.New(rand.NewPCG(seed, 2))
	var found []int
	for len(found) < requests {
		found = append(found, random.Perm(addresses)...)
	}
	return found
}

// sleepUntil is exact: time.Sleep wakes on whole milliseconds when nothing else is going on.
func sleepUntil(due time.Time) {
	for rest := time.Until(due); rest > 0; rest = time.Until(due) { // a signal ends a sleep early
		still := syscall.NsecToTimespec(rest.Nanoseconds())
		_ = syscall.Nanosleep(&still, nil)
	}
}

// schedule is when each request is due, after the beginning: independent of each other, so many a second on average.
func schedule(rate int, lasts time.Duration, seed uint64) []time.Duration {
	random := rand.New(rand.NewPCG(seed, 0))
	var due []time.Duration
	for at := 0.0; ; {
		at += random.ExpFloat64() / float64(rate) * float64(time.Second)
		if at >= float64(lasts) {
			return due
		}
		due = append(due, time.Duration(at))
	}
}

// quantile of sorted values, in nanoseconds: the smallest that so large a part of all does not exceed.
func quantile(sorted []time.Duration, part float64) int64 {
	index := int(part*float64(len(sorted))+0.999999) - 1
	return sorted[min(max(index, 0), len(sorted)-1)].Nanoseconds()
}

func closed(url string, clients int, lasts time.Duration) {
	var answers, failed atomic.Int64
	var running sync.WaitGroup
	orders := bodies(1000, 1)
	begin := time.Now()
	for first := range clients {
		running.Go(func() {
			for number := first; time.Since(begin) < lasts; number++ {
				if err := ask(url, orders[number%len(orders)]); err != nil {
					failed.Add(1)
				} else {
					answers.Add(1)
				}
			}
		})
	}
	running.Wait()
	fmt.Println(answers.Load(), failed.Load(), time.Since(begin).Nanoseconds())
}

// Orders have as many lines as a Pareto distribution says.
const leastLines, mostLines, shape = 8, 1000, 1.2

func bodies(number int, seed uint64) [][]byte {
	random := rand.New(rand.NewPCG(seed, 1))
	found := make([][]byte, number)
	for index := range found {
		lines := leastLines * math.Pow(1-random.Float64(), -1/shape)
		found[index] = order(int(min(lines, mostLines)))
	}
	return found
}

func order(size int) []byte {
	type line struct {
		Article string `json:"article"`
		Pieces  int    `json:"pieces"`
		Cents   int    `json:"cents"`
	}
	lines := make([]line, size)
	for number := range lines {
		lines[number] = line{fmt.Sprintf("article %d", number), number%5 + 1, number * 37 % 991}
	}
	text, err := json.Marshal(map[string]any{"customer": "customer 7", "lines": lines})
	if err != nil {
		panic(err)
	}
	return text
}

func ask(url string, body []byte) error {
	response, err := client.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", response.StatusCode)
	}
	return nil
}
