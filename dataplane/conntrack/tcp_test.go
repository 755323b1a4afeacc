package conntrack

import (
	"testing"

	"vpcsim/dataplane/packet"
)

type segment struct {
	flags    uint8
	outbound bool
}

const syn, ack, fin, rst = packet.SYN, packet.ACK, packet.FIN, packet.RST

var tcpRows = map[string]struct {
	segments []segment
	want     State
}{
	"a SYN alone is no connection":                      {[]segment{{syn, true}}, SynSent},
	"a repeated SYN is no connection":                   {[]segment{{syn, true}, {syn, true}}, SynSent},
	"an answered SYN is half a connection":              {[]segment{{syn, true}, {syn | ack, false}}, SynReceived},
	"the handshake makes a connection":                  {[]segment{{syn, true}, {syn | ack, false}, {ack, true}}, Established},
	"so does one from the far side":                     {[]segment{{syn, false}, {syn | ack, true}, {ack, false}}, Established},
	"so does one from both sides at once":               {[]segment{{syn, true}, {syn, false}, {syn | ack, true}, {syn | ack, false}, {ack, true}}, Established},
	"who sends SYN and ACK has no connection":           {[]segment{{syn, false}, {ack, false}}, SynSent},
	"who sends SYN, SYN-ACK and ACK has none":           {[]segment{{syn, false}, {syn | ack, false}, {ack, false}}, SynSent},
	"a connection may be met at its second segment":     {[]segment{{syn | ack, false}, {ack, true}}, Established},
	"which needs a third from the other side":           {[]segment{{syn | ack, false}, {ack, false}}, SynReceived},
	"a connection may be met in its middle":             {[]segment{{ack, true}}, Established},
	"a SYN that an old connection acknowledges is none": {[]segment{{syn, true}, {ack, false}}, SynSent},
	"a FIN from one side leaves it open":                {[]segment{{ack, true}, {fin | ack, true}, {ack, false}}, Established},
	"a FIN from both sides closes it":                   {[]segment{{ack, true}, {fin | ack, true}, {fin | ack, false}}, Closed},
	"two FINs from one side do not":                     {[]segment{{ack, true}, {fin | ack, true}, {fin | ack, true}}, Established},
	"a RST closes it":                                   {[]segment{{ack, true}, {rst, false}}, Closed},
	"the last ACK does not open a closed connection":    {[]segment{{ack, true}, {rst, false}, {ack, true}}, Closed},
	"a RST refuses a SYN":                               {[]segment{{syn, true}, {rst | ack, false}}, Closed},
	"a RST alone is no connection":                      {[]segment{{rst, true}}, Closed},
}

func TestTCPStates(t *testing.T) {
	for name, row := range tcpRows {
		t.Run(name, func(t *testing.T) {
			table := New(Config{Capacity: 1})
			p := outward(packet.TCP, row.segments[0].flags, 1, 1)
			h := table.Acquire(1, p, true)
			defer h.Release()
			f := h.Open(p, row.segments[0].outbound, Timeouts{})
			for _, seg := range row.segments[1:] {
				h.See(f, outward(packet.TCP, seg.flags, 1, 2), seg.outbound)
			}
			if f.State != row.want {
				t.Errorf("state %s, want %s", f.State, row.want)
			}
		})
	}
}
