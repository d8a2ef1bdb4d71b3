// Command named makes channels by constructors. On every line of standard input it makes one of each, has a goroutine
// wait for each, and writes where they are: {"label": address}. The comment "makes label" is at the line of the make,
// "names label" at the line that names the channel when package q is passed over. With the build tag unreflected none is
// made by reflection, which may make any.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"reflect"

	"example.com/named/q"
)

type order struct{ id int }

var maker q.Maker = &q.Factory{Size: 41}

//go:noinline
func open() any {
	return q.Open(3) // names open
}

//go:noinline
func other() any {
	return q.Open(4) // names other
}

//go:noinline
func build() any {
	return q.Build(5) // names build
}

//go:noinline
func only() any {
	return q.Only() // names only
}

// Stored may be called by anybody.
var Stored = q.Valued

//go:noinline
func valued() any {
	return q.Valued() // names valued
}

//go:noinline
func small() any {
	return q.Small() // names small
}

//go:noinline
func generic() any {
	return q.New[order](6) // names generic
}

//go:noinline
func mixed() any {
	return q.Mixed()
}

//go:noinline
func deep() any {
	return q.Deep(2) // names deep
}

//go:noinline
func tooDeep() any {
	return q.Deep(8)
}

//go:noinline
func method() any {
	return maker.Make() // names method
}

//go:noinline
func plain() any {
	return make(chan *order, 8) // makes plain, names plain
}

//go:noinline
func twins(first bool) any {
	if first {
		return make(chan rune16, 9) // makes twin, names twin
	}
	return make(chan rune16, 9)
}

type rune16 int16

func all() map[string]any {
	channels := map[string]any{
		"open": open(), "other": other(), "build": build(), "only": only(), "valued": valued(), "small": small(),
		"generic": generic(),
		"mixed":   mixed(), "deep": deep(), "too deep": tooDeep(), "method": method(),
		"plain": plain(), "twin": twins(true),
	}
	for label, channel := range reflected() {
		channels[label] = channel
	}
	return channels
}

//go:noinline
func use() { kept = append(kept, Stored) }

func wait(c any) { reflect.ValueOf(c).Recv() }

var kept []any

func main() {
	use()
	fmt.Println("READY")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		addresses := map[string]uintptr{}
		for label, channel := range all() {
			addresses[label] = reflect.ValueOf(channel).Pointer()
			kept = append(kept, channel)
			go wait(channel)
		}
		json.NewEncoder(os.Stdout).Encode(addresses)
	}
}
