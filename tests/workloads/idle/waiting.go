package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// pool: workers that wait for work which comes in bursts, from goroutines that hand it in and end, and results that are
// collected by one that never ends. Between bursts all of them wait, and the senders are gone.
func pool() {
	jobs, results := make(chan int, 16), make(chan int)
	stop := make(chan struct{}) // closed at the end of the program, which does not come
	for i := 0; i < 40; i++ {
		go func() {
			for {
				select {
				case job := <-jobs:
					results <- job
				case <-stop:
					return
				}
			}
		}()
	}
	for i := 0; i < 10; i++ {
		go func() {
			for job := range jobs {
				results <- job
			}
		}()
	}
	go func() {
		for range results {
			done.Add(1)
		}
	}()
	go func() { <-stop }()
	for {
		for i := 0; i < 20; i++ {
			go func(job int) { jobs <- job }(i)
		}
		time.Sleep(7 * time.Second)
	}
}

// tickers: what is done again and again, from every 200 milliseconds to once an hour, and what is done later.
func tickers() {
	for _, every := range []time.Duration{200 * time.Millisecond, time.Second, 20 * time.Second, time.Hour} {
		ticks, quit := time.NewTicker(every), make(chan bool)
		go func() {
			for {
				select {
				case <-ticks.C:
					done.Add(1)
				case <-quit:
					return
				}
			}
		}()
	}
	for {
		select {
		case <-time.After(3 * time.Second):
			done.Add(1)
		case <-time.After(time.Hour):
		}
	}
}

// signals: a program that waits to be told something by the system, in two places.
func signals() {
	told, asked := make(chan os.Signal, 1), make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGUSR1)
	signal.Notify(asked, syscall.SIGUSR2, syscall.SIGHUP)
	go func() {
		for range asked {
			done.Add(1)
		}
	}()
	go func() {
		for {
			time.Sleep(5 * time.Second)
			_ = syscall.Kill(os.Getpid(), syscall.SIGUSR2)
		}
	}()
	<-told
}

// contexts: connections that stay open until they are told to end; every few seconds some more come, and few go.
func contexts() {
	all, cancel := context.WithCancel(context.Background())
	defer cancel()
	for {
		for i := 0; i < 5; i++ {
			one, end := context.WithTimeout(all, 90*time.Second)
			messages := make(chan string)
			go func() {
				defer end()
				for {
					select {
					case <-messages:
					case <-one.Done():
						return
					}
				}
			}()
			context.AfterFunc(one, func() { done.Add(1) })
			go func() { <-one.Done() }()
			done.Add(1)
		}
		time.Sleep(2 * time.Second)
	}
}

// conds: a pool that waits on a condition variable and is woken in bursts; one that is told all at once.
func conds() {
	var mutex sync.Mutex
	work, news := sync.NewCond(&mutex), sync.NewCond(&mutex)
	todo := 0
	for i := 0; i < 20; i++ {
		go func() {
			for {
				mutex.Lock()
				for todo == 0 {
					work.Wait()
				}
				todo--
				mutex.Unlock()
				done.Add(1)
			}
		}()
		go func() {
			for {
				mutex.Lock()
				news.Wait()
				mutex.Unlock()
			}
		}()
	}
	for {
		time.Sleep(6 * time.Second)
		mutex.Lock()
		todo += 10
		mutex.Unlock()
		work.Broadcast()
		time.Sleep(34 * time.Second)
		news.Broadcast()
	}
}
