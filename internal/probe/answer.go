package probe

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"

	"vpcsim/dataplane"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
	"vpcsim/topology/compile"
)

// The verdicts.
const (
	Delivered = "delivered"
	Dropped   = "dropped"
)

// Answer is what became of a probe. Its field names are a contract.
type Answer struct {
	ID       json.RawMessage `json:"id,omitempty"`
	From     string          `json:"from"`
	To       string          `json:"to"`
	Protocol Protocol        `json:"protocol"`
	Port     uint16          `json:"port"`

	Verdict string `json:"verdict"` // delivered or dropped
	Reason  string `json:"reason"`  // why it was dropped: drop.Reason, the first blocker's
	By      string `json:"by"`      // id of what dropped it
	Where   string `json:"where"`   // id of where it ended: the interface or edge it was delivered to, or what dropped it

	SourceAtDestination   string `json:"source_at_destination"`     // what the receiver sees; empty if dropped
	DestinationAtDelivery string `json:"destination_at_delivery"`   // empty if dropped
	TTLAtDelivery         int    `json:"ttl_at_delivery,omitempty"` // absent if dropped

	Hops  []string `json:"hops"` // ids, in order, without repetition, to where it ended
	Steps []Step   `json:"steps"`
	// Blockers are all that refuses it, in order, and then, with way "return", all that refuses the answer to it.
	Blockers []Blocker `json:"blockers,omitempty"`
	// Return is what becomes of the receiver's answer; absent if nothing leads to a receiver. Of a packet that filters dropped it is what
	// would become of it had they let the packet pass.
	Return *Answer `json:"return,omitempty"`
}

// Step is one decision about the packet.
type Step struct {
	Stage string `json:"stage"`
	Where string `json:"where"`
	Rule  string `json:"rule"`
	Src   string `json:"src"`
	Dst   string `json:"dst"`
	Drop  string `json:"drop"`
	// Supposed steps are those behind the first blocker, as if the packet had passed it.
	Supposed bool `json:"supposed,omitempty"`
}

// Blocker is one thing that refuses the packet, or the answer to it.
type Blocker struct {
	Stage  string `json:"stage"`
	Where  string `json:"where"`
	Rule   string `json:"rule"`
	Reason string `json:"reason"`
	By     string `json:"by"`
	Way    string `json:"way,omitempty"` // return if it refuses the answer
	Cure   string `json:"cure"`          // what would mend it, for people
}

// wayBack is the way of a blocker of the answer.
const wayBack = "return"

// Unanswered reports whether this stands for an answer that is not given: the packet arrived where nothing answers it.
func (a *Answer) Unanswered() bool { return a.Reason == drop.NoAnswer.String() }

// Both reports whether the probe and the answer to it were delivered.
func (a *Answer) Both() bool {
	return a.Verdict == Delivered && a.Return != nil && a.Return.Verdict == Delivered
}

// answer tells the steps. It is dropped where the first of them says so, or at the last. Without ports, what stands in their place is left
// out.
func answer(steps []dataplane.Step, ports bool) *Answer {
	a := &Answer{Verdict: Dropped, Hops: make([]string, 0, len(steps)+1), Steps: make([]Step, 0, len(steps))}
	var before dataplane.Step
	var src, dst string // of before: most steps leave both ends as they are
	for _, s := range steps {
		if s.Src != before.Src {
			src = end(s.Src, ports)
		}
		if s.Dst != before.Dst {
			dst = end(s.Dst, ports)
		}
		before = s
		step := Step{
			Stage: s.Stage.String(), Where: s.Where, Rule: s.Rule, Src: src, Dst: dst, Drop: s.Drop.String(), Supposed: a.Reason != "",
		}
		a.Steps = append(a.Steps, step)
		if a.Reason == "" {
			if s.Where != a.Where && !strings.HasSuffix(s.Where, compile.NotAsked) {
				a.Hops = append(a.Hops, s.Where)
			}
			a.Where = s.Where
		}
		if s.Drop != drop.None {
			a.block(step, s.Drop)
		}
	}
	return a
}

// block notes that a step refuses the packet.
func (a *Answer) block(s Step, reason drop.Reason) {
	if a.Reason == "" {
		a.Reason, a.By = s.Drop, s.Where
	}
	a.Blockers = append(a.Blockers, Blocker{Stage: s.Stage, Where: s.Where, Rule: s.Rule, Reason: s.Drop, By: s.Where, Cure: reason.Cure()})
}

// deliver says where the packet arrived, and as what.
func (a *Answer) deliver(at *dataplane.Interface, p *packet.Packet) {
	a.Verdict, a.Where = Delivered, at.ID
	a.SourceAtDestination, a.DestinationAtDelivery, a.TTLAtDelivery = p.Src.String(), p.Dst.String(), int(p.TTL())
	if len(a.Hops) == 0 || a.Hops[len(a.Hops)-1] != at.ID {
		a.Hops = append(a.Hops, at.ID)
	}
}

// adopt makes the blockers of the answer the question's, too.
func (a *Answer) adopt() {
	for _, b := range a.Return.Blockers {
		b.Way = wayBack
		a.Blockers = append(a.Blockers, b)
	}
}

// nameNAT makes each NAT gateway that was crossed a hop behind its network interface.
func (t *Tracer) nameNAT(a *Answer, steps []dataplane.Step) {
	for _, s := range steps {
		if s.Stage != dataplane.StageGateway {
			continue
		}
		if at := slices.Index(a.Hops, s.Where); at >= 0 {
			if g := t.natInterface(s.Where); g != nil {
				a.Hops = slices.Insert(a.Hops, 1+at, g.ID)
			}
		}
		if s.Drop != drop.None {
			return
		}
	}
}

// end writes one end of a packet, its port only if it has one.
func end(a netip.AddrPort, ports bool) string {
	if a.Port() == 0 || !ports {
		return a.Addr().String()
	}
	return a.String()
}
