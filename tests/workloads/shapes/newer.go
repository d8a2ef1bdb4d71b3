//go:build go1.27

package main

// as is a method with type parameters of its own, which Go 1.27 brought.
func (q *queue[T]) as[U any](convert func(T) U) (converted []U) {
	for _, item := range q.items {
		capture()
		converted = append(converted, convert(item))
	}
	return converted
}

func newer() {
	q := &queue[int]{items: []int{1}}
	q.as(func(n int) []string { inlined2(); return make([]string, n) })
}
