//go:build !cgo

package main

func printOthers() {}
