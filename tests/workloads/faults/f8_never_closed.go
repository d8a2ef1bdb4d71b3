package main

import (
	"sync"
	"time"
)

// Somebody collects what its workers find, and nobody says that there is no more. The twin closes, again and again.
var _ = register("F8", func(t *truth) {
	lookedAt()
	collect(t, false)
}, func(t *truth) {
	for ; ; time.Sleep(200 * time.Millisecond) {
		collect(t, true)
	}
})

// lookedAt waits until who has just come to watch has looked once: whether all that use a channel were seen is only
// known of those that are made after it.
func lookedAt() {
	time.Sleep(3 * time.Second)
}

func collect(t *truth, closes bool) {
	results := make(chan int) // here: F8 made
	var workers sync.WaitGroup
	for i := 0; i < 3; i++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			produce(results, 5)
		}()
	}
	go func() {
		workers.Wait()
		if closes {
			close(results)
		} else {
			t.add("goroutines", 1)
			t.begin()
		}
	}()
	for range results { // here: F8 stuck
	}
}

func produce(results chan<- int, number int) {
	for i := 0; i < number; i++ {
		time.Sleep(10 * time.Millisecond)
		results <- i
	}
}

// A server of which each request does that: the goroutines of one request after the other stay.
var _ = register("F8-requests", func(t *truth) {
	lookedAt()
	for ; ; time.Sleep(500 * time.Millisecond) {
		go request(t, false)
	}
}, func(t *truth) {
	for ; ; time.Sleep(500 * time.Millisecond) {
		go request(t, true)
	}
})

func request(t *truth, closes bool) {
	rows := make(chan int) // here: F8-requests made
	go func() {
		produce(rows, 2)
		if closes {
			close(rows)
		}
	}()
	seen := 0
	for range rows { // here: F8-requests stuck
		if seen++; seen == 2 && !closes {
			t.add("goroutines", 1)
			t.begin()
		}
	}
}

// The same, but who starts the producers lives on and could start more, for all that can be seen from outside.
var _ = register("F8-pipeline", func(t *truth) {
	lookedAt()
	for ; ; time.Sleep(500 * time.Millisecond) {
		pipeline(t, false)
	}
}, func(t *truth) {
	for ; ; time.Sleep(500 * time.Millisecond) {
		pipeline(t, true)
	}
})

func pipeline(t *truth, closes bool) {
	lines := make(chan int) // here: F8-pipeline made
	go func() {
		produce(lines, 2)
		if closes {
			close(lines)
		}
	}()
	go func() {
		seen := 0
		for range lines { // here: F8-pipeline stuck
			if seen++; seen == 2 && !closes {
				t.add("goroutines", 1)
				t.begin()
			}
		}
	}()
}
