package main

import (
	"errors"
	"sync"
	"time"
)

const f16Requests = 12

type f16Account struct {
	mutex   sync.Mutex
	balance int
}

var errF16Empty = errors.New("there is nothing on this account")

var (
	_ = register("F16", f16NeverUnlocked, f16Unlocked)
	_ = register("F16-rwmutex", f16ReaderStays, f16ReaderLeaves)
	_ = register("F16-waitgroup", f16Forgotten, f16Done)
)

// f16NeverUnlocked returns early once, without unlocking: all who come after that wait for ever.
func f16NeverUnlocked(t *truth) {
	account := &f16Account{}
	_ = account.takeBadly(1)
	t.begin()
	for i := 0; i < f16Requests; i++ {
		go account.takeBadly(1) // here: F16 started
		t.add("goroutines", 1)
	}
}

func (a *f16Account) takeBadly(amount int) error {
	a.mutex.Lock() // here: F16 stuck
	if a.balance < amount {
		return errF16Empty
	}
	a.balance -= amount
	a.mutex.Unlock()
	return nil
}

// f16Unlocked has as many who want the lock all the time, each of whom holds it for long, and gives it back.
func f16Unlocked(t *truth) {
	account := &f16Account{}
	for i := 0; i < f16Requests; i++ {
		go func() {
			for {
				_ = account.take(1)
			}
		}()
	}
}

func (a *f16Account) take(amount int) error {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	time.Sleep(100 * time.Millisecond)
	if a.balance < amount {
		return errF16Empty
	}
	a.balance -= amount
	return nil
}

// f16ReaderStays is a reader of a cache that never gives its lock back: the one who wants to write waits, and so do all
// who want to read after that.
func f16ReaderStays(t *truth) {
	var cache sync.RWMutex
	cache.RLock()
	t.begin()
	go func() {
		cache.Lock() // here: F16-rwmutex stuck
		cache.Unlock()
	}()
	t.add("goroutines", 1)
}

// f16ReaderLeaves gives it back.
func f16ReaderLeaves(t *truth) {
	var cache sync.RWMutex
	for i := 0; i < f16Requests; i++ {
		go func() {
			for {
				cache.RLock()
				time.Sleep(20 * time.Millisecond)
				cache.RUnlock()
			}
		}()
	}
	for {
		cache.Lock()
		time.Sleep(20 * time.Millisecond)
		cache.Unlock()
	}
}

// f16Forgotten waits for work that ends without saying so, whenever there is an error; two requests a second.
func f16Forgotten(t *truth) {
	t.begin()
	for {
		go func() { // here: F16-waitgroup started
			var all sync.WaitGroup
			all.Add(1)
			go func() {
				if time.Now().UnixNano() > 0 {
					return
				}
				all.Done()
			}()
			all.Wait() // here: F16-waitgroup stuck
		}()
		t.add("goroutines", 1)
		time.Sleep(500 * time.Millisecond)
	}
}

// f16Done says so in any case. The work takes from no time to a minute and a half.
func f16Done(t *truth) {
	for i := 0; ; i++ {
		pause := time.Duration(i%10) * 10 * time.Second
		go func() {
			var all sync.WaitGroup
			all.Add(1)
			go func() {
				defer all.Done()
				time.Sleep(pause)
			}()
			all.Wait()
		}()
		time.Sleep(500 * time.Millisecond)
	}
}
