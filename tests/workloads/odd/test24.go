//go:build go1.24 && !go1.25 && goexperiment.synctest

package main

import "testing/synctest"

func inBubble(run func()) { synctest.Run(run) }
