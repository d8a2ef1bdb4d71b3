// Command requests serves requests with the OpenTelemetry SDK for Go, whose spans it sends by OTLP, and with
// github.com/grafana/otel-profiling-go, which gives the goroutines that work for a request profiler labels with its ids.
// What it serves has a handler wait for a worker, on a channel:
//
//	requests: READY
//	tester: 3                                                           so many requests, one after the other
//	requests: [{"trace_id": "...", "span_id": "...", "kind": "order", "waited_ms": 41}, ...]      on one line
//
// The first argument is the base URL of an OTLP receiver, the second how long an order waits in milliseconds.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	otelpyroscope "github.com/grafana/otel-profiling-go"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Request is one that was served.
type Request struct {
	TraceID  string `json:"trace_id"`
	SpanID   string `json:"span_id"`
	Kind     string `json:"kind"`
	WaitedMs int64  `json:"waited_ms"`
}

type order struct{ answer chan int }

type shop struct {
	tracer trace.Tracer
	orders chan order
	slow   time.Duration
	lock   sync.Mutex
	served []Request
}

// prepare takes its time with each order.
func (s *shop) prepare() {
	for order := range s.orders {
		time.Sleep(s.slow)
		order.answer <- 1
	}
}

// serve is the handler of "/order".
func (s *shop) serve(w http.ResponseWriter, r *http.Request) {
	ctx, span := s.tracer.Start(r.Context(), "GET /order", trace.WithSpanKind(trace.SpanKindServer))
	defer span.End()
	began := time.Now()
	s.await(ctx)
	ids := span.SpanContext()
	s.lock.Lock()
	s.served = append(s.served, Request{ids.TraceID().String(), ids.SpanID().String(), "order", time.Since(began).Milliseconds()})
	s.lock.Unlock()
	fmt.Fprintln(w, "done")
}

// await is within a span of its own, which is not the one that the labels say: that is the first one in this process.
func (s *shop) await(ctx context.Context) {
	_, span := s.tracer.Start(ctx, "await")
	defer span.End()
	answer := make(chan int)
	s.orders <- order{answer}
	<-answer
}

// idle waits as long as an order, for nobody.
func idle(slow time.Duration) {
	gate := make(chan int)
	go func() {
		time.Sleep(slow)
		gate <- 1
	}()
	<-gate
}

func main() {
	milliseconds, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(os.Args[1]+"/v1/traces"))
	if err != nil {
		log.Fatal(err)
	}
	spans := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	s := &shop{
		tracer: otelpyroscope.NewTracerProvider(spans).Tracer("requests"),
		orders: make(chan order),
		slow:   time.Duration(milliseconds) * time.Millisecond,
	}
	go s.prepare()
	server := httptest.NewServer(http.HandlerFunc(s.serve))
	fmt.Println("READY")
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		number, err := strconv.Atoi(strings.TrimSpace(input.Text()))
		if err != nil {
			log.Fatal(err)
		}
		for i := 0; i < number; i++ {
			answer, err := http.Get(server.URL + "/order")
			if err != nil {
				log.Fatal(err)
			}
			_ = answer.Body.Close()
		}
		idle(s.slow)
		line, err := json.Marshal(s.served)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(string(line))
	}
}
