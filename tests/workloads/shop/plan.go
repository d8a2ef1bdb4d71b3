package main

import "math/rand/v2"

// Plan holds all numbers that differ from run to run. "between" includes both ends.
type Plan struct {
	Orders           int // elements on the plain unbuffered channel
	Parcels          int // elements on the plain buffered channel
	Quotes           int // elements that go through a select over two channels
	Coupons          int // elements sent and received with a default branch
	News             int // elements sent before the close of a channel that is ranged over
	Readers          int // goroutines that range over it
	ReadsAfterClose  int // further receives from it
	Replies          int // channels of capacity 1 that are used once each
	WaitsOfReceiver  int // elements whose receiver waits 60 ms
	WaitsOfSender    int // elements whose sender waits 60 ms
	Shelf            int // elements left in a buffer
	StuckSenders     int // on an unbuffered channel, for ever
	StuckReceivers   int // on an unbuffered channel, for ever
	StuckBehindQueue int // senders behind a full buffer, for ever
}

func draw(random *rand.Rand) Plan {
	between := func(low, high int) int { return low + random.IntN(high-low+1) }
	return Plan{
		Orders:           between(2000, 4000),
		Parcels:          between(2000, 4000),
		Quotes:           between(500, 1500),
		Coupons:          between(300, 600),
		News:             between(100, 300),
		Readers:          between(2, 5),
		ReadsAfterClose:  between(3, 17),
		Replies:          between(100, 300),
		WaitsOfReceiver:  between(11, 23),
		WaitsOfSender:    between(11, 23),
		Shelf:            between(5, 60),
		StuckSenders:     between(20, 60),
		StuckReceivers:   between(3, 9),
		StuckBehindQueue: between(2, 12),
	}
}

// share splits a total into parts that differ by at most one.
func share(total, parts int) []int {
	shares := make([]int, parts)
	for part := range shares {
		shares[part] = total / parts
		if part < total%parts {
			shares[part]++
		}
	}
	return shares
}
