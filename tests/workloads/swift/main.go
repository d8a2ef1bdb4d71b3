// Command swift uses channels from its first line on, for as long as it is told, and says what it has done when it ends.
//
//	swift [-for 50ms] [-seed 42] [-exec PATH -- [ARGUMENT...]]
//	READY 4711 42                   its process id, and the seed of its numbers
//	{"main.go:51": {...}, ...}      the truth, by the line of the make
//
// -exec: instead of ending it becomes that program, when it has said the truth. It uses nothing newer than Go 1.19.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"syscall"
	"time"
)

// Truth is what the program did with the channels of one line: the names are those that otelchan has for it.
type Truth struct {
	Made       int `json:"made"`
	Sent       int `json:"send_ok"`
	Received   int `json:"recv_ok"`
	FromClosed int `json:"recv_closed"`
	Closed     int `json:"closes"`
	Residue    int `json:"residue"`
	Drained    int `json:"drained"`
}

type early struct{ number int }
type queued struct{ number int }
type handed struct{ number int }
type many struct{ number int }

// Before main runs: nothing in this program is earlier than this make.
var first = make(chan early, 8)

func main() {
	for number := 0; number < cap(first); number++ {
		first <- early{number}
	}
	queue := make(chan queued, 64)
	hand := make(chan handed)

	length := flag.Duration("for", 50*time.Millisecond, "how long it lives")
	seed := flag.Int64("seed", 0, "seed of its numbers; 0 draws one")
	next := flag.String("exec", "", "what it becomes instead of ending")
	flag.Parse()
	end := time.Now().Add(*length)
	if *seed == 0 {
		*seed = time.Now().UnixNano() % 1_000_000
	}
	random := rand.New(rand.NewSource(*seed))
	fmt.Println("READY", os.Getpid(), *seed)

	truth := map[string]*Truth{
		"main.go:37": {Made: 1, Sent: cap(first)},
		"main.go:43": {Made: 1, Closed: 1},
		"main.go:44": {Made: 1, Closed: 1},
		"main.go:86": {},
	}
	truth["main.go:43"].Sent = random.Intn(60) + 1
	truth["main.go:44"].Sent = random.Intn(100) + 1
	truth["main.go:86"].Made = random.Intn(40) + 1
	work(truth, queue, hand)

	for range first {
		truth["main.go:37"].Received++
		if len(first) == 0 {
			break
		}
	}
	text, _ := json.Marshal(truth)
	time.Sleep(time.Until(end))
	fmt.Println(string(text))
	if *next != "" {
		arguments := append([]string{*next}, flag.Args()...)
		panic(syscall.Exec(*next, arguments, os.Environ()))
	}
}

func work(truth map[string]*Truth, queue chan queued, hand chan handed) {
	queues, hands, makes := truth["main.go:43"], truth["main.go:44"], truth["main.go:86"]
	for number := 0; number < makes.Made; number++ {
		one := make(chan many, 1)
		one <- many{number}
		<-one
		makes.Sent++
		makes.Received++
	}
	for number := 0; number < queues.Sent; number++ {
		queue <- queued{number}
	}
	queues.Residue = len(queue)
	close(queue)
	for range queue {
		queues.Received++
		queues.Drained++
	}
	queues.FromClosed++
	go func() {
		for number := 0; number < hands.Sent; number++ {
			hand <- handed{number}
		}
		close(hand)
	}()
	for range hand {
		hands.Received++
	}
	hands.FromClosed++
}
