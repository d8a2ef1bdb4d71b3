//go:build alone

package main

func own() map[string]any { return nil }
