// Package routing finds the longest matching prefix and knows AWS's order among routes to the same prefix.
//
// A [Table] is built once by a [Builder] and then read by any number of goroutines without locks; a change is a new Table.
// A [Live] table is for hundreds of thousands of routes that change in place under its readers.
// The package knows addresses, prefixes and precedence. What a route leads to is the caller's business: the value type V.
//
// Lookups yield an [Answer], a small number that stands for one of the table's distinct values, so that the structures hold
// two or four bytes where a route leads somewhere. Callers that want the value itself use Lookup and never see one.
// docs/routing.md has pictures of the structures.
package routing
