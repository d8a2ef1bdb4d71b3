// Command everyop does every operation that there is on channels, and counts for each channel what it did itself. It says
// "ready", then reads lines "PHASE SEED [SCALE]" and answers each with one line of JSON: the truth of that phase. Between
// two lines it touches no channel. It uses nothing newer than Go 1.19.
//
// A phase named die-... ends in a panic that kills the program; its answer comes before.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"runtime"
	"sort"
	"sync"
	"sync/atomic"
)

// run is one phase, running. Its random numbers are drawn by one goroutine only.
type run struct {
	random *rand.Rand
	scale  int
	truths truths
	last   func() // after the answer: panics

	created, exited            atomic.Int64
	sends, recvs, selects, all atomic.Int64 // that are left blocked for ever
	running                    sync.WaitGroup
}

// number is a random one between least and less than least+spread, times the scale.
func (r *run) number(least, spread int) int {
	return (least + r.random.Intn(spread)) * r.scale
}

// start starts a goroutine that `finish` waits for.
func (r *run) start(f func()) {
	r.created.Add(1)
	r.running.Add(1)
	go func() {
		defer r.running.Done()
		defer r.exited.Add(1)
		f()
	}()
}

// leave starts a goroutine that never ends.
func (r *run) leave(count *atomic.Int64, f func()) {
	r.created.Add(1)
	count.Add(1)
	go f()
}

// finish waits until everything that was started has ended.
func (r *run) finish() {
	r.running.Wait()
}

func (r *run) answer(phase string, seed int64) map[string]any {
	return map[string]any{
		"phase":      phase,
		"seed":       seed,
		"channels":   r.truths.rows(),
		"goroutines": map[string]int64{"created": r.created.Load(), "exited": r.exited.Load()},
		"for_ever":   map[string]int64{"send": r.sends.Load(), "recv": r.recvs.Load(), "select": r.selects.Load(), "all": r.all.Load()},
	}
}

var phases = map[string]func(*run){
	"blocking":            blocking,
	"buffered":            buffered,
	"range":               ranging,
	"with-ok":             withOK,
	"select":              selecting,
	"reflect":             reflecting,
	"non-blocking":        nonBlocking,
	"closed":              closedOnes,
	"panics":              panics,
	"nil":                 nilOnes,
	"contention":          contention,
	"growth":              growth,
	"racing":              racing,
	"served":              served,
	"die-send_on_closed":  dieSending,
	"die-select":          dieSelecting,
	"die-parked":          dieParked,
	"die-close_of_closed": dieClosing,
	"die-close_of_nil":    dieClosingNil,
}

func main() {
	runtime.GOMAXPROCS(2)
	runtime.GC() // starts the collector's workers, which in some versions say through a channel that they are ready
	if len(os.Args) > 1 && os.Args[1] == "-phases" {
		names := []string{}
		for name := range phases {
			names = append(names, name)
		}
		sort.Strings(names)
		json.NewEncoder(os.Stdout).Encode(names)
		return
	}
	in := bufio.NewScanner(os.Stdin)
	fmt.Println("ready")
	for in.Scan() {
		name, seed, scale := "", int64(0), 1
		read, err := fmt.Sscan(in.Text(), &name, &seed, &scale)
		if (err != nil && read < 2) || phases[name] == nil {
			fmt.Fprintf(os.Stderr, "want PHASE SEED [SCALE], got %q\n", in.Text())
			os.Exit(2)
		}
		r := &run{random: rand.New(rand.NewSource(seed)), scale: scale}
		phases[name](r)
		r.finish()
		answer, err := json.Marshal(r.answer(name, seed))
		if err != nil {
			panic(err)
		}
		fmt.Println(string(answer))
		if r.last != nil {
			r.last()
		}
	}
}
