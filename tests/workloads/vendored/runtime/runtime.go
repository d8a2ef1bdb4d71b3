// Package runtime is a copy of something that nobody calls by this name.
package runtime

var sched, allglen, allp int

//go:noinline
func chansend(n int) int { sched += n; return sched }

//go:noinline
func chanrecv(n int) int { allglen += n; return allglen }

//go:noinline
func gopark(n int) int { allp += n; return allp }

// Call calls them.
func Call(n int) int { return chansend(n) + chanrecv(n) + gopark(n) }
