//go:build go1.23

package main

// each is a range function, so its loop bodies become functions of their own. Go 1.23 brought them.
func (q *queue[T]) each(yield func(int, T) bool) {
	for i, v := range q.items {
		if !yield(i, v) {
			return
		}
	}
}

func ranges(q *queue[string]) {
	for i := range q.each {
		inlined3(i)
	}
}
