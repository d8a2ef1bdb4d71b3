//go:build unreflected

package main

func reflected() map[string]any { return nil }
