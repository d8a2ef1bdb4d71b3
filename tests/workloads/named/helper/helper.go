// Package helper has a function that is inlined into one of package q, and is not to be passed over.
package helper

// Alloc makes a channel, inlined into its caller.
func Alloc() chan uint8 {
	return make(chan uint8, 21) // makes mixed, names mixed
}
