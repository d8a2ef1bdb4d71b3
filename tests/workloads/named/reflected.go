//go:build !unreflected

package main

import "reflect"

//go:noinline
func reflected() map[string]any {
	kind := reflect.TypeOf((chan complex64)(nil))
	return map[string]any{
		"reflected": reflect.MakeChan(kind, 7).Interface(), // names reflected
	}
}
