package main

// Crowds: very many goroutines that are parked in few ways, for measuring how long it takes to look at them.

var (
	crowdOne   = make(chan int32)
	crowdTwo   = make(chan string)
	crowdThree = make(chan [2]int64)
)

// parkCrowd parks at five places on three channels.
func parkCrowd(count int) int {
	if count == 0 {
		return 0
	}
	places := []func(){
		func() { <-crowdOne },
		func() { takeOne() },
		func() { crowdTwo <- "" },
		func() { offerTwo("") },
		func() { <-crowdThree },
	}
	parked := make([]int, len(places))
	for number := 0; number < count; number++ {
		place := number % len(places)
		parked[place]++
		go places[place]()
	}
	note("crowdOne", crowdOne, 0, parked[0]+parked[1])
	note("crowdTwo", crowdTwo, parked[2]+parked[3], 0)
	note("crowdThree", crowdThree, 0, parked[4])
	return count
}

//go:noinline
func takeOne() { <-crowdOne }

//go:noinline
func offerTwo(text string) { crowdTwo <- text }

// parkThree parks in selects of three cases: two channels of its own, and one that all of them share.
func parkThree(count int) int {
	if count == 0 {
		return 0
	}
	answers := make(chan error)
	for i := 0; i < count; i++ {
		go func() {
			in, out := make(chan int), make(chan int)
			select {
			case <-in:
			case out <- 1:
			case <-answers:
			}
		}()
	}
	note("answers", answers, 0, count)
	return count
}

// parkDeep parks on one channel below so many calls.
func parkDeep(count, depth int) int {
	if count == 0 {
		return 0
	}
	bottom := make(chan uint16)
	for i := 0; i < count; i++ {
		go func() { goDown(bottom, depth) }()
	}
	note("bottom", bottom, 0, count)
	return count
}

//go:noinline
func goDown(bottom chan uint16, depth int) int {
	if depth == 0 {
		return int(<-bottom)
	}
	return goDown(bottom, depth-1) + 1
}
