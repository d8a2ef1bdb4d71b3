package main

func init() { kinds["deep"] = kind{parkDeep, workDeep} }

var bottom = make(chan int)

// parkDeep parks each goroutine below that many calls of goDown.
func parkDeep() int {
	for _, depth := range []int{7, 51, 200, 5000, 200000} {
		depth := depth
		go func() { goDown(bottom, depth) }()
	}
	note("bottom", bottom, 0, 5)
	return 5
}

//go:noinline
func goDown(from chan int, depth int) int {
	if depth == 0 {
		return <-from
	}
	return goDown(from, depth-1) + 1
}

// workDeep sends below deep calls: the stack grows before each first send of a goroutine.
func workDeep(number int) {
	worked := make(chan int)
	go func() {
		for i := 0; i < number; i++ {
			done := make(chan bool)
			go func() {
				sendBelow(worked, 100+i%50)
				close(done)
			}()
			<-done
		}
	}()
	receive(worked, number)
}

//go:noinline
func sendBelow(to chan int, depth int) int {
	if depth == 0 {
		to <- 1
		return 0
	}
	return sendBelow(to, depth-1) + 1
}
