// Command kinds makes channels of every kind, and the user's own that look like them. On every line of standard input it
// makes one of each, has a goroutine wait for each, and writes where they are: {"label": address}. With the build tag
// alone there are none of the user's.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"reflect"
	"syscall"
	"time"
)

const long = 100 * time.Hour

var kept []any

func library() map[string]any {
	timer, ticker := time.NewTimer(long), time.NewTicker(long)
	ctx, cancel := context.WithCancel(context.Background())
	late, cancelLate := context.WithTimeout(ctx, long)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	stopped := make(chan os.Signal, 1)
	signal.Notify(stopped, syscall.SIGUSR1)
	signal.Stop(stopped)
	notified, stop := signal.NotifyContext(context.Background(), syscall.SIGUSR2)
	kept = append(kept, timer, ticker, ctx, late, cancel, cancelLate, stop)
	return map[string]any{
		"timer":         timer.C,
		"ticker":        ticker.C,
		"after":         time.After(long),
		"tick":          time.Tick(long),
		"context":       ctx.Done(),
		"late context":  late.Done(),
		"notified done": notified.Done(),
		"signals":       signals,
		"stopped":       stopped,
	}
}

func wait(c any) { reflect.ValueOf(c).Recv() }

func main() {
	fmt.Println("READY")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		addresses := map[string]uintptr{}
		for _, channels := range []map[string]any{own(), library()} {
			for label, channel := range channels {
				addresses[label] = reflect.ValueOf(channel).Pointer()
				kept = append(kept, channel)
				go wait(channel)
			}
		}
		json.NewEncoder(os.Stdout).Encode(addresses)
	}
}
