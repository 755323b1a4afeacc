// Package routing finds the longest matching prefix and knows AWS's order among routes to the same prefix.
//
// A [Table] is built once by a [Builder] and then read by any number of goroutines without locks; a change is a new Table.
// The package knows addresses, prefixes and precedence. What a route leads to is the caller's business: the value type V.
package routing
