// Command plugged opens a plugin, `plugged FILE`, and parks goroutines in its code and in that of the plugin. It talks as
// the workload odd does.
package main

import (
	"bufio"
	"fmt"
	"os"
	"plugin"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"time"
)

type known struct {
	name               string
	channel            any
	senders, receivers int
}

var (
	channels []known
	own      = make(chan int, 7) // like a channel of the plugin
	lent     = make(chan string)
)

func note(name string, channel any, senders, receivers int) {
	channels = append(channels, known{name, channel, senders, receivers})
}

//go:noinline
func call(function func()) { function() }

func main() {
	opened, err := plugin.Open(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	parked := find(opened, "Park").(func(func(string, any, int, int), func(func())) int)(note, call)
	take := find(opened, "Take").(func(chan string))
	go take(lent)
	go func() { take(lent) }()
	go func() { <-own }()
	note("own", own, 0, 1)
	note("lent", lent, 0, 2)
	awaitParked(1 + parked + 3)
	work := find(opened, "Work").(func(int))

	fmt.Printf("pid %d\n", os.Getpid())
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		command, argument, _ := strings.Cut(lines.Text(), " ")
		switch command {
		case "channels":
			for _, c := range channels {
				value := reflect.ValueOf(c.channel)
				fmt.Printf("%s %#x %d %d %d %d open %s\n", c.name, value.Pointer(), value.Len(), value.Cap(),
					c.senders, c.receivers, value.Type().Elem())
			}
		case "count":
			fmt.Println(runtime.NumGoroutine())
		case "dump":
			fmt.Println(dump())
		case "work":
			number, _ := strconv.Atoi(argument)
			work(number)
		}
		fmt.Println("END")
	}
}

func find(opened *plugin.Plugin, name string) any {
	symbol, err := opened.Lookup(name)
	if err != nil {
		panic(err)
	}
	return symbol
}

func dump() string {
	text := make([]byte, 1<<20)
	return string(text[:runtime.Stack(text, true)])
}

func awaitParked(want int) {
	for {
		time.Sleep(20 * time.Millisecond)
		all := dump()
		if runtime.NumGoroutine() >= want && !strings.Contains(all, " [runnable") && strings.Count(all, " [running") == 1 {
			return
		}
	}
}
