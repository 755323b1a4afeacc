// Package scenario runs a VPC through a timeline and judges what happened: a topology, workloads that open real connections, steps
// that change the VPC under them, and what is expected of every connection.
//
// A scenario is a file ([File]). Running one ([Run]) starts a lab, plays the timeline and returns a [Report], which is the object
// that `vpcsim run --json` prints. What the report says of a connection was observed at its two ends: the error and the times
// by the client's own process, the source address by the server that accepted it.
package scenario
