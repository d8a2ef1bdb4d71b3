package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

// listen is on a free port of the loopback interface.
func listen(handler http.Handler) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() { _ = http.Serve(listener, handler) }()
	return "http://" + listener.Addr().String()
}

func get(client *http.Client, url string) {
	response, err := client.Get(url)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	done.Add(1)
}

// server: an http server with connections that are kept alive and mostly idle.
func server() {
	url := listen(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "hello") }))
	for i := 0; i < 20; i++ {
		client := &http.Client{Transport: &http.Transport{}}
		pause := time.Duration(i+1) * time.Second
		go func() {
			for {
				get(client, url)
				time.Sleep(pause)
			}
		}()
	}
}

// longPolls: requests that are answered when something happens, after ten to twenty seconds, or not at all for half a
// minute; new ones come all the time.
func longPolls() {
	var mutex sync.Mutex
	waiting := map[chan string]bool{}
	url := listen(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		event := make(chan string, 1)
		mutex.Lock()
		waiting[event] = true
		mutex.Unlock()
		defer func() {
			mutex.Lock()
			delete(waiting, event)
			mutex.Unlock()
		}()
		select {
		case text := <-event:
			fmt.Fprintln(w, text)
		case <-time.After(30 * time.Second):
		case <-r.Context().Done():
		}
	}))
	for i := 0; i < 60; i++ {
		time.Sleep(100 * time.Millisecond)
		go func() {
			for client := (&http.Client{}); ; {
				get(client, url)
			}
		}()
	}
	for {
		time.Sleep(11 * time.Second)
		mutex.Lock()
		for event := range waiting {
			select {
			case event <- "news":
			default:
			}
		}
		mutex.Unlock()
	}
}

// groups: work in parts under an errgroup with a limit, some of which take long, and one group that never ends.
func groups() {
	service, _ := errgroup.WithContext(context.Background())
	for i := 0; i < 3; i++ {
		requests := make(chan int)
		service.Go(func() error {
			for range requests {
				done.Add(1)
			}
			return nil
		})
		service.Go(func() error {
			for {
				requests <- 1
				time.Sleep(9 * time.Second)
			}
		})
	}
	go func() { _ = service.Wait() }()
	for {
		batch, ctx := errgroup.WithContext(context.Background())
		batch.SetLimit(4)
		for i := 0; i < 12; i++ {
			pause := time.Duration(i%4) * 2 * time.Second
			batch.Go(func() error {
				select {
				case <-time.After(pause):
				case <-ctx.Done():
				}
				done.Add(1)
				return nil
			})
		}
		_ = batch.Wait()
	}
}

// semaphores: more who want in than may, in both of the usual forms; each waits for seconds, and all get on.
func semaphores() {
	weighted, slots := semaphore.NewWeighted(3), make(chan struct{}, 3)
	for i := 0; i < 24; i++ {
		go func() {
			for {
				if weighted.Acquire(context.Background(), 1) == nil {
					time.Sleep(700 * time.Millisecond)
					weighted.Release(1)
					done.Add(1)
				}
			}
		}()
		go func() {
			for {
				slots <- struct{}{}
				time.Sleep(700 * time.Millisecond)
				<-slots
				done.Add(1)
			}
		}()
	}
}

// publish: a publisher that waits for its slowest subscriber, and subscribers that wait for news; some leave, some come.
func publish() {
	type subscriber chan int
	var mutex sync.Mutex
	subscribers := map[subscriber]bool{}
	subscribe := func(pause time.Duration, messages int) {
		own := make(subscriber, 2)
		mutex.Lock()
		subscribers[own] = true
		mutex.Unlock()
		go func() {
			for i := 0; messages == 0 || i < messages; i++ {
				<-own
				time.Sleep(pause)
				done.Add(1)
			}
			go func() { // what is on its way, until nobody sends any more
				for range own {
				}
			}()
			mutex.Lock()
			delete(subscribers, own)
			mutex.Unlock()
			close(own)
		}()
	}
	for i := 0; i < 10; i++ {
		subscribe(time.Duration(i)*150*time.Millisecond, 0)
	}
	for i := 1; ; i++ {
		if i%10 == 0 {
			subscribe(time.Second, 5)
		}
		mutex.Lock()
		for each := range subscribers {
			each <- i
		}
		mutex.Unlock()
		time.Sleep(300 * time.Millisecond)
		if i%40 == 0 {
			time.Sleep(12 * time.Second)
		}
	}
}
