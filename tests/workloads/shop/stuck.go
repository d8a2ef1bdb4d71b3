package main

// blockForEver leaves goroutines stuck on three channels and returns when every one of them is parked.
func blockForEver(plan Plan, report *Report) {
	before := len(report.Channels) == 0

	complaints, stuck := make(chan Complaint), report.add("senders stuck", "main.Complaint", 0)
	stuck.BlockedSenders = plan.StuckSenders
	for id := range plan.StuckSenders {
		go complain(complaints, id)
	}

	wishes, waiting := make(chan Wish), report.add("receivers stuck", "main.Wish", 0)
	waiting.BlockedReceivers = plan.StuckReceivers
	for range plan.StuckReceivers {
		go waitForWish(wishes)
	}

	letters, full := make(chan Letter, 8), report.add("senders stuck behind a full buffer", "main.Letter", 8)
	full.Length, full.BlockedSenders = 8, plan.StuckBehindQueue
	if before {
		full.SendsBefore = 8
	} else {
		full.Sends = 8
	}
	for id := range 8 {
		letters <- Letter{id}
	}
	for id := range plan.StuckBehindQueue {
		go func() { letters <- Letter{id} }()
	}
	waitForStuck(plan.StuckSenders+plan.StuckBehindQueue, plan.StuckReceivers)
}

// complain sends a few calls deep, so that the stack of a stuck goroutine has frames of its own.
func complain(complaints chan<- Complaint, id int) {
	file(complaints, Complaint{id})
}

//go:noinline
func file(complaints chan<- Complaint, complaint Complaint) {
	complaints <- complaint
}

func waitForWish(wishes <-chan Wish) Wish {
	return <-wishes
}
