// Package nat translates addresses: the internet gateway's one-to-one mapping ([Static]).
//
// Its types satisfy the dataplane's Gateway interface without importing the dataplane.
package nat
