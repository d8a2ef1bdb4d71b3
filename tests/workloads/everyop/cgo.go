package main

// Where cgo is enabled the program uses it, which Go 1.19 and 1.20 want before the C linker may link it.

import "C"
