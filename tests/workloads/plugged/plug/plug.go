// A plugin for the workload plugged: its channels have types that the executable has, and some that only it has.
package main

// Parcel is a type of the plugin's own.
type Parcel struct{ Weight, Value int64 }

var (
	parcels = make(chan Parcel, 3)
	wanted  = make(chan int, 7)
)

// Park parks goroutines: in the plugin alone, below a function of the executable, and above one.
func Park(note func(name string, channel any, senders, receivers int), call func(func())) int {
	for i := 0; i < 3; i++ {
		parcels <- Parcel{}
	}
	for i := 0; i < 2; i++ {
		go send()
	}
	for i := 0; i < 3; i++ {
		go func() { <-wanted }()
	}
	go call(take)
	note("parcels", parcels, 2, 0)
	note("wanted", wanted, 0, 3+1)
	return 2 + 3 + 1
}

//go:noinline
func send() { parcels <- Parcel{1, 2} }

//go:noinline
func take() { <-wanted }

// Work makes a channel in the plugin and sends that many elements on it.
func Work(number int) {
	worked := make(chan int)
	go func() {
		for i := 0; i < number; i++ {
			worked <- i
		}
	}()
	for i := 0; i < number; i++ {
		<-worked
	}
	close(worked)
}

// Take receives from a channel of the executable.
func Take(from chan string) { <-from }

func main() {}
