// Package nat is what stands between a VPC and the rest: the internet gateway's one-to-one translation of addresses
// ([Static]), the NAT gateway ([Gateway]), and the egress-only internet gateway, which only remembers ([EgressOnly]).
//
// Its types satisfy the dataplane's Gateway interface without importing the dataplane.
package nat
