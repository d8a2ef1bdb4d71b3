// Command leaky is a small price service with one mistake, the classic one: a request that has timed out leaves the
// goroutine that was looking up its answer blocked for ever, on a channel nobody receives from any more. Four such
// goroutines a second are lost. Everything else it does with channels is healthy, so that a tool which calls every
// waiting goroutine a leak is found out: an idle worker pool, a busy queue, back-pressure, tickers, a shutdown channel.
//
// It prints its process id and ends by itself.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

const (
	patience    = 20 * time.Millisecond // how long a request waits for its answer
	slowLookup  = 60 * time.Millisecond // what every tenth lookup takes
	quickLookup = time.Millisecond      // what the others take
)

var errTimeout = errors.New("no price in time")

// Price is the answer to a request.
type Price struct{ Cents int }

// Job is work for the pool of workers, which is idle most of the time.
type Job struct{ ID int }

// Entry is a line of the journal: written quickly, stored in batches.
type Entry struct{ Text string }

func main() {
	lifetime := flag.Duration("lifetime", 5*time.Minute, "end after this time")
	every := flag.Duration("every", 25*time.Millisecond, "time between requests; every tenth of them leaks")
	flag.Parse()
	fmt.Printf("pid %d\n", os.Getpid())

	ctx, cancel := context.WithTimeout(context.Background(), *lifetime)
	defer cancel()
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)

	journal := startJournal()
	startPool(8)
	shutdown := make(chan struct{})
	for range 3 {
		go func() { <-shutdown }() // idle by design: waits for the end of the program
	}
	go serve(*every, journal)

	select {
	case <-ctx.Done():
	case <-interrupted:
	}
	close(shutdown)
}

// serve handles one request per tick.
func serve(every time.Duration, journal chan<- Entry) {
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for id := 0; ; id++ {
		<-ticks.C
		go handle(id, journal)
	}
}

// handle is the request handler: it asks for a price and notes in the journal what came of it.
func handle(id int, journal chan<- Entry) {
	price, err := askPrice(id)
	if err != nil {
		journal <- Entry{fmt.Sprintf("request %d: %v", id, err)}
		return
	}
	journal <- Entry{fmt.Sprintf("request %d: %d cents", id, price.Cents)}
}

// askPrice is the mistake: the channel has no room for the answer, so a lookup that is late can never deliver it.
func askPrice(id int) (Price, error) {
	answer := make(chan Price) // leak: the channel is made here
	go func() {
		answer <- lookup(id) // leak: the goroutines are stuck here
	}()
	select {
	case price := <-answer:
		return price, nil
	case <-time.After(patience):
		return Price{}, errTimeout
	}
}

func lookup(id int) Price {
	if id%10 == 0 {
		time.Sleep(slowLookup)
	} else {
		time.Sleep(quickLookup)
	}
	return Price{Cents: 100 + id%900}
}

// startPool starts workers that wait for jobs; one job comes every two seconds, so most of them wait for long.
func startPool(workers int) {
	jobs := make(chan Job, 4)
	for range workers {
		go func() {
			for range jobs {
				time.Sleep(5 * time.Millisecond)
			}
		}()
	}
	go func() {
		ticks := time.NewTicker(2 * time.Second)
		for id := 0; ; id++ {
			<-ticks.C
			jobs <- Job{id}
		}
	}()
}

// startJournal starts a writer that is slower than a burst of entries: senders wait for it, briefly, and get through.
func startJournal() chan<- Entry {
	entries := make(chan Entry, 16)
	go func() {
		for entry := range entries {
			if len(entry.Text)%7 == 0 {
				time.Sleep(15 * time.Millisecond)
			}
		}
	}()
	go func() { // the nightly report, every second here: a burst that meets back-pressure
		for {
			time.Sleep(time.Second)
			for line := range 40 {
				entries <- Entry{fmt.Sprintf("report line %d", line)}
			}
		}
	}()
	return entries
}
