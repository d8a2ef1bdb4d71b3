package main

import (
	"sort"
	"sync"
	"time"
)

const (
	f11Workers = 8
	f11Every   = 5 * time.Millisecond // between two jobs: a worker waits 40 ms for one
	f11Pause   = time.Second          // what the slow one takes off, after as much work
)

var (
	_ = register("F11", func(t *truth) { f11(t, f11Worker, true) }, func(t *truth) { f11(t, f11Worker, false) })
	_ = register("F11-select", func(t *truth) { f11(t, f11Selecting, true) },
		func(t *truth) { f11(t, f11Selecting, false) })
)

// f11Waits is how long each wait for a job took.
type f11Waits struct {
	mutex sync.Mutex
	all   []time.Duration
}

func (w *f11Waits) add(wait time.Duration) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.all = append(w.all, wait)
}

// tell says how many waits there were, and the longest of all but one in a thousand of them; then it forgets them.
func (w *f11Waits) tell(t *truth) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	sort.Slice(w.all, func(i, j int) bool { return w.all[i] > w.all[j] })
	t.add("waits", int64(len(w.all)))
	t.add("p999_ns", int64(w.all[len(w.all)/1000]))
	w.all = nil
}

// f11 hands jobs to workers that are always ready for them. A slow one pauses for a second after each second, and then
// all workers wait for so long. The words "fast" and "slow" make it so, "stop" hands out nothing any more until another
// word comes, "tell" says once what the workers have measured, and goes on as before.
func f11(t *truth, worker func(jobs <-chan int, closing <-chan struct{}, waits *f11Waits), slow bool) {
	jobs := make(chan int) // here: F11 made
	closing, waits := make(chan struct{}), &f11Waits{}
	defer close(closing)
	for i := 0; i < f11Workers; i++ {
		go worker(jobs, closing, waits) // here: F11 started
	}
	if slow {
		t.add("count", 1)
	}
	for last := time.Now(); ; {
		switch t.said() {
		case "fast":
			slow = false
		case "slow":
			slow = true
		case "stop":
			time.Sleep(f11Every)
			continue
		case "tell":
			waits.tell(t)
			t.say("")
		}
		if slow && time.Since(last) > f11Pause {
			t.begin()
			time.Sleep(f11Pause)
			last = time.Now()
		}
		time.Sleep(f11Every)
		jobs <- 1
	}
}

func f11Worker(jobs <-chan int, _ <-chan struct{}, waits *f11Waits) {
	for {
		began := time.Now()
		<-jobs // here: F11 stuck
		waits.add(time.Since(began))
	}
}

func f11Selecting(jobs <-chan int, closing <-chan struct{}, waits *f11Waits) {
	for {
		began := time.Now()
		select { // here: F11 select
		case <-jobs:
			waits.add(time.Since(began))
		case <-closing:
			return
		}
	}
}
