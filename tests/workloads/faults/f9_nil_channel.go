package main

import "time"

// Workers wait for the next job on a channel that was declared and never made: a nil channel blocks for ever.
var _ = register("F9", func(t *truth) {
	var jobs chan int
	for i := 0; i < 4; i++ {
		go nilWorker(jobs)
	}
	told(t, 4)
}, func(t *truth) {
	jobs := make(chan int)
	for i := 0; i < 4; i++ {
		go nilWorker(jobs)
	}
	for i := 0; ; i++ {
		jobs <- i
		time.Sleep(100 * time.Millisecond)
	}
})

func nilWorker(jobs <-chan int) {
	for {
		<-jobs // here: F9 stuck
	}
}

// The same for who sends: results go nowhere.
var _ = register("F9-send", func(t *truth) {
	var results chan int
	for i := 0; i < 3; i++ {
		go nilReporter(results)
	}
	told(t, 3)
}, func(t *truth) {
	results := make(chan int)
	for i := 0; i < 3; i++ {
		go nilReporter(results)
	}
	for range results {
	}
})

func nilReporter(results chan<- int) {
	for i := 0; ; i++ {
		results <- i // here: F9-send stuck
		time.Sleep(100 * time.Millisecond)
	}
}

// A worker that has nothing more to do blocks itself instead of returning: `select {}` is for the main goroutine. The
// main goroutine of this program waits for its standard input.
var _ = register("F9-select", func(t *truth) {
	for i := 0; i < 2; i++ {
		go func() {
			time.Sleep(time.Millisecond)
			select {} // here: F9-select stuck
		}()
	}
	told(t, 2)
}, func(t *truth) {
	for ; ; time.Sleep(100 * time.Millisecond) {
		go time.Sleep(time.Millisecond)
	}
})

// A select that switches its cases off by setting them to nil, as one should, and forgets to stop when none is left. The
// twin has these cases off as well, and another one that is used.
var _ = register("F9-off", func(t *truth) {
	for i := 0; i < 3; i++ {
		go nilMerge(lastOne(), lastOne(), nil)
	}
	told(t, 3)
}, func(t *truth) {
	more := make(chan int)
	go nilMerge(lastOne(), lastOne(), more)
	for i := 0; ; i++ {
		more <- i
		time.Sleep(100 * time.Millisecond)
	}
})

func lastOne() <-chan int {
	c := make(chan int, 1)
	c <- 0
	return c
}

func nilMerge(a, b, more <-chan int) {
	for {
		select { // here: F9-off stuck
		case <-a:
			a = nil
		case <-b:
			b = nil
		case <-more:
		}
	}
}

// told says that so many goroutines are stuck from now on, once they have had the time to.
func told(t *truth, goroutines int64) {
	time.Sleep(50 * time.Millisecond)
	t.add("goroutines", goroutines)
	t.begin()
}
