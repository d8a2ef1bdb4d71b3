//go:build go1.23

// A bubble wants the timers of Go 1.23, and go.mod says an older Go.
//
//go:debug asynctimerchan=0

package main
