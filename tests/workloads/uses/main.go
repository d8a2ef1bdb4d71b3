// Command uses uses channels in many ways, each from functions of its own, and remembers who did: for each channel the
// elements sent and received, and the goroutines on each side with those that started them, as the runtime prints their
// ids. It says "READY", reads one line, a seed, and answers with one line of JSON; then it stays. It uses nothing newer than Go 1.19.
//
// A line that uses a channel says so: "// send NAME", "// recv NAME".
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	sending = iota
	receiving
)

// channel is one channel with what was done with it. users: goroutine to the one that started it, for each side.
type channel struct {
	Address  string             `json:"address"`
	Sent     int                `json:"sent"`
	Received int                `json:"received"`
	Users    [2]map[int64]int64 `json:"users"`

	c    chan int
	lock sync.Mutex
}

var channels = map[string]*channel{}

func named(name string, c chan int) *channel {
	made := &channel{Address: fmt.Sprintf("%p", c), c: c, Users: [2]map[int64]int64{{}, {}}}
	channels[name] = made
	return made
}

// by says that a goroutine uses the channel, before it does.
func (c *channel) by(side int, w who) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.Users[side][w.id] = w.parent
}

func (c *channel) sent(elements int) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.Sent += elements
}

func (c *channel) received(elements int) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.Received += elements
}

// who is a goroutine, and who started it.
type who struct{ id, parent int64 }

func own() int64 {
	var text [64]byte
	header := string(text[:runtime.Stack(text[:], false)])
	id, err := strconv.ParseInt(strings.Fields(header)[1], 10, 64)
	if err != nil {
		panic(err)
	}
	return id
}

var running sync.WaitGroup

// start starts a goroutine that `finish` waits for.
func start(f func(who)) {
	parent := own()
	running.Add(1)
	go func() {
		defer running.Done()
		f(who{own(), parent})
	}()
}

// stay starts one that never ends.
func stay(f func(who)) {
	parent := own()
	go func() { f(who{own(), parent}) }()
}

func finish() { running.Wait() }

func main() {
	runtime.GC() // starts the collector's workers, which in some versions say through a channel that they are ready
	fmt.Println("READY")
	in := bufio.NewScanner(os.Stdin)
	in.Scan()
	seed, err := strconv.ParseInt(in.Text(), 10, 64)
	if err != nil {
		panic(err)
	}
	random := rand.New(rand.NewSource(seed))
	for _, use := range []func(){buffered, handed, chosen, reflected, many, closed, parked} {
		use()
		finish()
	}
	for _, c := range channels {
		c.lock.Lock() // for good: those that stay have said what they do
	}
	json.NewEncoder(os.Stdout).Encode(map[string]any{"channels": channels, "again": again(random)})
	in.Scan()
	runtime.KeepAlive(channels)
}

const elements = 300

func buffered() {
	c := named("buffered", make(chan int, 4))
	start(func(w who) { c.put(w) })
	start(func(who) { start(c.putMore) })
	start(c.take)
}

func (c *channel) put(w who) {
	c.by(sending, w)
	for n := 0; n < elements; n++ {
		c.c <- n // send buffered
		c.sent(1)
	}
}

func (c *channel) putMore(w who) {
	c.by(sending, w)
	for n := 0; n < elements; n++ {
		c.c <- n // send buffered
		c.sent(1)
	}
}

func (c *channel) take(w who) {
	c.by(receiving, w)
	for n := 0; n < 2*elements; n++ {
		<-c.c // recv buffered
		c.received(1)
	}
}

func handed() {
	c := named("handed", make(chan int))
	for n := 0; n < 3; n++ {
		start(c.hand)
	}
	start(c.accept)
	start(c.acceptOK)
}

func (c *channel) hand(w who) {
	c.by(sending, w)
	for n := 0; n < 2*elements; n++ {
		c.c <- n // send handed
		c.sent(1)
	}
}

func (c *channel) accept(w who) {
	c.by(receiving, w)
	for n := 0; n < 3*elements; n++ {
		<-c.c // recv handed
		c.received(1)
	}
}

func (c *channel) acceptOK(w who) {
	c.by(receiving, w)
	for n := 0; n < 3*elements; n++ {
		if _, ok := <-c.c; ok { // recv handed
			c.received(1)
		}
	}
}

// chosen: both sides select, so that each is parked in a select now and then.
func chosen() {
	one, other := named("one", make(chan int)), named("other", make(chan int, 1))
	start(func(w who) {
		for n := 0; n < elements; n++ {
			select { // send one, send other
			case one.c <- n:
				one.by(sending, w)
				one.sent(1)
			case other.c <- n:
				other.by(sending, w)
				other.sent(1)
			}
		}
	})
	start(func(w who) {
		for n := 0; n < elements; n++ {
			if n%10 == 0 {
				time.Sleep(10 * time.Microsecond)
			}
			select { // recv one, recv other
			case <-one.c:
				one.by(receiving, w)
				one.received(1)
			case <-other.c:
				other.by(receiving, w)
				other.received(1)
			}
		}
	})
}

func reflected() {
	c, d := named("reflected", make(chan int, 1)), named("tried", make(chan int, 3))
	start(func(w who) {
		c.by(sending, w)
		for n := 0; n < elements; n++ {
			reflect.ValueOf(c.c).Send(reflect.ValueOf(n)) // send reflected
			c.sent(1)
		}
	})
	start(func(w who) {
		c.by(receiving, w)
		for n := 0; n < elements; n++ {
			reflect.ValueOf(c.c).Recv() // recv reflected
			c.received(1)
		}
	})
	finish()
	start(func(w who) {
		cases := []reflect.SelectCase{{Dir: reflect.SelectSend, Chan: reflect.ValueOf(c.c), Send: reflect.ValueOf(1)}}
		c.by(sending, w)
		reflect.Select(cases) // send reflected
		c.sent(1)
	})
	start(func(w who) {
		cases := []reflect.SelectCase{{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(c.c)}}
		c.by(receiving, w)
		reflect.Select(cases) // recv reflected
		c.received(1)
	})
	start(func(w who) {
		d.by(sending, w)
		if reflect.ValueOf(d.c).TrySend(reflect.ValueOf(1)) { // send tried
			d.sent(1)
		}
	})
	start(func(w who) {
		select {
		case d.c <- 2: // send tried
			d.by(sending, w)
			d.sent(1)
		default:
		}
	})
	finish()
	start(func(w who) {
		d.by(receiving, w)
		if _, ok := reflect.ValueOf(d.c).TryRecv(); ok { // recv tried
			d.received(1)
		}
	})
	start(func(w who) {
		select {
		case <-d.c: // recv tried
			d.by(receiving, w)
			d.received(1)
		default:
		}
	})
}

// many: more goroutines on one side than are remembered, one after the other.
func many() {
	c := named("many", make(chan int, 10))
	for n := 0; n < 7; n++ {
		start(func(w who) {
			c.by(sending, w)
			c.c <- 1 // send many
			c.sent(1)
		})
		finish()
	}
	start(func(w who) {
		c.by(receiving, w)
		for n := 0; n < 7; n++ {
			<-c.c // recv many
			c.received(1)
		}
	})
}

func closed() {
	c := named("closed", make(chan int, 1))
	start(func(w who) {
		c.by(sending, w)
		c.c <- 1 // send closed
		c.sent(1)
	})
	finish()
	close(c.c)
	for n := 0; n < 2; n++ {
		start(func(w who) {
			c.by(receiving, w)
			if _, ok := <-c.c; ok { // recv closed
				c.received(1)
			}
		})
		finish()
	}
	start(func(w who) {
		c.by(receiving, w)
		select { // recv closed
		case <-c.c:
		case <-(chan int)(nil):
		}
	})
}

// parked: nobody ever comes.
func parked() {
	to, from := named("to", make(chan int)), named("from", make(chan int))
	stay(func(w who) {
		to.by(sending, w)
		to.c <- 1 // send to
	})
	stay(func(w who) {
		from.by(receiving, w)
		<-from.c // recv from
	})
	time.Sleep(100 * time.Millisecond)
}

// again makes channels where others were: by address, how many elements were sent to the last one there.
func again(random *rand.Rand) map[string]int {
	last := map[string]int{}
	for n := 0; n < 3000; n++ {
		c := make(chan int, 3)
		sent := random.Intn(4)
		for k := 0; k < sent; k++ {
			c <- k
		}
		last[fmt.Sprintf("%p", c)] = sent
		if n%500 == 0 {
			runtime.GC()
		}
	}
	return last
}
