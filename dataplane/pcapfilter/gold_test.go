package pcapfilter

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/packet"
)

// TestTcpdumpSelectsTheSamePackets: random expressions, read by tcpdump and by us, select the same of some hundred packets.
func TestTcpdumpSelectsTheSamePackets(t *testing.T) {
	tcpdump, err := exec.LookPath("tcpdump")
	if err != nil {
		t.Skip("tcpdump is not installed: the language is checked by its rows alone")
	}
	random := rand.New(rand.NewPCG(1, 2))
	file, packets := filepath.Join(t.TempDir(), "all.pcap"), assorted(random)
	require.NoError(t, os.WriteFile(file, pcap(t, packets), 0o644))
	const expressions = 150
	refused := 0
	for range expressions {
		s := randomExpression(random, 3)
		f, err := Parse(s)
		require.NoError(t, err)
		var got []int
		for i, p := range packets {
			if f.Match(p) {
				got = append(got, i)
			}
		}
		want, problem := selected(tcpdump, file, s)
		if problem != "" { // it knows that no packet can match, for example
			if !strings.Contains(problem, "expression rejects all packets") {
				t.Errorf("tcpdump does not understand %s: %s", s, problem)
			}
			refused++
			require.Empty(t, got, s)
			continue
		}
		require.Equal(t, want, got, s)
	}
	if refused > expressions/2 {
		t.Errorf("%d of %d expressions reject everything: the test says little", refused, expressions)
	}
}

// selected are the packets that tcpdump selects: each tells its number by its time.
func selected(tcpdump, file, expression string) (all []int, problem string) {
	cmd := exec.Command(tcpdump, "-r", file, "-w", "-", expression)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return nil, problems.String()
	}
	r, err := pcapgo.NewReader(&out)
	if err != nil {
		return nil, err.Error()
	}
	for {
		_, info, err := r.ReadPacketData()
		if err == io.EOF {
			return all, ""
		}
		if err != nil {
			return nil, err.Error()
		}
		all = append(all, int(info.Timestamp.Unix()))
	}
}

func pcap(t *testing.T, packets []*packet.Packet) []byte {
	var b bytes.Buffer
	w := pcapgo.NewWriter(&b)
	require.NoError(t, w.WriteFileHeader(65535, layers.LinkTypeRaw))
	for i, p := range packets {
		info := gopacket.CaptureInfo{Timestamp: time.Unix(int64(i), 0), CaptureLength: p.Len(), Length: p.Len()}
		require.NoError(t, w.WritePacket(info, p.Bytes()))
	}
	return b.Bytes()
}

var (
	addresses = []string{"10.0.0.1", "10.0.1.2", "192.0.2.7", "2001:db8::1", "2001:db8:1::2"}
	ports     = []uint16{22, 53, 80, 443, 40000}
)

// assorted are packets of few addresses and ports, so that expressions hit.
func assorted(random *rand.Rand) (all []*packet.Packet) {
	for len(all) < 300 {
		a, b := addresses[random.IntN(len(addresses))], addresses[random.IntN(len(addresses))]
		if strings.Contains(a, ":") != strings.Contains(b, ":") {
			continue
		}
		format := "%s:%d"
		if strings.Contains(a, ":") {
			format = "[%s]:%d"
		}
		src, dst := end(fmt.Sprintf(format, a, ports[random.IntN(len(ports))])), end(fmt.Sprintf(format, b, ports[random.IntN(len(ports))]))
		p := packet.New(256)
		switch random.IntN(4) {
		case 0:
			packet.BuildUDP(p, src, dst, make([]byte, random.IntN(60)))
		case 1:
			packet.BuildICMPEcho(p, src.Addr(), dst.Addr(), uint16(random.IntN(9)), 1, make([]byte, random.IntN(60)))
		case 2:
			if p = later(); random.IntN(2) == 0 {
				p = syn()
			}
		default:
			packet.BuildTCP(p, src, dst, uint8(random.IntN(64)), random.Uint32(), random.Uint32(), make([]byte, random.IntN(60)))
		}
		if p.Decode() == packet.OK {
			all = append(all, p)
		}
	}
	return all
}

func randomExpression(random *rand.Rand, depth int) string {
	pick := func(all ...string) string { return all[random.IntN(len(all))] }
	if depth > 0 && random.IntN(3) > 0 {
		a, b := randomExpression(random, depth-1), randomExpression(random, depth-1)
		switch random.IntN(4) {
		case 0:
			return "not (" + a + ")"
		case 1:
			return "(" + a + ") " + pick("and", "or", "&&", "||") + " " + b
		}
		return a + " " + pick("and", "or") + " " + b
	}
	port, address := fmt.Sprint(ports[random.IntN(len(ports))]), pick(addresses...)
	switch random.IntN(9) {
	case 0:
		return pick("tcp", "udp", "icmp", "icmp6", "ip", "ip6")
	case 1:
		return pick("", "tcp ", "udp ") + pick("", "src ", "dst ", "src or dst ", "src and dst ") + "port " + port
	case 2:
		return pick("", "src ", "dst ", "src and dst ") + "host " + address
	case 3:
		return pick("", "src ", "dst ") + "net " + pick("10.0.0.0/16", "10.0", "192.0.2.0/24", "10.0.0.0 mask 255.255.254.0", "2001:db8::/32", "2001:db8:1::/48")
	case 4:
		return pick("less ", "greater ") + fmt.Sprint(20+random.IntN(60))
	case 5:
		return "(ip and " + pick("tcp[13]", "tcp[tcpflags]", "ip[8]", "udp[4:2]", "ip[12:4]", "icmp[icmptype]", "len", "(tcp[12] & 0xf0) >> 2") + " " + pick("=", "!=", "<", ">", "<=", ">=") + " " +
			pick("2", "20", "tcp-syn", "0x40", "64 + 2 * 3", "(1 << 4) | 3", "icmp-echo") + ")" // over IPv6 libpcap sees no transport header
	case 6:
		return "portrange " + pick("22-80", "50-500", "40000-50000")
	case 7:
		return "port " + port + " or " + fmt.Sprint(ports[random.IntN(len(ports))])
	}
	return pick("ip", "ip6") + " proto " + pick("6", "17", `\udp`, "1", "58")
}
