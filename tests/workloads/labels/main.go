// Command labels has goroutines with profiler labels of many kinds wait, each on a channel of its own, and says who has
// which:
//
//	labels: READY 4711
//	tester: start
//	labels: [{"case": "opentelemetry", "goroutine": 7, "labels": {"trace_id": "..."}}, ...]    on one line, all are parked
//	tester: go                                                                                 all are woken
//	labels: DONE                                                                               all have gone on
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Case is one goroutine and the labels that it has while it waits.
type Case struct {
	Case      string            `json:"case"`
	Goroutine int               `json:"goroutine"`
	Labels    map[string]string `json:"labels"`
}

const (
	trace = "0af7651916cd43dd8448eb211c80319c"
	span  = "b7ad6b7169203331"
	inner = "00f067aa0ba902b7"
)

var (
	lock  sync.Mutex
	cases []Case
	gates []chan int
	done  sync.WaitGroup
)

// wait is what all of them do: it ends the case's goroutine.
func wait(ctx context.Context, name string) {
	gate := make(chan int)
	labels := map[string]string{}
	pprof.ForLabels(ctx, func(key, value string) bool {
		labels[key] = value
		return true
	})
	lock.Lock()
	cases = append(cases, Case{name, goid(), labels})
	gates = append(gates, gate)
	lock.Unlock()
	<-gate
	done.Done()
}

// with has a goroutine wait that sets these labels itself.
func with(name string, labels ...string) {
	done.Add(1)
	go pprof.Do(context.Background(), pprof.Labels(labels...), func(ctx context.Context) { wait(ctx, name) })
}

// others are n labels that say nothing of a request.
func others(n int) []string {
	var labels []string
	for i := 0; i < n; i++ {
		labels = append(labels, "label"+strconv.Itoa(i), "value "+strconv.Itoa(i))
	}
	return labels
}

func start() {
	with("opentelemetry", "trace_id", trace, "span_id", span)
	with("with the span's name", "span_name", "GET /orders", "span_id", span, "trace_id", trace)
	with("eight", append(others(6), "trace_id", trace, "span_id", span)...)
	with("ten", append(others(8), "trace_id", trace, "span_id", span)...)
	with("too many", append(others(40), "trace_id", trace, "span_id", span)...)
	with("of no request", "customer", "ab", "endpoint", "/orders")
	with("no ids", "trace_id", "0af7651916cd43dd8448eb211c80319", "span_id", "0000000000000000")
	with("long", "trace_id", strings.Repeat(trace, 3), "a label with a very long name", "x")
	with("empty", "trace_id", "", "span_id", "")
	with("datadog", "span id", "13235353014750950193", "local root span id", "3", "trace id", trace, "trace endpoint", "GET /")
	with("polar signals", "otel.traceid", trace)
	with("span only", "span_id", span, "span_name", "GET /orders")
	with("many tracers", "profile_id", span, "span_id", span, "traceID", trace, "trace_id", trace, "zone", "a")
	done.Add(4)
	go wait(context.Background(), "none")
	go func() {
		pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("trace_id", trace, "span_id", span)))
		pprof.SetGoroutineLabels(context.Background())
		wait(context.Background(), "taken off")
	}()
	pprof.Do(context.Background(), pprof.Labels("trace_id", trace, "span_id", span), func(outer context.Context) {
		go wait(outer, "inherited")
		go pprof.Do(outer, pprof.Labels("span_id", inner), func(ctx context.Context) { wait(ctx, "nested") })
	})
}

func goid() int {
	text := make([]byte, 64)
	number := strings.Fields(string(text[:runtime.Stack(text, false)]))[1]
	id, err := strconv.Atoi(number)
	if err != nil {
		panic(err)
	}
	return id
}

// parked is how many goroutines wait to receive.
func parked() int {
	text := make([]byte, 1<<20)
	return strings.Count(string(text[:runtime.Stack(text, true)]), " [chan receive")
}

func main() {
	const all = 17
	input := bufio.NewReader(os.Stdin)
	fmt.Println("READY", os.Getpid())
	if _, err := input.ReadString('\n'); err != nil {
		return
	}
	start()
	for parked() < all {
		time.Sleep(time.Millisecond)
	}
	runtime.GC()
	lock.Lock()
	line, err := json.Marshal(cases)
	lock.Unlock()
	if err != nil {
		panic(err)
	}
	fmt.Println(string(line))
	if _, err := input.ReadString('\n'); err != nil {
		return
	}
	for _, gate := range gates {
		gate <- 1
	}
	done.Wait()
	fmt.Println("DONE")
	_, _ = input.ReadString('\n')
}
