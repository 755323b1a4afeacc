package pcapfilter

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/packet"
)

func end(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// syn is a SYN from 10.0.0.1:40000 to 192.0.2.7:443, 40 bytes long.
func syn() *packet.Packet {
	p := packet.New(256)
	packet.BuildTCP(p, end("10.0.0.1:40000"), end("192.0.2.7:443"), packet.SYN, 1, 0, nil)
	p.Decode()
	return p
}

func query(src, dst string) *packet.Packet {
	p := packet.New(256)
	packet.BuildUDP(p, end(src), end(dst), []byte("question"))
	p.Decode()
	return p
}

// later is a fragment of a TCP segment without its header.
func later() *packet.Packet {
	p := syn()
	b := p.Bytes()
	b[6], b[7], b[10], b[11] = 0, 10, 0, 0
	var sum uint32
	for i := 0; i < 20; i += 2 {
		sum += uint32(b[i])<<8 | uint32(b[i+1])
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	b[10], b[11] = byte(^sum>>8), byte(^sum)
	if f := p.Decode(); f != packet.OK {
		panic(f)
	}
	return p
}

func TestExpressions(t *testing.T) {
	v6 := query("[2001:db8::1]:5000", "[2001:db8::2]:53")
	for _, row := range []struct {
		name, expression string
		p                *packet.Packet
		want             bool
	}{
		{"nothing is asked", "", syn(), true},
		{"a protocol", "tcp", syn(), true},
		{"another protocol", "udp", syn(), false},
		{"a family", "ip6", v6, true},
		{"a port of either end", "port 443", syn(), true},
		{"a port of the wrong end", "src port 443", syn(), false},
		{"a port by its name", "tcp dst port https", syn(), true},
		{"a port of another protocol", "udp port 443", syn(), false},
		{"a range of ports", "portrange 400-500", syn(), true},
		{"a range that goes down is turned round, as libpcap does", "portrange 500-400", syn(), true},
		{"both ends", "src and dst net 10.0.0.0/8", syn(), false},
		{"either end, in words", "src or dst host 10.0.0.1", syn(), true},
		{"an address alone", "192.0.2.7", syn(), true},
		{"an address of IPv6", "host 2001:db8::2", v6, true},
		{"a network by its first bytes", "net 192.0.2", syn(), true},
		{"a network with a mask", "net 10.0.0.0 mask 255.0.0.0", syn(), true},
		{"a network of IPv6", "dst net 2001:db8::/32", v6, true},
		{"an id takes over the words of the one before", "tcp dst port 80 or 443", syn(), true},
		{"and and or bind alike, from left to right", "tcp or udp and port 53", syn(), false},
		{"brackets bind", "tcp or (udp and port 53)", syn(), true},
		{"not binds to what follows", "not udp and port 443", syn(), true},
		{"operators", "!udp && (port 80 || port 443)", syn(), true},
		{"flags", "tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn", syn(), true},
		{"bytes", "ip[9] = 6 and tcp[2:2] == 443", syn(), true},
		{"arithmetic on the left in brackets", "(tcp[12] & 0xf0) >> 2 = 20", syn(), true},
		{"bytes of bytes", "ip[2:2] - ((ip[0]&0xf)<<2) - ((tcp[12]&0xf0)>>2) != 0", syn(), false},
		{"UDP over IPv6, by its bytes", "udp[2:2] = 53", v6, true},
		{"a relation about another protocol is false", "udp[2:2] != 0", syn(), false},
		{"and its negation true", "not udp[2:2] = 0", syn(), true},
		{"a byte that is not there makes all false", "tcp[200] = 0 or tcp", syn(), false},
		{"also what is negated", "not tcp[200] = 0", syn(), false},
		{"division by zero, too", "len / (ip[9] - 6) = 0 or tcp", syn(), false},
		{"length", "len = 40 and less 40 and greater 40", syn(), true},
		{"a number on the left", "6 = ip[9]", syn(), true},
		{"a protocol by its number", "ip proto 6", syn(), true},
		{"a protocol by its escaped name", `ip proto \tcp`, syn(), true},
		{"a later fragment has no ports", "port 443", later(), false},
		{"but a protocol", "tcp", later(), true},
		{"and no transport header", "tcp[13] & 2 != 0", later(), false},
		{"multicast", "ip multicast", query("10.0.0.1:5000", "224.0.0.251:5353"), true},
	} {
		f, err := Parse(row.expression)
		require.NoError(t, err, row.name)
		if got := f.Match(row.p); got != row.want {
			t.Errorf("%s: %s: got %v", row.name, row.expression, got)
		}
	}
}

func TestWhatIsNotUnderstoodIsAnError(t *testing.T) {
	for expression, want := range map[string]string{
		"(tcp":                           "ends too early: a closing bracket is missing",
		"tcp)":                           `at ")": comes after the end`,
		"tcp udp":                        `at "udp": must be an IP address`,
		"port":                           "ends too early: an address, network, port or protocol must come first",
		"port 70000":                     `at "70000": must be a port from 0 to 65535`,
		"port nonsense":                  `at "nonsense": must be a port`,
		"host db.example":                "names are not looked up",
		"net 10.0.0.1/8":                 "bits set beyond its length",
		"net 10.0.0.0/33":                "from 0 to 32",
		"net 10.0.0.0 mask 255.0.255.0":  "the mask must be",
		"ether host 1:2:3:4:5:6":         "datagrams in a VPC have no such thing",
		"tcp host 10.0.0.1":              "write tcp and host",
		"icmp port 5":                    "only tcp, udp and sctp have ports",
		"ip host 2001:db8::1":            "is of the other family",
		"tcp[13:3] = 0":                  "the size must be 1, 2 or 4",
		"tcp[13] & 2":                    "must be one of = !=",
		"ip[99999999999] = 1":            "must be a number",
		"and tcp":                        "must come first",
		"tcp and":                        "ends too early",
		strings.Repeat("(", 100) + "tcp": "more than 64 brackets",
		strings.Repeat("x", 5000):        "longer than 4096 bytes",
	} {
		_, err := Parse(expression)
		require.ErrorContains(t, err, want, expression)
	}
}

func TestMatchingDoesNotAllocate(t *testing.T) {
	f, err := Parse("tcp[tcpflags] & tcp-syn != 0 and (net 10.0.0.0/8 or port 53) and not host 192.0.2.1")
	require.NoError(t, err)
	p := syn()
	if n := testing.AllocsPerRun(1000, func() { f.Match(p) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzParse: no expression crashes, and what is understood can be asked.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"tcp port 443", "src net 10.0.0.0/8 and not (udp or icmp)", "tcp[tcpflags] & tcp-syn != 0", "ip[2:2] > 576 or len < 40",
		"((((tcp", "1/0=1", "net 10 mask 255.0.0.0", "port 80 or 443", "host ::1", "\\", "tcp[[", "a:b", "0x", "less", "src or dst port 5",
	} {
		f.Add(s)
	}
	packets := []*packet.Packet{syn(), later(), query("[2001:db8::1]:5000", "[2001:db8::2]:53")}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := Parse(s)
		if err != nil {
			return
		}
		for _, p := range packets {
			e.Match(p)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	for _, s := range []string{"tcp port 443", "tcp[tcpflags] & tcp-syn != 0 and net 10.0.0.0/8"} {
		b.Run(s, func(b *testing.B) {
			f, err := Parse(s)
			require.NoError(b, err)
			p := syn()
			b.ReportAllocs()
			for b.Loop() {
				f.Match(p)
			}
		})
	}
}
