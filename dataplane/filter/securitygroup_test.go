package filter

import (
	"testing"

	"vpcsim/dataplane/packet"
)

var (
	web, web6 = from(them, packet.TCP, 443), from(them6, packet.TCP, 443)
	query     = from(them, packet.UDP, 53)
	ping      = from(them, packet.ICMP, message(8, 0))

	opened    = named("open", all(anywhere))
	everyPort = named("every port", tcp(0, 65535, anywhere))
	port      = named("port", tcp(443, 443, anywhere))
	port6     = named("port6", tcp(443, 443, anywhere6))
	narrow    = named("narrow", tcp(443, 443, "198.51.100.0/24"))
	halves    = named("halves", tcp(443, 443, "0.0.0.0/1", "128.0.0.0/1"))
	mixed     = named("mixed", tcp(443, 443, "198.51.100.0/24", anywhere))
)

// groupsRow is a packet that arrives at an interface with these rules, the verdict, and the rule that it is from.
type groupsRow struct {
	ingress, egress []Rule
	d               datagram
	want            Verdict
	rule            string
}

func checkGroups(t *testing.T, rows map[string]groupsRow) {
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			inward := row.d.packet(t)
			row.d.src, row.d.dst = row.d.dst, row.d.src
			outward := row.d.packet(t)
			// What holds of packets that arrive holds of packets that leave, with the lists exchanged.
			groups, mirrored := NewSecurityGroups(row.ingress, row.egress), NewSecurityGroups(row.egress, row.ingress)
			v, n := groups.Ingress(inward)
			checkVerdict(t, row, v, n, groups.IngressRule)
			v, n = mirrored.Egress(outward)
			checkVerdict(t, row, v, n, mirrored.EgressRule)
		})
	}
}

func checkVerdict(t *testing.T, row groupsRow, v Verdict, rule int, id func(int) string) {
	t.Helper()
	if v != row.want || (rule < 0) != (v == Denied) {
		t.Errorf("verdict %d by rule %d, want %d", v, rule, row.want)
	}
	if rule >= 0 && id(rule) != row.rule {
		t.Errorf("by rule %q, want %q", id(rule), row.rule)
	}
}

// TestTracking is aws-semantics 6.3: what is untracked.
func TestTracking(t *testing.T) {
	checkGroups(t, map[string]groupsRow{
		"both directions open":                                     {[]Rule{opened}, []Rule{opened}, web, Untracked, "open"},
		"a port from everywhere, all of it to everywhere":          {[]Rule{port}, []Rule{opened}, web, Untracked, "port"},
		"all TCP ports to everywhere are open":                     {[]Rule{port}, []Rule{everyPort}, web, Untracked, "port"},
		"all TCP ports to everywhere are not open for UDP":         {[]Rule{opened}, []Rule{everyPort}, query, Tracked, "open"},
		"all UDP ports to everywhere are not open for TCP":         {[]Rule{opened}, []Rule{udp(0, 65535, anywhere)}, web, Tracked, "open"},
		"a UDP query is untracked, too":                            {[]Rule{udp(53, 53, anywhere), opened}, []Rule{udp(0, 65535, anywhere)}, query, Untracked, ""},
		"ICMP is always tracked":                                   {[]Rule{opened}, []Rule{opened}, ping, Tracked, "open"},
		"other protocols are always tracked":                       {[]Rule{opened}, []Rule{opened}, from(them, 47, 0), Tracked, "open"},
		"protocol 38, whose low bits are those of TCP, is tracked": {[]Rule{opened}, []Rule{opened}, from(them, 38, 0), Tracked, "open"},
		"a rule for some addresses is tracked":                     {[]Rule{narrow}, []Rule{opened}, web, Tracked, "narrow"},
		"two halves are not everywhere":                            {[]Rule{halves}, []Rule{opened}, web, Tracked, "halves"},
		"two halves are not everywhere in the opposite direction":  {[]Rule{opened}, []Rule{all("0.0.0.0/1", "128.0.0.0/1")}, web, Tracked, "open"},
		"everywhere among other peers is everywhere":               {[]Rule{mixed}, []Rule{opened}, web, Untracked, "mixed"},
		"the opposite direction limits the ports":                  {[]Rule{opened}, []Rule{tcp(1, 65535, anywhere)}, web, Tracked, "open"},
		"two rules that together are all ports are not open":       {[]Rule{opened}, []Rule{tcp(0, 1023, anywhere), tcp(1024, 65535, anywhere)}, web, Tracked, "open"},
		"the opposite direction limits the addresses":              {[]Rule{opened}, []Rule{all("10.0.0.0/8")}, web, Tracked, "open"},
		"the opposite direction is shut":                           {[]Rule{opened}, nil, web, Tracked, "open"},
		"the opposite direction is open for IPv6 only":             {[]Rule{opened}, []Rule{all(anywhere6)}, web, Tracked, "open"},
		"an S3 client's opposite direction has only narrow rules":  {[]Rule{opened}, []Rule{narrow, port}, web, Tracked, "open"},
		"IPv6, both directions open":                               {[]Rule{opened, port6}, []Rule{all(anywhere6)}, web6, Untracked, "port6"},
		"IPv6, the opposite direction is open for IPv4 only":       {[]Rule{port6}, []Rule{opened}, web6, Tracked, "port6"},
	})
}

// TestRulesAreASet is aws-semantics 6.1: allow rules only, a union, no order.
func TestRulesAreASet(t *testing.T) {
	checkGroups(t, map[string]groupsRow{
		"the rule for everywhere wins over a narrower one before":      {[]Rule{narrow, port}, []Rule{opened}, web, Untracked, "port"},
		"the rule for everywhere wins over a narrower one after it":    {[]Rule{port, narrow}, []Rule{opened}, web, Untracked, "port"},
		"so it does where the connection is tracked":                   {[]Rule{narrow, port}, nil, web, Tracked, "port"},
		"a rule for everywhere about another port leaves the narrower": {[]Rule{tcp(80, 80, anywhere), narrow}, []Rule{opened}, web, Tracked, "narrow"},
		"of several rules for everywhere the first is named":           {[]Rule{narrow, everyPort, port}, []Rule{opened}, web, Untracked, "every port"},
		"a later fragment by a rule for all ports":                     {[]Rule{everyPort}, []Rule{opened}, web.fragmented(laterFragment), Untracked, "every port"},
		"no rule about the packet":                                     {[]Rule{narrow}, []Rule{opened}, query, Denied, ""},
		"no rule at all":                                               {nil, nil, web, Denied, ""},
		"what is open outwards allows nothing inwards":                 {[]Rule{narrow}, []Rule{opened}, from("192.0.2.1", packet.TCP, 443), Denied, ""},
		"a rule of one group and one of another are one set":           {[]Rule{tcp(80, 80, anywhere), port}, []Rule{opened}, web, Untracked, "port"},
		"the default group allows its members, and tracks":             {[]Rule{named("members", all("10.0.0.10/32", them+"/32"))}, []Rule{opened}, web, Tracked, "members"},
		"a new group lets nothing in":                                  {nil, []Rule{opened, all(anywhere6)}, web, Denied, ""},
	})
}

func TestEmptyGroups(t *testing.T) {
	members := all() // of a group that has none: a rule nonetheless
	for name, row := range map[string]struct {
		ingress, egress           []Rule
		ingressEmpty, egressEmpty bool
	}{
		"no rule either way":               {nil, nil, true, true},
		"a new group":                      {nil, []Rule{all(anywhere)}, true, false},
		"a rule that is about nobody":      {[]Rule{members}, nil, false, true},
		"rules of the other family, alone": {[]Rule{all(anywhere6)}, []Rule{all(anywhere)}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewSecurityGroups(row.ingress, row.egress)
			if g.IngressEmpty() != row.ingressEmpty || g.EgressEmpty() != row.egressEmpty {
				t.Errorf("empty: %v, %v", g.IngressEmpty(), g.EgressEmpty())
			}
		})
	}
}
