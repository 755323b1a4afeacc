package interop

import (
	"encoding/xml"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// nmap scans an address from an internet host and returns the state of each port as it judges it, for example "22 open".
func (l lab) nmap(t testing.TB, args ...string) (states []string) {
	t.Helper()
	out := l.run(t, "peer", "nmap", append([]string{"-n", "-Pn", "--send-ip", "--max-retries", "2", "--max-rtt-timeout", "1s", "-oX", "-"}, args...)...)
	var scan struct {
		Ports []struct {
			ID    string `xml:"portid,attr"`
			State struct {
				State string `xml:"state,attr"`
			} `xml:"state"`
		} `xml:"host>ports>port"`
		Rest []struct {
			State string `xml:"state,attr"`
			Count int    `xml:"count,attr"`
		} `xml:"host>ports>extraports"`
	}
	require.NoError(t, xml.Unmarshal([]byte(out), &scan), out)
	for _, p := range scan.Ports {
		states = append(states, p.ID+" "+p.State.State)
	}
	for _, r := range scan.Rest {
		states = append(states, fmt.Sprintf("%d more %s", r.Count, r.State))
	}
	return states
}

// listen opens a TCP port and does nothing with it.
func (l lab) listen(t testing.TB, on string, port int) {
	t.Helper()
	l.inside(t, on, func() error {
		listener, err := net.Listen("tcp4", fmt.Sprintf(":%d", port))
		if err == nil {
			t.Cleanup(func() { listener.Close() })
		}
		return err
	})
}

// TestNmapFromTheInternet: what a group allows is open or closed, as the instance is; all else is filtered: no RST and no ICMP
// comes back (aws-semantics 6.1). Of a NAT gateway nothing is seen at all (5.1).
func TestNmapFromTheInternet(t *testing.T) {
	t.Parallel()
	tool(t, "nmap")
	const bastion, web, nat = "198.51.100.12", "198.51.100.10", "198.51.100.5"
	for _, s := range []struct {
		name, args, target string
		want               []string
	}{
		{"a narrow group, by SYN", "-sS -p 21-25,80", bastion, []string{"21 filtered", "22 open", "23 closed", "24 filtered", "25 filtered", "80 filtered"}},
		{"a narrow group, by connecting", "-sT -p 21-25,80", bastion, []string{"21 filtered", "22 open", "23 closed", "24 filtered", "25 filtered", "80 filtered"}},
		{"a narrow group, by ACK", "-sA -p 21-23", bastion, []string{"21 filtered", "22 unfiltered", "23 unfiltered"}},
		{"a narrow group, by UDP", "-sU -p 53,161", bastion, []string{"53 closed", "161 open|filtered"}},
		{"a narrow group, by protocol", "-sO -p 1,2,6,17,47", bastion, []string{"1 open|filtered", "2 open|filtered", "6 open|filtered", "17 open|filtered", "47 open|filtered"}},
		{"an open group, by SYN", "-sS -p 21-23", web, []string{"21 closed", "22 open", "23 closed"}},
		{"an open group, by UDP", "-sU -p 53,161", web, []string{"53 closed", "161 closed"}},
		{"an open group, by FIN", "-sF -p 21-22", web, []string{"21 closed", "22 open|filtered"}},
		{"an open group, by protocol", "-sO -p 1,6,17,99", web, []string{"1 open", "6 open", "17 open", "99 closed"}},
		{"the NAT gateway, by SYN", "-sS -p 22,80,1024,65535", nat, []string{"22 filtered", "80 filtered", "1024 filtered", "65535 filtered"}},
		{"the NAT gateway, by ACK", "-sA -p 22,80", nat, []string{"22 filtered", "80 filtered"}},
		{"the NAT gateway, by UDP", "-sU -p 53,161", nat, []string{"53 open|filtered", "161 open|filtered"}},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			l := start(t, office) // its own, as nmap takes the answers to one scan for those to another
			for _, on := range []string{"bastion", "web"} {
				l.listen(t, on, 22)
			}
			if got := l.nmap(t, append(strings.Fields(s.args), s.target)...); !slices.Equal(got, s.want) {
				t.Errorf("nmap %s: %q, want %q", s.args, got, s.want)
			}
		})
	}
}
