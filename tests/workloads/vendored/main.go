// Command vendored has functions and variables that are called what the runtime calls its own: in a package of the same
// name, and, with cgo, in C. It prints the addresses of the latter, one per line, and ends.
package main

import (
	"example.com/vendored/runtime"
	"fmt"
)

func main() {
	c := make(chan int, 1)
	c <- 1
	fmt.Println(runtime.Call(<-c))
	printOthers()
}
