package compile_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane"
	"vpcsim/dataplane/packet"
	"vpcsim/topology"
)

// question is one line of a golden file's packets:
//
//	FROM[@SOURCE] TO PROTOCOL[:PORT] [ttl=N] [size=N] [fragmentable] [answered] [# what it shows]
//
// FROM is an instance, INSTANCE/1 for its second interface, an internet host, or an edge by name or id; without SOURCE the
// packet comes from its first address of TO's family. PROTOCOL is tcp, udp, ping or a number; tcp is a SYN. The default port is 443. The
// packet has DF set unless it is fragmentable. If answered, the answer to what arrived is traced, too. The numbers in
// comments are sections of aws-semantics.
type question struct {
	from         string
	source, to   netip.Addr
	protocol     string
	port         uint16
	ttl, size    int
	fragmentable bool
	answered     bool
}

func parse(t *testing.T, line string) question {
	line, _, _ = strings.Cut(line, "#")
	f := strings.Fields(line)
	require.GreaterOrEqual(t, len(f), 3, line)
	q := question{to: netip.MustParseAddr(f[1]), port: 443, ttl: 64}
	from, source, ok := strings.Cut(f[0], "@")
	q.from = from
	if ok {
		q.source = netip.MustParseAddr(source)
	}
	protocol, port, ok := strings.Cut(f[2], ":")
	q.protocol = protocol
	if ok {
		q.port = uint16(number(t, port))
	}
	for _, option := range f[3:] {
		name, value, _ := strings.Cut(option, "=")
		switch name {
		case "ttl":
			q.ttl = number(t, value)
		case "size":
			q.size = number(t, value)
		case "fragmentable":
			q.fragmentable = true
		case "answered":
			q.answered = true
		default:
			t.Fatalf("%s: unknown option %s", line, option)
		}
	}
	return q
}

func number(t *testing.T, text string) int {
	n, err := strconv.ParseUint(text, 10, 16)
	require.NoError(t, err)
	return int(n)
}

// traces tells what becomes of each packet.
func traces(t *testing.T, lab []byte, packets string) string {
	n, s := snapshot(t, lab)
	names := friendly(n)
	var b strings.Builder
	for line := range strings.Lines(packets) {
		q := parse(t, line)
		from := sender(t, s, &q)
		p := q.packet(t)
		trace := s.Trace(nil, from, p, nil)
		fmt.Fprintf(&b, "%s\n%s", strings.TrimSpace(line), names.Replace(story(trace, p)))
		if q.answered && trace.Delivered != nil {
			back := answer(t, p)
			reply := s.Trace(nil, trace.Delivered, back, trace)
			fmt.Fprintf(&b, "  answer\n%s", names.Replace(story(reply, back)))
		}
	}
	return b.String()
}

// story tells of one packet, which is as it was at its end.
func story(trace *dataplane.Trace, p *packet.Packet) string {
	var b strings.Builder
	for _, step := range trace.Steps {
		fmt.Fprintf(&b, "  %-14s %s", step.Stage, step.Where)
		if step.Rule != "" {
			fmt.Fprintf(&b, ": %s", step.Rule)
		}
		b.WriteByte('\n')
	}
	if trace.Delivered == nil {
		return b.String() + fmt.Sprintf("  => dropped %s\n", trace.Drop)
	}
	fmt.Fprintf(&b, "  => delivered, source %s, destination %s, TTL %d\n", p.Src, p.Dst, p.TTL())
	return b.String()
}

// sender finds the interface that the question is sent from, and completes the source.
func sender(t *testing.T, s *dataplane.Snapshot, q *question) *dataplane.Interface {
	name, index, _ := strings.Cut(q.from, "/")
	skip := 0
	if index != "" {
		skip = number(t, index)
	}
	for _, i := range s.Interfaces {
		if i.ID != name && i.Name != name {
			continue
		}
		if skip--; skip >= 0 {
			continue
		}
		for _, a := range i.Addrs {
			if !q.source.IsValid() && a.Is4() == q.to.Is4() {
				q.source = a
			}
		}
		require.True(t, q.source.IsValid(), "%s has no address of the family of %s", q.from, q.to)
		return i
	}
	t.Fatalf("no interface %s", q.from)
	return nil
}

// packet builds the question's packet.
func (q question) packet(t *testing.T) *packet.Packet {
	p := packet.New(max(q.size, 128))
	from, to := netip.AddrPortFrom(q.source, 40000), netip.AddrPortFrom(q.to, q.port)
	header := map[string]int{"tcp": 20, "udp": 8, "ping": 8}[q.protocol] + 20
	if q.to.Is6() {
		header += 20
	}
	payload := make([]byte, max(0, q.size-header))
	switch q.protocol {
	case "tcp":
		packet.BuildTCP(p, from, to, packet.SYN, 1, 0, payload)
	case "udp":
		packet.BuildUDP(p, from, to, payload)
	case "ping":
		packet.BuildICMPEcho(p, q.source, q.to, 1, 1, payload)
	default:
		packet.BuildUDP(p, from, to, payload)
		rewrite(t, p, func(b []byte) { b[9] = byte(number(t, q.protocol)) })
	}
	for int(p.TTL()) > q.ttl {
		p.DecrementTTL()
	}
	if q.fragmentable {
		rewrite(t, p, func(b []byte) { b[6] &^= 0x40 })
	}
	return p
}

// rewrite changes the IPv4 header of a packet as no method of it does.
func rewrite(t *testing.T, p *packet.Packet, change func([]byte)) {
	b := p.Bytes()
	change(b)
	b[10], b[11] = 0, 0
	var sum uint32
	for i := 0; i < 20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(b[10:], ^uint16(sum))
	require.Equal(t, packet.OK, p.Decode())
}

// answer builds what whom p was delivered to answers.
func answer(t *testing.T, p *packet.Packet) *packet.Packet {
	back := packet.New(128)
	from, to := netip.AddrPortFrom(p.Dst, p.DstPort), netip.AddrPortFrom(p.Src, p.SrcPort)
	switch p.Protocol {
	case packet.TCP:
		packet.BuildTCP(back, from, to, packet.SYN|packet.ACK, 1, 2, nil)
	case packet.UDP:
		packet.BuildUDP(back, from, to, nil)
	case packet.ICMP, packet.ICMPv6:
		packet.BuildICMPEchoReply(back, p.Dst, p.Src, p.SrcPort, 1, nil)
	default:
		t.Fatalf("no answer to protocol %d", p.Protocol)
	}
	return back
}

// friendly replaces ids by names, which people can read.
func friendly(n *topology.Network) *strings.Replacer {
	var pairs []string
	add := func(id, name string) { pairs = append(pairs, id, name) }
	for _, v := range n.VPCs {
		nameVPC(v, add)
	}
	for _, eni := range n.NetworkInterfaces() {
		add(eni.ID, fmt.Sprintf("eni:%s/%d", eni.Instance.Name, eni.Index))
	}
	for _, h := range n.InternetHosts {
		add(h.ID, "host:"+h.Name)
	}
	for _, p := range n.Peerings {
		add(p.ID, "pcx:"+p.Name)
	}
	for _, g := range n.TransitGateways {
		add(g.ID, "tgw:"+g.Name)
		for _, a := range g.Attachments {
			add(a.ID, "attachment:"+a.Name)
			for i, eni := range a.InterfaceIDs {
				add(eni, "eni:"+a.Name+"@"+a.Subnets[i].Name)
			}
		}
		for _, table := range g.RouteTables {
			add(table.ID, "tgw-rtb:"+table.Name)
		}
	}
	return strings.NewReplacer(pairs...)
}

func nameVPC(v *topology.VPC, add func(id, name string)) {
	add(v.ID, v.Name)
	if v.InternetGateway != nil {
		add(v.InternetGateway.ID, v.InternetGateway.Name)
	}
	if v.EgressOnly != nil {
		add(v.EgressOnly.ID, v.EgressOnly.Name)
	}
	for _, s := range v.Subnets {
		add(s.ID, "subnet:"+s.Name)
	}
	for _, table := range v.RouteTables {
		add(table.ID, "rtb:"+table.Name)
	}
	for _, e := range v.Endpoints {
		add(e.ID, "vpce:"+e.Name)
	}
	for _, g := range v.NATGateways {
		add(g.ID, "nat:"+g.Name)
		add(g.InterfaceID, "eni:"+g.Name)
	}
	for _, g := range v.SecurityGroups {
		add(g.ID, "sg:"+g.Name)
		for n, r := range g.Ingress {
			add(r.ID, fmt.Sprintf("sgr:in[%d]", n))
		}
		for n, r := range g.Egress {
			add(r.ID, fmt.Sprintf("sgr:out[%d]", n))
		}
	}
	for _, a := range v.NetworkACLs {
		add(a.ID, "acl:"+a.Name)
	}
}
