// Package endpoint is the far end of a VPC's way to a service: what a gateway endpoint lets across, and what the service
// on the other side may know about who came.
//
// A gateway endpoint is a route and a filter, not a proxy: the packet keeps its private source address, so an address alone
// doesn't say whose it is (two VPCs may both use 10.0.0.0/16). Who it is follows from where it arrived. Every endpoint has
// an edge of its own with its own TCP stack and listener, and the internet side has one more; the listener that accepted a
// connection is the knowledge of VPC and endpoint, an [Origin]. Nothing about it is read from the bytes of the connection,
// so nothing a client sends can change it.
package endpoint
