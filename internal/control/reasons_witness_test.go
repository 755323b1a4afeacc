package control

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/dataplane"
	"vpcsim/dataplane/aggregation"
	"vpcsim/dataplane/capture"
	"vpcsim/dataplane/drop"
	"vpcsim/internal/monotonic"
	"vpcsim/internal/probe"
)

// witness is a place that tells of a dropped packet. Who is silent about a row says so in the row, and why, and has to be silent.
type witness struct {
	name string
	says func(t *testing.T, s *scene) []testimony
}

// testimony is what a witness says of one drop, as far as it knows.
type testimony struct{ reason, by, rule string }

// scene is a lab in which a packet is about to be dropped, and all who look on.
type scene struct {
	lab    *Lab
	reason drop.Reason
	row    provocation

	before   *Usage
	events   int
	begin    int64
	observer *dataplane.Observer
	capture  *dataplane.Capture
	recorder *capture.Recorder
	file     *memory
	log      *dataplane.FlowLog

	seen *dataplane.Observation // of the drop, by the observer; nil if it told of none
	cut  dataplane.FlowLogInterval
}

// memory is a capture's file.
type memory struct{ bytes.Buffer }

func (*memory) Close() error { return nil }

// witnesses are all that have to agree on why a packet was dropped. Metrics are made of what Usage has, each number of it
// (internal/metrics.TestEveryCountIsShown).
var witnesses = []witness{
	{"counters", counts},
	{"observe", observes},
	{"last drops", remembers},
	{"trace", traces},
	{"capture", comments},
	{"flow log", logs},
	{"event", happens},
}

// watch has everybody look on.
func watch(t *testing.T, l *Lab, reason drop.Reason, row provocation) *scene {
	t.Helper()
	s := &scene{lab: l, reason: reason, row: row, begin: monotonic.Now(), file: &memory{}, events: l.Events.total()}
	var err, err2 error
	var ok bool
	s.recorder = capture.NewRecorder(s.file, monotonic.Now(), 0)
	only := dataplane.Filter{Reasons: []drop.Reason{reason}}
	s.observer, err = l.router.Observe(dataplane.Observing{Filter: only, Steps: true})
	s.capture, err2 = l.router.Capture(dataplane.Capturing{Filter: only, Points: everywhere, Recorder: s.recorder, Describe: l.placeName, Explain: l.comment})
	require.NoError(t, err)
	require.NoError(t, err2)
	s.log, ok = l.router.OpenFlowLog(dataplane.FlowLogConfig{}, s.begin)
	require.True(t, ok)
	s.before = l.Usage()
	return s
}

// end waits until the packet was dropped. Who counts a drop tells of it before others can read the count.
func (s *scene) end(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		return dropped(s.lab.Usage().Router.Drops)[s.reason.String()] > dropped(s.before.Router.Drops)[s.reason.String()]
	},
		patience, time.Millisecond, "not dropped for it; drops before: %v", s.before.Router.Drops)
	s.cut = s.log.Close()
	s.observer.Close()
	s.capture.Close()
	require.NoError(t, s.recorder.Close())
	select {
	case s.seen = <-s.observer.C:
	default:
	}
}

// ask asks a witness: it has to agree with what the observer saw, or to be silent.
func (s *scene) ask(t *testing.T, w witness) {
	said := w.says(t, s)
	if why := s.row.silent[w.name]; why != "" || w.name == "event" && s.row.event == "" {
		require.Empty(t, said, "it should be silent: %s", why)
		return
	}
	require.NotEmpty(t, said, "it should speak")
	for _, it := range said {
		truth := testimony{s.reason.String(), it.by, it.rule} // as far as nobody knows better
		if s.seen != nil && it.by != "" {
			truth.by = s.seen.End().Where
		}
		if s.seen != nil && it.rule != "" {
			truth.rule = s.seen.End().Rule
		}
		require.Equal(t, truth, it)
	}
}

// dropped are the packets of each reason.
func dropped(drops []DropView) map[string]uint64 {
	all := map[string]uint64{}
	for _, d := range drops {
		all[d.Reason] = d.Packets
	}
	return all
}

// counts: the router's count, and that of the interface that sent the packet, have risen.
func counts(t *testing.T, s *scene) []testimony {
	now := s.lab.Usage()
	now.whole(t)
	sender := s.sender(t)
	at := func(u *Usage) uint64 {
		for _, i := range u.Interfaces {
			if i.NetworkInterfaceID == sender {
				return dropped(i.Drops)[s.reason.String()]
			}
		}
		return 0
	}
	if dropped(now.Router.Drops)[s.reason.String()] == dropped(s.before.Router.Drops)[s.reason.String()] || at(now) == at(s.before) {
		return nil
	}
	return []testimony{{reason: s.reason.String()}}
}

// sender is the interface that sent the packet.
func (s *scene) sender(t *testing.T) string {
	if s.seen != nil {
		return s.seen.From
	}
	return s.lab.node(t, s.row.on).devices[0].id
}

// observes: `vpcsim observe`.
func observes(t *testing.T, s *scene) []testimony {
	if s.seen == nil {
		return nil
	}
	v := s.lab.observed(s.seen)
	require.Equal(t, "dropped", v.Verdict)
	require.NotEmpty(t, v.By)
	last := v.Steps[len(v.Steps)-1]
	require.Equal(t, StepView{v.Stage, v.By, last.Name, last.Rule, v.SourceAtEnd, v.DestinationAtEnd, v.Reason}, last, "its way ends where it was dropped")
	return []testimony{{v.Reason, v.By, s.seen.End().Rule}}
}

// remembers: `vpcsim observe --last`.
func remembers(_ *testing.T, s *scene) (all []testimony) {
	for _, o := range s.lab.router.LastDrops(dataplane.Filter{Reasons: []drop.Reason{s.reason}}, 512) {
		if o.Time >= s.begin {
			all = append(all, testimony{o.Drop().String(), o.End().Where, o.End().Rule})
		}
	}
	return all
}

// traces: `vpcsim trace`. A row that has no trace may have a question nearby, which must not have this answer.
func traces(t *testing.T, s *scene) []testimony {
	if s.row.trace.From == "" {
		return nil
	}
	a, err := s.lab.tracer().Trace(s.row.trace)
	if s.row.silent["trace"] != "" && err != nil {
		require.ErrorContains(t, err, "from: nothing is called")
		return nil
	}
	require.NoError(t, err)
	if s.row.silent["trace"] != "" && a.Reason != s.reason.String() {
		return nil
	}
	require.Equal(t, probe.Dropped, a.Verdict)
	first := a.Blockers[0]
	require.Equal(t, [...]string{a.Reason, a.By}, [...]string{first.Reason, first.By})
	require.Equal(t, s.reason.Cure(), first.Cure)
	return []testimony{{a.Reason, a.By, first.Rule}}
}

// comments: `vpcsim capture`: each packet that is in the file because of the drop has the same comment, that of the drop.
func comments(t *testing.T, s *scene) (all []testimony) {
	for _, p := range pcapng(t, s.file.Bytes()) {
		code, rest, _ := strings.Cut(p.comment, ": ")
		sentence, why := strings.CutSuffix(rest, "; "+s.reason.Sentence())
		require.True(t, why, p.comment)
		if s.seen != nil {
			require.Equal(t, s.lab.observed(s.seen).Explanation, sentence+": "+code)
		}
		all = append(all, testimony{reason: code, by: strings.Fields(sentence)[2]})
	}
	return all
}

// captured is a packet of a pcapng file.
type captured struct{ at, comment string }

// pcapng reads a file. gopacket reads no comments.
func pcapng(t *testing.T, b []byte) (all []captured) {
	const sectionHeader, interfaceDescription, enhancedPacket = 0x0A0D0D0A, 1, 6
	var interfaces []string
	u32 := binary.LittleEndian.Uint32
	for len(b) >= 12 {
		size := u32(b[4:])
		body := b[8 : size-4]
		switch u32(b) {
		case interfaceDescription:
			interfaces = append(interfaces, option(body[8:], 2))
		case enhancedPacket:
			all = append(all, captured{interfaces[u32(body)], option(body[20+(u32(body[12:])+3)&^3:], 1)})
		}
		b = b[size:]
	}
	require.Empty(t, b)
	return all
}

// option is one of the options at the end of a block.
func option(b []byte, code uint16) string {
	for len(b) >= 4 {
		n := int(binary.LittleEndian.Uint16(b[2:]))
		if binary.LittleEndian.Uint16(b) == code {
			return string(b[4 : 4+n])
		}
		b = b[4+(n+3)&^3:]
	}
	return ""
}

// logs: `vpcsim flowlogs`: at the interface that dropped the packet, or at the last that saw it on its way, and at those before, with what the
// filters there did.
func logs(t *testing.T, s *scene) []testimony {
	records := s.records()
	require.Equal(t, s.row.logged, strings.Join(records, ", "))
	if len(records) == 0 {
		return nil
	}
	refused := slices.ContainsFunc(records, func(r string) bool { return strings.HasSuffix(r, drop.Reject.String()) })
	require.Equal(t, s.reason.Action() == drop.Reject, refused)
	return []testimony{{reason: s.reason.String()}}
}

// records are what the flow log has of the packet's flow at the interfaces of VPCs, each once and in order.
func (s *scene) records() []string {
	all := map[string]bool{}
	aggregation.Merge(s.cut.Tables, func(f *aggregation.Flow) {
		if s.seen != nil && !slices.ContainsFunc(s.seen.Steps(), func(at dataplane.Step) bool { return s.seen.Protocol == f.Protocol && during(at, f) }) {
			return // another flow
		}
		way := "ingress"
		if f.Egress {
			way = "egress"
		}
		id := s.cut.IDs[f.Interface]
		all[fmt.Sprintf("%s %s %s", cmp.Or(s.lab.label(id), id), way, f.Action)] = true
	})
	return slices.Sorted(maps.Keys(all))
}

// during says whether a packet had the addresses and ports of a flow when a decision was made about it.
func during(at dataplane.Step, f *aggregation.Flow) bool {
	return at.Src.Addr() == f.Src && at.Dst.Addr() == f.Dst && (f.SrcPort == 0 || at.Src.Port() == f.SrcPort && at.Dst.Port() == f.DstPort)
}

// happens: `vpcsim events`. Events are of connections and gateways: there is one where a change cut a connection, and where a gateway has no
// port, and of no other packet.
func happens(t *testing.T, s *scene) (all []testimony) {
	if want := s.row.event; want != "" {
		s.lab.waitFor(t, want)
	}
	events, _, _ := s.lab.Events.Since(s.events)
	for _, e := range events {
		switch e.Event {
		case FlowDropped:
			require.Equal(t, s.row.event, e.Event)
			all = append(all, testimony{reason: e.Reason})
		case ErrorPortAllocation:
			require.Equal(t, s.row.event, e.Event)
			all = append(all, testimony{reason: s.reason.String(), by: s.seen.End().Where})
		}
	}
	return all
}
