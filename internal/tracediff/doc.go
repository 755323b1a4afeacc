// Package tracediff has no code but tests: random packets go through random topologies, and what a trace says of each of them has to be
// what the router then does with it.
package tracediff
