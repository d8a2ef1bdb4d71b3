// Command faults does one thing wrong with channels and goroutines, or, as its twin, the same thing right:
//
//	faults F8 bad
//	faults F8 good
//
// It begins when it reads the line "go", answers each line "state" with one line of JSON about itself, each line "stacks"
// with one about the stacks of its goroutines, and ends with its
// standard input, or after ten minutes (OTELCHAN_FAULTS_LIFETIME: a duration). A line "say word" hands a word to the
// program, of which the last counts. Lines that tests look for are marked by a comment `// here: name`.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"
)

const lifetime = 10 * time.Minute

// truth is what a program says about itself: when what is wrong began, in Unix nanoseconds, and numbers by name.
type truth struct {
	mutex   sync.Mutex
	began   int64
	numbers map[string]int64
	word    string
}

// begin says that from now on something is wrong. Only the first time counts.
func (t *truth) begin() {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.began == 0 {
		t.began = time.Now().UnixNano()
	}
}

// add adds to a number.
func (t *truth) add(name string, number int64) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.numbers[name] += number
}

// said is the last word that it was told, "" before the first.
func (t *truth) said() string {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.word
}

func (t *truth) say(word string) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.word = word
}

func (t *truth) print() {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	line, _ := json.Marshal(map[string]interface{}{"began": t.began, "numbers": t.numbers})
	fmt.Println(string(line))
}

// programs by name: the bad one and its corrected twin. Each is called in a goroutine of its own and may return.
var programs = map[string][2]func(*truth){}

func register(name string, bad, good func(*truth)) bool {
	programs[name] = [2]func(*truth){bad, good}
	return true
}

func main() {
	if len(os.Args) != 3 || programs[os.Args[1]][0] == nil {
		fmt.Fprintln(os.Stderr, "usage: faults NAME bad|good")
		os.Exit(2)
	}
	run := programs[os.Args[1]][0]
	if os.Args[2] == "good" {
		run = programs[os.Args[1]][1]
	}
	time.AfterFunc(wantedLifetime(), func() { os.Exit(0) })
	t := &truth{numbers: map[string]int64{}}
	lines := bufio.NewScanner(os.Stdin)
	fmt.Println("ready")
	for lines.Scan() {
		switch line := lines.Text(); {
		case line == "go":
			go run(t)
		case line == "state":
			t.print()
		case line == "stacks":
			printStacks()
		case strings.HasPrefix(line, "say "):
			t.say(strings.TrimPrefix(line, "say "))
		}
	}
}

// printStacks prints what the runtime says of all goroutines, as one line of JSON.
func printStacks() {
	text := make([]byte, 1<<22)
	line, _ := json.Marshal(string(text[:runtime.Stack(text, true)]))
	fmt.Println(string(line))
}

func wantedLifetime() time.Duration {
	if wanted, err := time.ParseDuration(os.Getenv("OTELCHAN_FAULTS_LIFETIME")); err == nil {
		return wanted
	}
	return lifetime
}
