package control

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
	"vpcsim/internal/probe"
)

// provocation is how a real packet comes to be dropped for a reason, and what else has to tell of it.
type provocation struct {
	on   string        // instance, internet host, or "s3 …" for an edge of S3's: who sends
	send func() []byte // the datagram; nil if lab sends
	// trace is the question whose answer names the reason; where the trace is silent, one that comes near it.
	trace  probe.Query
	logged string            // what flow logs have of its flow, in alphabetical order: interface, direction, action
	event  string            // which there has to be; none for most
	silent map[string]string // who else has nothing to say, by the witness' name, and why
	// lab provokes it in a lab of its own, with those options; it sends and returns the question, if that depends on what it did.
	lab     func(t *testing.T, l *Lab) probe.Query
	options Options
}

func tcp(src, dst string, flags uint8) func() []byte {
	return func() []byte {
		p := packet.New(64)
		packet.BuildTCP(p, netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst), flags, 1, 1, nil)
		return p.Bytes()
	}
}

func udp(src, dst string, size int) func() []byte {
	return func() []byte {
		p := packet.New(size + 64)
		packet.BuildUDP(p, netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst), make([]byte, size))
		return p.Bytes()
	}
}

// changed is a datagram with another IPv4 header; the kernel makes its checksum.
func changed(datagram func() []byte, change func(b []byte)) func() []byte {
	return func() []byte {
		b := datagram()
		change(b)
		return b
	}
}

// message is an ICMP message from web to client: the first byte is its type.
func message(b ...byte) func() []byte {
	return changed(udp("10.0.1.10:0", "203.0.113.10:0", len(b)-8), func(d []byte) {
		d[9] = packet.ICMP
		copy(d[20:], b)
		d[22], d[23] = 0, 0
		var sum uint32
		for i := 20; i < len(d); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(d[i:]))
		}
		sum = sum>>16 + sum&0xffff
		binary.BigEndian.PutUint16(d[22:], ^uint16(sum+sum>>16))
	})
}

// misquoted is an ICMP error that quotes a header whose checksum is wrong.
func misquoted() []byte {
	quote := append([]byte{3, 3, 0, 0, 0, 0, 0, 0}, udp("203.0.113.10:53", "198.51.100.10:5353", 8)()...)
	quote[8+10]++
	return message(quote...)()
}

func to(from, to, protocol string, port uint16) probe.Query {
	return probe.Query{From: from, To: to, Protocol: probe.Protocol(protocol), Port: port}
}

// Why some witnesses are silent.
const (
	outside  = "it was dropped before it came to a network interface of a VPC"
	waits    = "it waits, and how it ends is told then"
	formless = "it has no addresses to be logged by"
)

// provocations has a row for each reason that a packet can be dropped for.
var provocations = map[drop.Reason]provocation{
	drop.NoRouteToDestination:  {on: "lone", send: tcp("10.0.3.10:4000", "203.0.113.10:443", packet.SYN), trace: to("lone", "client", "tcp", 443), logged: "lone egress ACCEPT"},
	drop.BadStateRoute:         {on: "web", send: tcp("10.0.1.10:4000", "192.0.2.9:443", packet.SYN), trace: to("web", "192.0.2.9", "tcp", 443), logged: "web egress ACCEPT"},
	drop.NoPossibleDestination: {on: "web", send: tcp("10.0.1.10:4000", "10.0.9.9:443", packet.SYN), trace: to("web", "10.0.9.9", "tcp", 443), logged: "web egress ACCEPT"},
	drop.UnsupportedComponent:  {on: "web", send: tcp("10.0.1.10:4000", "172.16.0.9:443", packet.SYN), trace: to("web", "172.16.0.9", "tcp", 443), logged: "web egress ACCEPT"},
	drop.SourceDestCheck:       {on: "led", send: tcp("10.0.4.10:4000", "203.0.113.10:443", packet.SYN), trace: to("led", "client", "tcp", 443), logged: "led egress ACCEPT, web ingress ACCEPT"},
	drop.IGWNoPublicIP:         {on: "plain", send: tcp("10.0.1.11:4000", "203.0.113.10:443", packet.SYN), trace: to("plain", "client", "tcp", 443), logged: "plain egress ACCEPT"},
	drop.IGWEgressToRFC1918:    {on: "web", send: tcp("10.0.1.10:4000", "192.168.1.1:443", packet.SYN), trace: to("web", "192.168.1.1", "tcp", 443), logged: "web egress ACCEPT"},
	drop.IGWEgressToRFC6598:    {on: "web", send: tcp("10.0.1.10:4000", "100.64.1.1:443", packet.SYN), trace: to("web", "100.64.1.1", "tcp", 443), logged: "web egress ACCEPT"},
	drop.IGWIngressFromRFC1918: {on: "s3 internet", send: tcp("192.168.1.1:443", "198.51.100.10:443", packet.SYN), trace: to("internet:192.168.1.1", "web", "tcp", 443), silent: map[string]string{"flow log": outside}},
	drop.IGWIngressFromRFC6598: {on: "s3 internet", send: tcp("100.64.1.1:443", "198.51.100.10:443", packet.SYN), trace: to("internet:100.64.1.1", "web", "tcp", 443), silent: map[string]string{"flow log": outside}},
	drop.EndpointProtocol:      {on: "inner", send: udp("10.0.5.10:4000", "52.216.1.80:443", 8), trace: to("inner", "52.216.1.80", "udp", 443), logged: "inner egress ACCEPT"},
	drop.EndpointSource: {
		on: "s3 s3", send: tcp("8.8.8.8:443", "10.0.5.10:4000", packet.SYN|packet.ACK), trace: to("s3", "inner", "tcp", 4000), silent: map[string]string{"flow log": outside, "trace": "a trace does not send as S3 from addresses that are not S3's"},
	},
	drop.Spoofed: {on: "spoke", send: tcp("10.1.1.10:4000", "52.216.1.80:443", packet.SYN), trace: to("spoke", "52.216.1.80", "tcp", 443), logged: "spoke egress ACCEPT, to-hub ingress ACCEPT, to-main egress ACCEPT"},

	drop.SecurityGroup:      {on: "client", send: tcp("203.0.113.10:4000", "198.51.100.12:22", packet.SYN), trace: to("client", "guarded", "tcp", 22), logged: "guarded ingress REJECT"},
	drop.SecurityGroupEmpty: {on: "muted", send: tcp("10.0.1.13:4000", "10.0.1.10:22", packet.SYN), trace: to("muted", "web", "tcp", 22), logged: "muted egress REJECT"},
	drop.NetworkACL:         {on: "web", send: tcp("10.0.1.10:4000", "10.0.7.10:22", packet.SYN), trace: to("web", "prisoner", "tcp", 22), logged: "prisoner ingress REJECT, web egress ACCEPT"},
	drop.NATProtocol: {
		on: "app", send: changed(udp("10.0.2.10:4000", "203.0.113.10:443", 8), func(b []byte) { b[9] = 47 }), trace: to("app", "client", "47", 0),
		logged: "app egress ACCEPT, nat ingress ACCEPT",
	},
	drop.NATSource: {
		on: "router", send: tcp("203.0.113.77:4000", "203.0.113.10:443", packet.SYN), trace: to("router", "client", "tcp", 443), silent: map[string]string{"trace": "a trace sends from the interface's own addresses, an appliance from any"},
		logged: "nat ingress ACCEPT, router egress ACCEPT",
	},
	drop.IngressNoPublicIP: {on: "client", send: tcp("203.0.113.10:4000", "198.51.100.60:443", packet.SYN), trace: to("client", "hidden", "tcp", 443), silent: map[string]string{"flow log": outside}},
	drop.PeeringAddress:    {on: "web", send: tcp("10.0.1.10:4000", "10.3.0.1:443", packet.SYN), trace: to("web", "10.3.0.1", "tcp", 443), logged: "web egress ACCEPT"},
	drop.TransitNoRoute:    {on: "web", send: tcp("10.0.1.10:4000", "10.5.0.1:443", packet.SYN), trace: to("web", "10.5.0.1", "tcp", 443), logged: "to-main ingress ACCEPT, web egress ACCEPT"},
	drop.TransitBlackhole:  {on: "web", send: tcp("10.0.1.10:4000", "10.6.0.1:443", packet.SYN), trace: to("web", "10.6.0.1", "tcp", 443), logged: "to-main ingress ACCEPT, web egress ACCEPT"},
	drop.TransitZone:       {on: "zoned", send: tcp("10.0.8.10:4000", "10.1.1.10:443", packet.SYN), trace: to("zoned", "spoke", "tcp", 443), logged: "zoned egress ACCEPT"},

	drop.StaleFlow: {lab: func(t *testing.T, l *Lab) probe.Query {
		return l.cutOff(t, Change{CreateEndpoint: &CreateEndpoint{VPC: "main", Name: "new", Service: "s3", RouteTables: []string{"public"}}})
	}, options: Options{Mode: dataplane.Silent}, logged: "web egress ACCEPT, web egress REJECT", event: FlowDropped},
	drop.StaleAddress: {lab: func(t *testing.T, l *Lab) probe.Query {
		return l.cutOff(t, Change{AssociateAddress: &AssociateAddress{Instance: "web", PublicIP: "198.51.100.99"}})
	}, options: Options{Mode: dataplane.Silent}, logged: "web egress ACCEPT, web egress REJECT", event: FlowDropped},
	drop.FlowTableFull: {lab: func(t *testing.T, l *Lab) probe.Query {
		l.echo(t, "web", 7)
		for range 8 { // nobody's connection ends for another's sake once it carries data
			require.NoError(t, echoes(l.dial(t, "client", "198.51.100.10:7")))
		}
		l.raw(t, "web", udp("10.0.1.10:4000", "203.0.113.10:9", 8)())
		return probe.Query{}
	}, options: Options{flows: 8}, trace: to("web", "client", "udp", 9), silent: map[string]string{"trace": "a trace opens nothing, so it needs no room"}, logged: "web egress REJECT"},
	drop.NATPorts: {lab: func(t *testing.T, l *Lab) probe.Query {
		l.flood(t, "app", "203.0.113.10:9", 55_100)
		q := to("app", "client", "udp", 9)
		q.SourcePort = 65_000
		return q
	}, logged: "app egress ACCEPT, nat ingress ACCEPT", event: ErrorPortAllocation},

	drop.NATNoMapping: {on: "client", send: tcp("203.0.113.10:4000", "198.51.100.5:443", packet.SYN), trace: to("client", "198.51.100.5", "tcp", 443), logged: "nat ingress ACCEPT"},
	drop.NATIdle: {
		on: "app", send: tcp("10.0.2.10:4000", "203.0.113.10:443", packet.ACK),
		trace: probe.Query{From: "app", To: "client", Protocol: "tcp", Port: 443, Connection: probe.Established}, silent: map[string]string{"trace": "a trace begins with what opens a connection, and an established one is supposed to be known; an answer by another way is one in testdata/reasons"},
		logged: "app egress ACCEPT, nat ingress ACCEPT",
	},
	drop.NATFragment: {on: "app", send: changed(tcp("10.0.2.10:4000", "203.0.113.10:443", packet.SYN), func(b []byte) { b[6] = 0x20 }), trace: to("app", "client", "tcp", 443), silent: map[string]string{"trace": "a trace sends whole datagrams"}, logged: "app egress ACCEPT, nat ingress ACCEPT"},
	drop.EgressOnly:  {on: "client", send: tcp("[2001:db8:ffff::10]:4000", "[2001:db8:1200:2::10]:443", packet.SYN), trace: to("client", "2001:db8:1200:2::10", "tcp", 443), silent: map[string]string{"flow log": outside}},
	drop.ICMPNotTranslated: {
		on: "web", send: message(10, 0, 0, 0, 0, 0, 0, 0), trace: to("web", "client", "icmp", 0), silent: map[string]string{"trace": "a trace sends no ICMP but echo"},
		logged: "web egress ACCEPT",
	},
	drop.ICMPChecksum: {on: "web", send: misquoted, trace: to("web", "client", "icmp", 0), silent: map[string]string{"trace": "a trace sends no ICMP but echo"}, logged: "web egress ACCEPT"},
	drop.MTUExceeded: {
		on: "web", send: udp("10.0.1.10:4000", "203.0.113.10:9", 1473), trace: probe.Query{From: "web", To: "client", Protocol: "udp", Port: 9, Size: 1501},
		logged: "web egress ACCEPT",
	},
	drop.Held: {
		on: "app", send: changed(udp("10.0.2.10:4000", "203.0.113.10:9", 64), func(b []byte) { b[6], b[7] = 0, 100 }), trace: to("app", "client", "udp", 9), silent: map[string]string{"trace": "a trace sends whole datagrams", "observe": waits, "last drops": waits},
		logged: "app egress ACCEPT, nat ingress ACCEPT",
	},
	drop.Malformed: {
		on: "web", send: changed(tcp("10.0.1.10:4000", "203.0.113.10:443", packet.SYN), func(b []byte) { b[32] = 0x10 }), trace: to("web", "client", "tcp", 443), silent: map[string]string{"flow log": formless, "trace": "a trace sends what is well formed"},
	},
	drop.TTLExpired: {
		on: "app", send: changed(udp("10.0.2.10:4000", "203.0.113.10:9", 8), func(b []byte) { b[8] = 1 }),
		trace:  probe.Query{From: "app", To: "client", Protocol: "udp", Port: 9, TTL: 1},
		logged: "app egress ACCEPT, nat ingress ACCEPT",
	},
	drop.NotUnicast: {on: "web", send: udp("10.0.1.10:4000", "224.0.0.251:9", 8), trace: to("web", "224.0.0.251", "udp", 9), logged: "web egress ACCEPT"},
	drop.Loop:       {on: "web", send: tcp("10.0.1.10:4000", "10.7.0.1:443", packet.SYN), trace: to("web", "10.7.0.1", "tcp", 443), logged: "to-main ingress ACCEPT, web egress ACCEPT"},
	drop.NoPort:     {on: "web", send: tcp("10.0.1.10:4000", "10.0.1.30:443", packet.SYN), trace: to("web", "10.0.1.30", "tcp", 443), silent: map[string]string{"trace": "a trace says where a packet would arrive; whether somebody is there it says of what is known to answer"}, logged: "nlb ingress ACCEPT, web egress ACCEPT"},
	drop.PortFull: {lab: func(t *testing.T, l *Lab) probe.Query {
		l.unplug(t, "off")
		l.raw(t, "web", udp("10.0.1.10:4000", "10.0.1.14:9", 8)())
		return probe.Query{}
	}, trace: to("web", "off", "udp", 9), silent: map[string]string{"trace": "a trace says where a packet would arrive, not whether its port takes it just then"}, logged: "off ingress ACCEPT, web egress ACCEPT"},
}

// unprovoked are the reasons that no packet can be dropped for in a lab, each with why.
var unprovoked = map[drop.Reason]string{
	drop.IGWNoAssociation: "the internet has a route for each public IP address of the VPCs and for no other, so the gateway is not reached with one it does not know",
	drop.NoAnswer:         "there is no packet: somebody does not send one",
}

// cutOff opens a connection from web to S3, makes a change, and sends on the connection. It returns a question about it.
func (l *Lab) cutOff(t *testing.T, c Change) probe.Query {
	conn := l.dial(t, "web", s3Address)
	require.NoError(t, ask(conn))
	_, err := l.Change(c)
	require.NoError(t, err)
	_, err = conn.Write([]byte("x"))
	require.NoError(t, err)
	local := conn.LocalAddr().(interface{ AddrPort() netip.AddrPort }).AddrPort()
	return probe.Query{From: "web", To: "52.216.1.80", Protocol: "tcp", Port: 80, SourcePort: local.Port(), Connection: probe.Established}
}
