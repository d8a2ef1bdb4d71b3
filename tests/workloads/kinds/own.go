//go:build !alone

package main

import (
	"os"
	"time"
)

// The user's own, each of the type and capacity of a channel that the standard library makes.
func own() map[string]any {
	return map[string]any{
		"own times":   make(chan time.Time, 1),
		"own done":    make(chan struct{}),
		"own signals": make(chan os.Signal, 1),
	}
}
