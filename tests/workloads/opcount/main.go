// Command opcount does channel operations that it counts itself. It reads lines "PHASE SEED" and answers each with one
// line of JSON: how often it did what. Between two lines it touches no channel.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
)

// tally is the truth of one phase. The last three count operations that never finish, the others those that did.
type tally struct {
	Sends       atomic.Int64 // that delivered an element
	Recvs       atomic.Int64 // that got one
	RecvsClosed atomic.Int64 // that got the zero value of a closed, empty channel
	WouldBlock  atomic.Int64 // default branches taken
	Selects     atomic.Int64 // of several cases, of any outcome; their sends and receives are counted as such, too
	Makes       atomic.Int64
	Closes      atomic.Int64 // also those that panicked
	NilSends    atomic.Int64
	NilRecvs    atomic.Int64
	Empty       atomic.Int64 // select {}
}

func (t *tally) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]int64{
		"sends":        t.Sends.Load(),
		"recvs":        t.Recvs.Load(),
		"recvs_closed": t.RecvsClosed.Load(),
		"would_block":  t.WouldBlock.Load(),
		"selects":      t.Selects.Load(),
		"makes":        t.Makes.Load(),
		"closes":       t.Closes.Load(),
		"nil_sends":    t.NilSends.Load(),
		"nil_recvs":    t.NilRecvs.Load(),
		"empty":        t.Empty.Load(),
	})
}

type phase func(random *rand.Rand, t *tally)

var phases = map[string]phase{
	"blocking": blocking,
	"locked":   locked,
	"trying":   trying,
	"closing":  closing,
	"selects":  selects,
	"mixture":  mixture,
	"making":   making,
	"for-ever": forEver,
}

// together runs n copies of f and waits for them.
func together(wg *sync.WaitGroup, n int, f func()) {
	for range n {
		wg.Go(f)
	}
}

func main() {
	runtime.GC() // starts the collector's workers, which say that they are ready through a channel
	in := bufio.NewScanner(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	fmt.Println("ready")
	for in.Scan() {
		var name string
		var seed uint64
		if _, err := fmt.Sscan(in.Text(), &name, &seed); err != nil || phases[name] == nil {
			fmt.Fprintf(os.Stderr, "want PHASE SEED, got %q\n", in.Text())
			os.Exit(2)
		}
		t := &tally{}
		phases[name](rand.New(rand.NewPCG(seed, 0)), t)
		if err := out.Encode(t); err != nil {
			panic(err)
		}
	}
}
