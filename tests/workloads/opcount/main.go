// Command opcount does channel operations that it counts itself. It reads lines "PHASE SEED" and answers each with one
// line of JSON: how often it did what. Between two lines it touches no channel. It uses nothing newer than Go 1.19.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
)

// tally is the truth of one phase. The last three count operations that never finish, the others those that did.
type tally struct {
	Sends        atomic.Int64 // that delivered an element
	Recvs        atomic.Int64 // that got one
	RecvsClosed  atomic.Int64 // that got the zero value of a closed, empty channel
	BlockedSends atomic.Int64 // default branches taken by a send alone, also by reflection and for a nil channel
	BlockedRecvs atomic.Int64 // by a receive alone
	Selects      atomic.Int64 // of several cases, of any outcome but a panic; what they do is counted as such, too
	Defaults     atomic.Int64 // of these, those that took their default branch
	SendPanics   atomic.Int64 // sends on closed channels
	SelectPanics atomic.Int64 // selects that chose such a send
	ClosedPanics atomic.Int64 // closes of closed channels
	NilPanics    atomic.Int64 // closes of nil channels
	Makes        atomic.Int64
	Closes       atomic.Int64 // that did not panic
	NilSends     atomic.Int64
	NilRecvs     atomic.Int64
	Empty        atomic.Int64 // select {}
}

func (t *tally) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]int64{
		"sends":         t.Sends.Load(),
		"recvs":         t.Recvs.Load(),
		"recvs_closed":  t.RecvsClosed.Load(),
		"blocked_sends": t.BlockedSends.Load(),
		"blocked_recvs": t.BlockedRecvs.Load(),
		"selects":       t.Selects.Load(),
		"defaults":      t.Defaults.Load(),
		"send_panics":   t.SendPanics.Load(),
		"select_panics": t.SelectPanics.Load(),
		"closed_panics": t.ClosedPanics.Load(),
		"nil_panics":    t.NilPanics.Load(),
		"makes":         t.Makes.Load(),
		"closes":        t.Closes.Load(),
		"nil_sends":     t.NilSends.Load(),
		"nil_recvs":     t.NilRecvs.Load(),
		"empty":         t.Empty.Load(),
	})
}

type phase func(random *rand.Rand, t *tally)

var phases = map[string]phase{
	"blocking":  blocking,
	"locked":    locked,
	"trying":    trying,
	"attempts":  attempts,
	"closing":   closing,
	"selects":   selects,
	"mixture":   mixture,
	"defaults":  defaults,
	"making":    making,
	"panicking": panicking,
	"for-ever":  forEver,
}

// start runs f in a goroutine that the group waits for.
func start(wg *sync.WaitGroup, f func()) {
	wg.Add(1)
	go func() {
		defer wg.Done()
		f()
	}()
}

// together runs n copies of f.
func together(wg *sync.WaitGroup, n int, f func()) {
	for i := 0; i < n; i++ {
		start(wg, f)
	}
}

func main() {
	runtime.GC() // starts the collector's workers, which say that they are ready through a channel
	in := bufio.NewScanner(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	fmt.Println("ready")
	for in.Scan() {
		var name string
		var seed int64
		if _, err := fmt.Sscan(in.Text(), &name, &seed); err != nil || phases[name] == nil {
			fmt.Fprintf(os.Stderr, "want PHASE SEED, got %q\n", in.Text())
			os.Exit(2)
		}
		t := &tally{}
		phases[name](rand.New(rand.NewSource(seed)), t)
		if err := out.Encode(t); err != nil {
			panic(err)
		}
	}
}
