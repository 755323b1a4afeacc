//go:build !dpdk || !cgo

package main

import "vpcsim/bench"

// dpdk are the peers in C, which this program was built without.
func dpdk() ([]bench.Maker, error) { return nil, nil }
