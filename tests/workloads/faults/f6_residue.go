package main

import "time"

var (
	_ = register("F6", f6Bad, f6Good)
	_ = register("F6-gone", f6GoneBad, f6Good)
)

var (
	f6Kept    []chan int
	f6Garbage []byte
)

// f6Bad: the consumer ends with the first error; what is still in the buffer when the channel is closed stays there.
func f6Bad(t *truth) {
	time.Sleep(5 * time.Second)
	for n := 0; n < 3; n++ {
		jobs := make(chan int, 16) // here: F6 made
		f6Kept = append(f6Kept, jobs)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			f6UntilError(jobs)
		}()
		for job := 0; job < 7; job++ {
			jobs <- job
		}
		<-ended
		close(jobs) // here: F6 stuck
		t.add("count", 4)
	}
	t.begin()
}

// f6GoneBad: the same, and the channels are gone with what is in them.
func f6GoneBad(t *truth) {
	for n := 0; n < 10; n++ {
		f6Drop(t)
	}
	t.begin()
	for {
		f6Garbage = make([]byte, 1<<20) // so that the collector has something to do
		time.Sleep(100 * time.Millisecond)
	}
}

//go:noinline
func f6Drop(t *truth) {
	events := make(chan int, 8) // here: F6-gone made
	for event := 0; event < 5; event++ {
		events <- event
	}
	<-events
	<-events
	close(events) // here: F6-gone stuck
	t.add("count", 3)
}

// f6Good: who closes a channel leaves what is in it to a consumer that drains it, however slowly.
func f6Good(t *truth) {
	for {
		jobs := make(chan int, 16)
		for job := 0; job < 7; job++ {
			jobs <- job
		}
		close(jobs)
		for range jobs {
			time.Sleep(900 * time.Millisecond)
		}
	}
}

// f6UntilError receives three.
func f6UntilError(jobs <-chan int) {
	for job := range jobs {
		if job == 2 {
			return
		}
	}
}
