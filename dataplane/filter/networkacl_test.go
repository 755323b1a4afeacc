package filter

import (
	"testing"

	"vpcsim/dataplane/packet"
)

const ingress, egress = true, false

var (
	allowAll, allowAll6 = named("#100", all(anywhere)), named("#101", all(anywhere6))
	webOnly             = named("#100", tcp(443, 443, anywhere))
)

func ephemeral(id string, first, last uint16) Rule { return named(id, tcp(first, last, anywhere)) }

// aclRow is a packet that meets one list of a network ACL, whether it passes, and the entry that decides.
type aclRow struct {
	list    []Rule
	inward  bool
	d       datagram
	allowed bool
	entry   string
}

func checkACL(t *testing.T, rows map[string]aclRow) {
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			p := row.d.packet(t)
			a := NewNetworkACL("acl-1", row.list, nil)
			judge, id := a.Ingress, a.IngressEntry
			if !row.inward {
				a = NewNetworkACL("acl-1", nil, row.list)
				judge, id = a.Egress, a.EgressEntry
			}
			allowed, entry := judge(p)
			if got, _ := id(entry); allowed != row.allowed || got != row.entry {
				t.Errorf("%v by %s, want %v by %s", allowed, got, row.allowed, row.entry)
			}
		})
	}
}

// TestEntriesHaveAnOrder is aws-semantics 7: the lowest number first, the first match decides, and the end denies.
func TestEntriesHaveAnOrder(t *testing.T) {
	checkACL(t, map[string]aclRow{
		"the default ACL allows all":                     {[]Rule{allowAll}, ingress, from(them, packet.TCP, 22), true, "#100"},
		"the default ACL allows all outwards":            {[]Rule{allowAll}, egress, to(them, 47, 0), true, "#100"},
		"the default ACL does not know IPv6":             {[]Rule{allowAll}, ingress, from(them6, packet.TCP, 22), false, "acl-1#*"},
		"the default ACL with IPv6":                      {[]Rule{allowAll, allowAll6}, ingress, from(them6, packet.TCP, 22), true, "#101"},
		"a new ACL denies all":                           {nil, ingress, from(them, packet.TCP, 22), false, "acl-1#*"},
		"a new ACL denies all outwards":                  {nil, egress, to(them, packet.TCP, 22), false, "acl-1#*"},
		"a deny with a lower number wins":                {[]Rule{named("#90", deny(tcp(22, 22, anywhere))), allowAll}, ingress, from(them, packet.TCP, 22), false, "#90"},
		"a deny with a higher number comes too late":     {[]Rule{allowAll, named("#110", deny(tcp(22, 22, anywhere)))}, ingress, from(them, packet.TCP, 22), true, "#100"},
		"a deny of another port leaves it to the next":   {[]Rule{named("#90", deny(tcp(22, 22, anywhere))), allowAll}, ingress, from(them, packet.TCP, 23), true, "#100"},
		"a deny of another family leaves it to the next": {[]Rule{named("#90", deny(all(anywhere6))), allowAll}, ingress, from(them, packet.TCP, 23), true, "#100"},
		"an exception from a denied range comes before":  {[]Rule{named("#80", all(them+"/32")), named("#90", deny(all("198.51.100.0/24"))), allowAll}, ingress, from(them, packet.TCP, 1), true, "#80"},
		"a neighbour of the exception is denied":         {[]Rule{named("#80", all(them+"/32")), named("#90", deny(all("198.51.100.0/24"))), allowAll}, ingress, from("198.51.100.8", packet.TCP, 1), false, "#90"},
		"what no entry is about is denied":               {[]Rule{webOnly}, ingress, from(them, packet.TCP, 80), false, "acl-1#*"},
	})
}

// TestNetworkACLsAreStateless is aws-semantics 7: nothing is remembered, of connections, pings, errors or fragments.
func TestNetworkACLsAreStateless(t *testing.T) {
	checkACL(t, map[string]aclRow{
		"the request passes": {[]Rule{webOnly}, egress, to(them, packet.TCP, 443), true, "#100"},
		"the answer goes to an ephemeral port and is denied": {[]Rule{webOnly}, ingress, from(them, packet.TCP, 40000), false, "acl-1#*"},
		"the answer passes by an entry for Linux's ports":    {[]Rule{webOnly, ephemeral("#110", 32768, 61000)}, ingress, from(them, packet.TCP, 40000), true, "#110"},
		"Windows's ports are others":                         {[]Rule{webOnly, ephemeral("#110", 32768, 61000)}, ingress, from(them, packet.TCP, 65000), false, "acl-1#*"},
		"a NAT gateway needs ports from 1024":                {[]Rule{webOnly, ephemeral("#110", 1024, 65535)}, ingress, from(them, packet.TCP, 1024), true, "#110"},
		"inwards the source counts":                          {[]Rule{named("#100", all("198.51.100.0/24"))}, ingress, from(them, packet.TCP, 80), true, "#100"},
		"outwards the destination counts":                    {[]Rule{named("#100", all("198.51.100.0/24"))}, egress, to(them, packet.TCP, 80), true, "#100"},
		"outwards the source does not count":                 {[]Rule{named("#100", all("10.0.0.0/8"))}, egress, to(them, packet.TCP, 80), false, "acl-1#*"},
		"path MTU discovery needs ICMP 3/4":                  {[]Rule{named("#100", tcp(0, 65535, anywhere)), named("#110", icmp(1, 3, 4, anywhere))}, ingress, from(them, packet.ICMP, message(3, 4)), true, "#110"},
		"without it the report is lost":                      {[]Rule{named("#100", tcp(0, 65535, anywhere))}, ingress, from(them, packet.ICMP, message(3, 4)), false, "acl-1#*"},
		"traceroute needs ICMP 11/0":                         {[]Rule{named("#100", icmp(1, 11, 0, anywhere))}, ingress, from(them, packet.ICMP, message(11, 0)), true, "#100"},
		"a ping's answer is another type than its request":   {[]Rule{named("#100", icmp(1, 8, Any, anywhere))}, ingress, from(them, packet.ICMP, message(0, 0)), false, "acl-1#*"},
		"the first fragment passes by its port":              {[]Rule{webOnly}, ingress, from(them, packet.TCP, 443).fragmented(firstFragment), true, "#100"},
		"the later ones have none":                           {[]Rule{webOnly}, ingress, from(them, packet.TCP, 443).fragmented(laterFragment), false, "acl-1#*"},
		"a deny of a port lets its later fragments pass":     {[]Rule{named("#90", deny(udp(53, 53, anywhere))), allowAll}, ingress, from(them, packet.UDP, 53).fragmented(laterFragment), true, "#100"},
		"a deny of all ports does not":                       {[]Rule{named("#90", deny(udp(0, 65535, anywhere))), allowAll}, ingress, from(them, packet.UDP, 53).fragmented(laterFragment), false, "#90"},
	})
}
