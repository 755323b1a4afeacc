package whatif

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"vpcsim/dataplane"
	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
)

// Connections is what becomes of the connections that are known of. One between two network interfaces counts once, as what
// becomes of it at the end where most does.
type Connections struct {
	Dropped   Group       `json:"Dropped"`
	Rerouted  Group       `json:"Rerouted"` // UDP, ICMP and the like, and TCP that nobody has answered: nothing is lost
	Survive   Group       `json:"Survive"`
	NotJudged []NotJudged `json:"NotJudged"`
	Unjudged  int         `json:"NotJudgedTotal"`
}

// Group is connections that the same becomes of.
type Group struct {
	Total       int          `json:"Total"`
	Connections []Connection `json:"Connections"` // the first of them, by interface and ends
	Omitted     int          `json:"Omitted"`     // how many of Total are not listed
}

// NotJudged is connections that nothing can be said about, for one reason.
type NotJudged struct {
	Reason      string `json:"Reason"`
	Explanation string `json:"Explanation"`
	Group
}

// Connection is one connection of one network interface.
type Connection struct {
	NetworkInterfaceID string  `json:"NetworkInterfaceId"`
	Name               string  `json:"Name,omitempty"` // its own, or that of the instance
	SubnetID           string  `json:"SubnetId,omitempty"`
	Protocol           string  `json:"Protocol"`
	Local              string  `json:"Local"` // the interface's own end
	Remote             string  `json:"Remote"`
	Direction          string  `json:"Direction,omitempty"` // egress or ingress: who opened it, if that is known
	Reason             string  `json:"Reason,omitempty"`    // of the loss: a code of drop reasons
	Why                string  `json:"Why,omitempty"`
	PathBefore         string  `json:"PathBefore,omitempty"`
	PathAfter          string  `json:"PathAfter,omitempty"`
	TargetBefore       string  `json:"TargetBefore,omitempty"` // ids of all targets on the way
	TargetAfter        string  `json:"TargetAfter,omitempty"`
	SourceBefore       string  `json:"SourceBefore,omitempty"` // what the far side sees; empty if packets do not get there
	SourceAfter        string  `json:"SourceAfter,omitempty"`
	PrimaryAssumed     bool    `json:"PrimaryAddressAssumed,omitempty"` // the log does not say which of the interface's addresses is Local's
	DropAfter          string  `json:"DropAfter,omitempty"`             // why its packets get nowhere after the change
	RoutesBefore       []Route `json:"RoutesBefore,omitempty"`
	RoutesAfter        []Route `json:"RoutesAfter,omitempty"`
	FlowLog            *Seen   `json:"FlowLog,omitempty"`
}

// Seen is what flow logs say of a connection.
type Seen struct {
	Start       time.Time `json:"Start"`
	End         time.Time `json:"End"`
	Packets     uint64    `json:"Packets"`
	Bytes       uint64    `json:"Bytes"`
	TrafficPath uint8     `json:"TrafficPath,omitempty"`
}

// judged is a connection and what becomes of it. What is only told of those that are listed is worked out again then.
type judged struct {
	id    string               // of the network interface
	at    *dataplane.Interface // nil if it is not known
	tuple conntrack.Tuple
	flow  *conntrack.Flow // of a lab
	log   *observed       // of flow logs
	out   bool            // the interface opened it; of flow logs, where its opener is not known, false
	fate  dataplane.Fate
	path  conntrack.Path       // before
	nat   *dataplane.Interface // of a NAT gateway on the way before; nil if there is none
	why   Unjudged             // then nothing becomes of it
}

// foresee asks the data plane about the connection.
func (j *judged) foresee(forecast *dataplane.Forecast) dataplane.Foreseen {
	f := j.flow
	if f == nil {
		opened := forecast.Open(j.at, j.tuple, j.out)
		f = &opened
	}
	seen, ok := forecast.Flow(j.at, j.tuple, *f)
	if !ok {
		seen.Fate = dataplane.Ended // with its interface, which the change removes
	}
	j.fate, j.path = seen.Fate, seen.PathBefore
	for _, leg := range seen.Before {
		if leg.Route != nil && leg.Route.Path == conntrack.PathNAT {
			j.nat = leg.Route.Interface
		}
	}
	return seen
}

// Lab judges the connections of a running lab. limit is how many of each group are listed; 0 is all.
func (p *Plan) Lab(router *dataplane.Router, limit int) {
	forecast := p.forecast
	var all []judged
	router.Flows(func(i *dataplane.Interface, t conntrack.Tuple, f conntrack.Flow) {
		j := judged{id: i.ID, at: i, tuple: t, flow: &f, out: f.Outbound}
		if j.foresee(forecast); j.fate != dataplane.Ended {
			all = append(all, j)
		}
	})
	p.tell(once(all), limit)
}

// Logged judges the live connections of flow logs: those that have records up to a window before the newest one, 0 for any time.
// limit is how many of each group are listed; 0 is all.
func (p *Plan) Logged(l *Log, window time.Duration, limit int) {
	owners := l.owners(p.before, p.forecast)
	var all []judged
	l.live(window, func(k connectionKey, o *observed) {
		j := judged{id: l.interfaces[k.at].id, at: owners[k.at].is, why: owners[k.at].why, log: o}
		if j.at != nil {
			j.why = ""
		}
		j.orient(k)
		if j.why == "" {
			j.check(p.forecast)
		}
		all = append(all, j)
	})
	p.FlowLogs = &l.counts
	all, l.counts.AtGateways = p.account(all)
	n := len(all)
	all = once(all)
	l.counts.AtBothEnds, l.counts.Live = n-len(all), len(all)
	p.tell(all, limit)
}

// orient finds out which end of a logged connection is the interface's own.
func (j *judged) orient(k connectionKey) {
	a, b := k.ends()
	out := j.log.egress
	switch {
	case j.at == nil:
	case j.at.Gateway != nil:
		j.why = GatewayInterface
	default:
		ownsA, ownsB := slices.Contains(j.at.Addrs, a.Addr()), slices.Contains(j.at.Addrs, b.Addr())
		switch {
		case ownsA && !ownsB:
			out = egressAB
		case ownsB && !ownsA:
			out = egressBA
		case !ownsA:
			j.why = AddressMismatch
		}
	}
	if out == egressBA {
		a, b = b, a
	}
	j.tuple = conntrack.Tuple{Local: a, Remote: b, Protocol: k.protocol}
	j.out = j.log.opener() == out && out != egressUnknown
}

// primary says whether the interface's end is only known as its primary address, while it has several (aws-semantics 9.1). What is
// lost does not depend on which it is; what the far side sees may.
func (j *judged) primary() bool {
	return j.log != nil && !j.log.own && len(j.at.Addrs) > 1 && j.at.Addrs[1].Is4() && j.tuple.Local.Addr().Is4()
}

// check judges a logged connection, unless the topology can't be what the log was taken in.
func (j *judged) check(forecast *dataplane.Forecast) {
	seen := j.foresee(forecast)
	switch {
	case impossible(&seen) && !(j.primary() && dataplane.Lost(seen.Before) == drop.None):
		j.why = NoWayBefore
	case contradicts(j.log.path, seen.PathBefore):
		j.why = TrafficPath
	}
}

// tell sorts connections into groups.
func (p *Plan) tell(all []judged, limit int) {
	slices.SortFunc(all, func(a, b judged) int {
		return cmp.Or(cmp.Compare(name(a.at), name(b.at)), cmp.Compare(a.id, b.id), a.tuple.Local.Compare(b.tuple.Local),
			a.tuple.Remote.Compare(b.tuple.Remote), cmp.Compare(a.tuple.Protocol, b.tuple.Protocol))
	})
	out := &Connections{NotJudged: []NotJudged{}}
	teller := teller{p.forecast, p.names, limit}
	out.Dropped = teller.group(all, func(j *judged) bool { return j.why == "" && j.fate == dataplane.Drops })
	out.Rerouted = teller.group(all, func(j *judged) bool { return j.why == "" && j.fate == dataplane.Reroutes })
	out.Survive = teller.group(all, func(j *judged) bool { return j.why == "" && j.fate == dataplane.Survives })
	for _, r := range unjudgedReasons {
		if g := teller.group(all, func(j *judged) bool { return j.why == r.code }); g.Total > 0 {
			out.NotJudged = append(out.NotJudged, NotJudged{Reason: string(r.code), Explanation: r.sentence, Group: g})
			out.Unjudged += g.Total
		}
	}
	p.Connections = out
}

func name(i *dataplane.Interface) string {
	if i == nil {
		return ""
	}
	return i.Name
}

// once leaves one of the two views that the ends of a connection inside have of it: the one with the worse fate, or else the
// first.
func once(all []judged) []judged {
	type ends struct {
		local, remote netip.AddrPort
		protocol      uint8
	}
	seen := map[ends]int{}
	out := all[:0]
	for _, j := range all {
		t := j.tuple
		if j.why != "" || !inside(j.path) {
			out = append(out, j)
			continue
		}
		n, twice := seen[ends{t.Remote, t.Local, t.Protocol}]
		switch {
		case !twice || out[n].id == j.id || j.path == conntrack.PathLocal && out[n].at.Subnet.Local != j.at.Subnet.Local: // of two VPCs
			seen[ends{t.Local, t.Remote, t.Protocol}] = len(out)
			out = append(out, j)
		case worse(j.fate, out[n].fate):
			out[n] = j
		}
	}
	return out
}

// worse says whether more becomes of one connection than of another.
func worse(a, b dataplane.Fate) bool {
	rank := [...]int{dataplane.Survives: 0, dataplane.Reroutes: 1, dataplane.Drops: 2, dataplane.Ended: 0}
	return rank[a] > rank[b]
}
