package main

import (
	"fmt"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/fdbased"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// gvisor forwards by gVisor's network stack.
func gvisor() error {
	s := stack.New(stack.Options{NetworkProtocols: []stack.NetworkProtocolFactory{ipv4.NewProtocol}})
	var routes []tcpip.Route
	for i, nic := range []struct {
		fd     int
		router [4]byte
		mtu    uint32
	}{{clientTUN, [4]byte{10, 0, 1, 1}, 9001}, {serverTUN, [4]byte{203, 0, 113, 1}, 1500}} {
		link, err := fdbased.New(&fdbased.Options{FDs: []int{nic.fd}, MTU: nic.mtu, PacketDispatchMode: fdbased.Readv})
		if err != nil {
			return err
		}
		id := tcpip.NICID(1 + i)
		if err := s.CreateNIC(id, link); err != nil {
			return fmt.Errorf("interface %d: %s", id, err)
		}
		addr := tcpip.AddressWithPrefix{Address: tcpip.AddrFrom4(nic.router), PrefixLen: 24}
		if err := s.AddProtocolAddress(id, tcpip.ProtocolAddress{Protocol: header.IPv4ProtocolNumber, AddressWithPrefix: addr}, stack.AddressProperties{}); err != nil {
			return fmt.Errorf("interface %d: address: %s", id, err)
		}
		routes = append(routes, tcpip.Route{Destination: addr.Subnet(), NIC: id})
	}
	s.SetRouteTable(routes)
	if err := s.SetForwardingDefaultAndAllNICs(header.IPv4ProtocolNumber, true); err != nil {
		return fmt.Errorf("forwarding: %s", err)
	}
	ready()
	select {}
}
