package main

import (
	"sync"
	"time"
)

type (
	Order     struct{ ID int }
	Parcel    struct{ ID, Grams int }
	Offer     struct{ Cents int }
	Demand    struct{ Cents int64 }
	Coupon    struct{ Code string }
	Headline  struct{ Text string }
	Reply     struct{ ID int32 }
	Errand    struct{ ID int }
	Jar       struct{ ID uint16 }
	Complaint struct{ ID int }
	Wish      struct{ ID int }
	Letter    struct{ ID int }
)

const (
	pace     = time.Millisecond      // a producer's pause: blocks are real, and the rate stays that of a busy service
	longWait = 60 * time.Millisecond // far over the 10 ms from which a block becomes a span, also on a noisy machine
)

var shelf chan Jar // kept, so that the buffer that was filled stays alive

// trade does everything that finishes, all of it at the same time, and returns when it has finished.
func trade(plan Plan, report *Report) {
	var work sync.WaitGroup
	for _, start := range []func(Plan, *Report, *sync.WaitGroup){
		unbuffered, buffered, selected, tried, rangedOver, replied, slow, filled,
	} {
		start(plan, report, &work)
	}
	work.Wait()
}

// unbuffered: plain sends and receives; of the two sides of each element exactly one waits.
func unbuffered(plan Plan, report *Report, work *sync.WaitGroup) {
	orders, truth := make(chan Order), report.add("unbuffered", "main.Order", 0)
	truth.Sends, truth.Receives, truth.EveryElementWait = plan.Orders, plan.Orders, true
	for _, quota := range share(plan.Orders, 2) {
		work.Go(func() {
			for id := range quota {
				orders <- Order{id}
				time.Sleep(pace)
			}
		})
	}
	for _, quota := range share(plan.Orders, 3) {
		work.Go(func() {
			for range quota {
				<-orders
			}
		})
	}
}

// buffered: several producers and consumers; the producers come in bursts, the consumers pause, so both sides wait.
func buffered(plan Plan, report *Report, work *sync.WaitGroup) {
	parcels, truth := make(chan Parcel, 16), report.add("buffered", "main.Parcel", 16)
	truth.Sends, truth.Receives = plan.Parcels, plan.Parcels
	for _, quota := range share(plan.Parcels, 3) {
		work.Go(func() {
			for id := range quota {
				parcels <- Parcel{ID: id}
				if id%32 == 0 {
					time.Sleep(40 * pace)
				}
			}
		})
	}
	for _, quota := range share(plan.Parcels, 4) {
		work.Go(func() {
			for id := range quota {
				parcel, open := <-parcels
				if !open {
					panic(parcel)
				}
				if id%8 == 0 {
					time.Sleep(pace)
				}
			}
		})
	}
}

// selected: who wins is the runtime's choice, so the winners are counted.
func selected(plan Plan, report *Report, work *sync.WaitGroup) {
	offers, offerTruth := make(chan Offer), report.add("select", "main.Offer", 0)
	demands, demandTruth := make(chan Demand, 4), report.add("select", "main.Demand", 4)
	var count sync.Mutex
	note := func(counter *int) {
		count.Lock()
		*counter++
		count.Unlock()
	}
	for _, quota := range share(plan.Quotes, 2) {
		work.Go(func() {
			for range quota {
				select {
				case offers <- Offer{1}:
					note(&offerTruth.Sends)
				case demands <- Demand{1}:
					note(&demandTruth.Sends)
				}
				time.Sleep(pace)
			}
		})
	}
	for _, quota := range share(plan.Quotes, 2) {
		work.Go(func() {
			for range quota {
				select {
				case <-offers:
					note(&offerTruth.Receives)
				case <-demands:
					note(&demandTruth.Receives)
				}
			}
		})
	}
}

// tried: sends and receives with a default branch.
func tried(plan Plan, report *Report, work *sync.WaitGroup) {
	coupons, truth := make(chan Coupon, 2), report.add("default branch", "main.Coupon", 2)
	truth.Sends, truth.Receives = plan.Coupons, plan.Coupons
	work.Go(func() {
		for sent := 0; sent < plan.Coupons; {
			select {
			case coupons <- Coupon{"ten percent"}:
				sent++
			default:
				truth.WouldBlockSends++
				time.Sleep(pace)
			}
		}
	})
	work.Go(func() {
		for received := 0; received < plan.Coupons; {
			select {
			case <-coupons:
				received++
			default:
				truth.WouldBlockRecvs++
				time.Sleep(pace)
			}
		}
	})
}

// rangedOver: closed while some of its readers wait; each of them leaves by one closed receive.
func rangedOver(plan Plan, report *Report, work *sync.WaitGroup) {
	news, truth := make(chan Headline, 8), report.add("range and close", "main.Headline", 8)
	truth.Sends, truth.Receives, truth.Closes = plan.News, plan.News, 1
	truth.ClosedReceives = plan.Readers + plan.ReadsAfterClose
	var readers sync.WaitGroup
	for range plan.Readers {
		readers.Go(func() {
			for range news {
				time.Sleep(pace / 4)
			}
		})
	}
	work.Go(func() {
		for range plan.News {
			news <- Headline{"sale"}
			time.Sleep(pace)
		}
		close(news)
		readers.Wait()
		for range plan.ReadsAfterClose {
			<-news
		}
	})
}

// replied: one short-lived channel per request, all made at one place.
func replied(plan Plan, report *Report, work *sync.WaitGroup) {
	work.Go(func() {
		for id := range plan.Replies {
			reply, truth := make(chan Reply, 1), report.add("one channel per request", "main.Reply", 1)
			go func() {
				if id%3 == 0 {
					time.Sleep(2 * pace)
				}
				reply <- Reply{7}
			}()
			<-reply
			truth.Sends++
			truth.Receives++
		}
	})
}

// slow: first the receiver waits for each element, then the sender does, so long that each wait becomes a span.
func slow(plan Plan, report *Report, work *sync.WaitGroup) {
	errands, truth := make(chan Errand), report.add("long waits", "main.Errand", 0)
	truth.Sends = plan.WaitsOfReceiver + plan.WaitsOfSender
	truth.Receives = truth.Sends
	truth.LongReceives, truth.LongSends = &plan.WaitsOfReceiver, &plan.WaitsOfSender
	truth.EveryElementWait = true
	work.Go(func() {
		for id := range plan.WaitsOfReceiver {
			time.Sleep(longWait)
			errands <- Errand{id}
		}
		for id := range plan.WaitsOfSender {
			errands <- Errand{id}
		}
	})
	work.Go(func() {
		for range plan.WaitsOfReceiver {
			<-errands
		}
		for range plan.WaitsOfSender {
			time.Sleep(longWait)
			<-errands
		}
	})
}

// filled: a buffer filled to a known length and left.
func filled(plan Plan, report *Report, work *sync.WaitGroup) {
	jars, truth := make(chan Jar, 64), report.add("filled and left", "main.Jar", 64)
	shelf = jars
	truth.Sends, truth.Length = plan.Shelf, plan.Shelf
	work.Go(func() {
		for range plan.Shelf {
			jars <- Jar{1}
		}
	})
}
