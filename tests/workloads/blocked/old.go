//go:build !go1.23

package main

func parkNew() int { return 0 }
