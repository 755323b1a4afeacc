package control

import (
	"context"
	"io"
	"net"
	"net/netip"
	"slices"
	"time"

	"vpcsim/endpoint/dns"
	"vpcsim/endpoint/metadata"
	"vpcsim/topology"
	"vpcsim/topology/compile"
)

// Where the services of a VPC listen (RFC 1035 4.2; Amazon EC2 User Guide, "Access instance metadata for an EC2 instance").
const (
	dnsPort      = 53
	metadataPort = 80
)

// linkLocal is the addresses of a VPC's services.
type linkLocal struct {
	resolvers, metadata []netip.Addr
}

// linkLocalPlan is the edge of a VPC's resolver and instance metadata service.
func linkLocalPlan(v *topology.VPC) plan {
	d := device{id: compile.Services(v), mac: edgeMAC, router: edgeRouter, mtu: edgeMTU}
	s := &linkLocal{resolvers: compile.Resolvers(v), metadata: compile.MetadataAddresses(v)}
	for _, a := range slices.Concat(s.resolvers, s.metadata) {
		d.addrs = append(d.addrs, netip.PrefixFrom(a, a.BitLen()))
	}
	return plan{id: d.id, name: "services " + v.Name, vpc: v.ID, linkLocal: s, devices: []device{d}}
}

// serveLinkLocal has the resolver and the instance metadata service listen at the edge of a VPC.
func (l *Lab) serveLinkLocal(n *node) error {
	resolver := dns.NewServer(dns.Config{
		View: func() *dns.View { return l.known.Load().names.VPC(n.vpc) },
		Interface: func(a netip.Addr) string {
			if eni := l.known.Load().owner(n.vpc, a); eni != nil {
				return eni.ID
			}
			return ""
		},
		Now: time.Now,
	})
	instances := metadata.NewServer(metadata.Config{
		Instance: func(a netip.Addr) *metadata.Instance { return l.metadata(n.vpc, a) },
		Issue:    l.issue,
		Now:      time.Now,
	})
	for _, a := range n.linkLocal.resolvers {
		at := netip.AddrPortFrom(a, dnsPort)
		if err := l.listenUDP(n, at, resolver.ServeUDP); err != nil {
			return err
		}
		if err := l.listenTCP(n, at, resolver.ServeTCP); err != nil {
			return err
		}
	}
	for _, a := range n.linkLocal.metadata {
		if err := l.listenTCP(n, netip.AddrPortFrom(a, metadataPort), instances.Serve); err != nil {
			return err
		}
	}
	return nil
}

// listenTCP has serve take connections at an address of the node until the node is removed.
func (l *Lab) listenTCP(n *node, at netip.AddrPort, serve func(net.Listener) error) error {
	config := net.ListenConfig{}
	config.SetMultipathTCP(false)
	var listener net.Listener
	err := n.ns.Do(func() (err error) {
		listener, err = config.Listen(context.Background(), "tcp", at.String())
		return err
	})
	if err == nil {
		l.serveUntilRemoved(n, listener, func() error { return serve(listener) })
	}
	return err
}

// listenUDP has serve take datagrams at an address of the node until the node is removed.
func (l *Lab) listenUDP(n *node, at netip.AddrPort, serve func(*net.UDPConn) error) error {
	var conn *net.UDPConn
	err := n.ns.Do(func() (err error) {
		conn, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
		return err
	})
	if err == nil {
		l.serveUntilRemoved(n, conn, func() error { return serve(conn) })
	}
	return err
}

func (l *Lab) serveUntilRemoved(n *node, c io.Closer, serve func() error) {
	n.sockets = append(n.sockets, c)
	l.serving.Go(func() {
		if err := serve(); err != nil {
			l.fail(err)
		}
	})
}
