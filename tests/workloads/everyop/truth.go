package main

import (
	"fmt"
	"path/filepath"
	"runtime"
	"sort"
	"sync"
	"sync/atomic"
)

// Reasons of panics.
const (
	sendOnClosed  = "send_on_closed"
	closeOfClosed = "close_of_closed"
	closeOfNil    = "close_of_nil"
)

// truth is what was done to the channels that one line of the source made, or to nil channels.
type truth struct {
	made, sendOK, recvOK, recvClosed   atomic.Int64
	sendWouldBlock, recvWouldBlock     atomic.Int64
	closes, residue, drained           atomic.Int64
	onClosed, closedTwice, nilClosings atomic.Int64
}

// truths are by the place of the make, "file.go:line", or "nil".
type truths struct {
	lock sync.Mutex
	by   map[string]*truth
}

func (t *truths) at(site string) *truth {
	t.lock.Lock()
	defer t.lock.Unlock()
	if t.by == nil {
		t.by = map[string]*truth{}
	}
	if t.by[site] == nil {
		t.by[site] = &truth{}
	}
	return t.by[site]
}

func (t *truths) rows() []map[string]any {
	t.lock.Lock()
	defer t.lock.Unlock()
	rows := []map[string]any{}
	for site, truth := range t.by {
		rows = append(rows, truth.row(site))
	}
	sort.Slice(rows, func(i, j int) bool { return rows[i]["site"].(string) < rows[j]["site"].(string) })
	return rows
}

func (t *truth) row(site string) map[string]any {
	return map[string]any{
		"site":             site,
		"made":             t.made.Load(),
		"send_ok":          t.sendOK.Load(),
		"recv_ok":          t.recvOK.Load(),
		"recv_closed":      t.recvClosed.Load(),
		"send_would_block": t.sendWouldBlock.Load(),
		"recv_would_block": t.recvWouldBlock.Load(),
		"closes":           t.closes.Load(),
		"residue":          t.residue.Load(),
		"drained":          t.drained.Load(),
		"panics": map[string]int64{
			sendOnClosed:  t.onClosed.Load(),
			closeOfClosed: t.closedTwice.Load(),
			closeOfNil:    t.nilClosings.Load(),
		},
	}
}

// channel is a channel and what is done to it. Nobody receives from a buffer while it is closed, unless it is empty and
// stays so: then what is left in it, and what of that is received later, is known.
type channel[T any] struct {
	c      chan T
	truth  *truth
	closed atomic.Bool
}

// counted wraps a channel that is made on the line that calls it.
func counted[T any](r *run, c chan T) *channel[T] {
	_, file, line, _ := runtime.Caller(1)
	found := &channel[T]{c: c, truth: r.truths.at(fmt.Sprintf("%s:%d", filepath.Base(file), line))}
	found.truth.made.Add(1)
	return found
}

// none is a nil channel.
func none[T any](r *run) *channel[T] {
	return &channel[T]{truth: r.truths.at("nil")}
}

func (c *channel[T]) sent() { c.truth.sendOK.Add(1) }

// got notes a receive, by its second value.
func (c *channel[T]) got(ok bool) bool {
	if !ok {
		c.truth.recvClosed.Add(1)
		return false
	}
	c.truth.recvOK.Add(1)
	if cap(c.c) > 0 && c.closed.Load() { // an unbuffered one has nothing left, but this may be noted after the close
		c.truth.drained.Add(1)
	}
	return true
}

func (c *channel[T]) notSent() { c.truth.sendWouldBlock.Add(1) }

func (c *channel[T]) notGot() { c.truth.recvWouldBlock.Add(1) }

func (c *channel[T]) send(element T) {
	c.c <- element
	c.sent()
}

func (c *channel[T]) recv() {
	<-c.c
	c.got(true)
}

func (c *channel[T]) recvOK() bool {
	_, ok := <-c.c
	return c.got(ok)
}

func (c *channel[T]) rangeOver() {
	for range c.c {
		c.got(true)
	}
	c.got(false)
}

func (c *channel[T]) trySend(element T) bool {
	select {
	case c.c <- element:
		c.sent()
		return true
	default:
		c.notSent()
		return false
	}
}

// tryRecv says whether it received something; a closed channel counts as such.
func (c *channel[T]) tryRecv() bool {
	select {
	case _, ok := <-c.c:
		return c.got(ok)
	default:
		c.notGot()
		return false
	}
}

func (c *channel[T]) close() {
	c.closing()
	close(c.c)
}

// closing notes a close that is about to come.
func (c *channel[T]) closing() {
	c.truth.closes.Add(1)
	c.truth.residue.Add(int64(len(c.c)))
	c.closed.Store(true)
}

// expect runs what must panic, and recovers.
func expect(count *atomic.Int64, f func()) {
	defer func() {
		if recover() == nil {
			panic("that should have panicked")
		}
		count.Add(1)
	}()
	f()
}
