package main

import (
	"net"
	"os"
	"os/signal"
	"reflect"
	"runtime"
	"sync"
	"syscall"
	"time"
)

var (
	mutex     sync.Mutex
	readWrite sync.RWMutex
	group     sync.WaitGroup
	condition = sync.NewCond(&sync.Mutex{})
	listener  net.Listener
	pipe      [2]int
)

// parkAll parks goroutines and returns how many it started. The numbers are primes, so that sums tell them apart.
func parkAll() int {
	return parkOnChannels() + parkOnSelects() + parkForEver() + parkOnTheRest() + parkInOddPlaces()
}

func parkOnChannels() int {
	for i := 0; i < 7; i++ {
		go func() { unbuffered <- 1 }()
	}
	for len(full) < cap(full) {
		full <- Price{len(full)}
	}
	for i := 0; i < 5; i++ {
		go sendPrice(Price{5})
	}
	for i := 0; i < 11; i++ {
		go func() { <-empty }()
	}
	for i := 0; i < 3; i++ {
		go receiveAll(ranged)
	}
	idle <- [3]byte{1}
	idle <- [3]byte{2}
	closed <- "left over"
	close(closed)
	note("unbuffered", unbuffered, 7, 0)
	note("full", full, 5, 0)
	note("empty", empty, 0, 11)
	note("ranged", ranged, 0, 3)
	note("idle", idle, 0, 0)
	note("closed", closed, 0, 0)
	return 7 + 5 + 11 + 3
}

func sendPrice(price Price) { full <- price }

func receiveAll(from chan Pair[string, int]) {
	for pair := range from {
		_ = pair
	}
}

// parkOnSelects has sends and receives in one select, and one channel in both directions of a select.
func parkOnSelects() int {
	for i := 0; i < 13; i++ {
		go func() {
			select {
			case mixed <- nil:
			case <-sharedA:
			case sharedB <- 1:
			}
		}()
	}
	go sendAndReceive()
	for i := 0; i < 2; i++ {
		go func() {
			select {
			case <-neverDone.Done():
			case <-ticker.C:
			case <-time.After(time.Hour):
			}
		}()
	}
	go func() {
		cases := []reflect.SelectCase{
			{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(reflected)},
			{Dir: reflect.SelectSend, Chan: reflect.ValueOf(reflectedS), Send: reflect.ValueOf(os.ErrClosed)},
			{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(reflected)},
		}
		reflect.Select(cases)
	}()
	note("mixed", mixed, 13, 0)
	note("sharedA", sharedA, 0, 13)
	note("sharedB", sharedB, 13, 0)
	note("both", both, 1, 1)
	note("done", neverDone.Done(), 0, 2)
	note("ticker", ticker.C, 0, 2)
	note("reflected", reflected, 0, 1)
	note("reflectedS", reflectedS, 1, 0)
	return 13 + 1 + 2 + 1
}

func sendAndReceive() {
	select {
	case both <- struct{ A, B uint16 }{1, 2}:
	case <-both:
	}
}

func parkForEver() int {
	for i := 0; i < 2; i++ {
		go func() { <-nilRecv }()
	}
	for i := 0; i < 3; i++ {
		go func() { nilSend <- "" }()
	}
	go func() { select {} }()
	go func() {
		select {
		case <-nilRecv:
		case nilSend <- "":
		}
	}()
	return 2 + 3 + 1 + 1
}

// parkOnTheRest parks on everything that is not a channel.
func parkOnTheRest() int {
	mutex.Lock()
	readWrite.Lock()
	group.Add(1)
	listener, _ = net.Listen("tcp", "127.0.0.1:0")
	if err := syscall.Pipe(pipe[:]); err != nil {
		panic(err)
	}
	go mutex.Lock()
	go func() { mutex.Lock() }()
	go readWrite.RLock()
	go readWrite.Lock()
	go group.Wait()
	go waitForCondition()
	go time.Sleep(time.Hour)
	go listener.Accept()
	go syscall.Read(pipe[0], make([]byte, 1))
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, syscall.SIGUSR2) // os/signal.loop
	runtime.SetFinalizer(&Price{}, func(*Price) {})
	note("signal", interrupted, 0, 0)
	return 9 + 1 + parkNew()
}

func waitForCondition() {
	condition.L.Lock()
	condition.Wait()
}

// parkInOddPlaces parks below deep, large, generic, deferred, reflected and wrapped frames.
func parkInOddPlaces() int {
	go func() { reflect.ValueOf(method).Send(reflect.ValueOf(uint8(1))) }()
	go func() { _, _ = made.Recv() }()
	go func() {
		defer func() {
			_ = recover()
			deferred <- true
		}()
		panic("on purpose")
	}()
	go func() {
		defer func() { deferred <- true }()
		runtime.Goexit()
	}()
	go descend(67)
	go descend(5)
	go descendFar(400)
	generic <- Pair[int, *Price]{}
	go push(generic, Pair[int, *Price]{})
	var taker Taker = &Shelf{Inner: Inner{}}
	go taker.Take()
	go Inner.Give(Inner{})
	go func() {
		runtime.LockOSThread()
		<-locked
	}()
	large <- [4096]byte{}
	note("method", method, 1, 0)
	note("made", made, 0, 1)
	note("deferred", deferred, 2, 0)
	note("deep", deep, 0, 3)
	note("generic", generic, 1, 0)
	note("large", large, 0, 0)
	note("locked", locked, 0, 1)
	note("taken", taken, 1, 0)
	note("given", given, 0, 1)
	return 11
}

func descend(depth int) {
	if depth == 0 {
		<-deep
		return
	}
	descend(depth - 1)
}

// descendFar has frames of a kilobyte, so that its stack is larger than what is copied at once.
func descendFar(depth int) byte {
	var room [1024]byte
	room[depth] = byte(depth)
	if depth == 0 {
		<-deep
		return 0
	}
	return descendFar(depth-1) + room[depth]
}

func push[T any](to chan T, value T) { to <- value }

// Taker is called through an interface, on a promoted method: the compiler makes wrappers.
type Taker interface{ Take() }

// Inner has the methods.
type Inner struct{}

// Shelf gets them by embedding.
type Shelf struct{ Inner }

var (
	taken = make(chan int16)
	given = make(chan int8)
)

// Take parks.
func (Inner) Take() { taken <- 1 }

// Give parks.
func (Inner) Give() { <-given }

func parkMore(count int) int {
	for i := 0; i < count; i++ {
		go func() { make(chan Price) <- Price{} }()
	}
	return count
}

func parkShared(count int) int {
	started := make(chan int)
	stop := neverStop.Done()
	for i := 0; i < count; i++ {
		go func() {
			select {
			case <-stop:
			case started <- 1:
			}
		}()
	}
	note("sharedStop", stop, 0, count)
	note("sharedStarted", started, count, 0)
	return count
}
