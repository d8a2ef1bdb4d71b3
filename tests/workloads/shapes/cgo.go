//go:build cgo

package main

// int one(void) { return 1; }
import "C"

// With cgo the C library is linked, which linking by the C linker needs in Go 1.20 and older.
var _ = C.one()
