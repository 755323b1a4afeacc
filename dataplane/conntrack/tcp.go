package conntrack

import "vpcsim/dataplane/packet"

// State is where a TCP connection stands, in the kernel's words. Flows that are not TCP are Established until they idle out.
type State uint8

// The states.
const (
	SynSent     State = iota // a SYN was seen and nothing in answer: there is no connection yet
	SynReceived              // a SYN was answered
	Established              // data may flow; also a connection whose beginning was not seen
	Closed                   // reset, or finished from both sides
)

// String returns the state's name.
func (s State) String() string {
	return [...]string{"SYN_SENT", "SYN_RECV", "ESTABLISHED", "CLOSE"}[s&3]
}

// marks is what a flow's packets have shown so far.
type marks uint8

const (
	finLocal  marks = 1 << iota // a FIN came from the interface
	finRemote                   // a FIN came from the far side
	answered                    // a packet went against the direction of the first
	second                      // there were two packets
	streaming                   // there was more than one request and one response
)

// begin sets the state that the first packet makes.
func (f *Flow) begin(p *packet.Packet) {
	f.State = Established
	if p.Protocol != packet.TCP {
		return
	}
	switch p.TCPFlags & (packet.SYN | packet.ACK) {
	case packet.SYN:
		f.State = SynSent
	case packet.SYN | packet.ACK:
		f.State = SynReceived
	}
	f.seeTCP(p.TCPFlags, f.Outbound)
}

// see updates the flow by a packet that follows the first.
func (f *Flow) see(p *packet.Packet, outbound bool) {
	f.LastSeen = max(f.LastSeen, p.Time)
	if outbound != f.Outbound {
		f.marks |= answered
	}
	if f.marks&(answered|second) == answered|second {
		f.marks |= streaming
	}
	f.marks |= second
	if p.Protocol == packet.TCP {
		f.seeTCP(p.TCPFlags, outbound)
	}
}

// seeTCP moves the state on. No one side can bring a connection about: it takes packets of both. Sequence numbers are not
// watched, so any RST closes.
func (f *Flow) seeTCP(flags uint8, outbound bool) {
	switch {
	case flags&packet.RST != 0:
		f.State = Closed
	case flags&packet.FIN != 0:
		if outbound {
			f.marks |= finLocal
		} else {
			f.marks |= finRemote
		}
		if f.marks&(finLocal|finRemote) == finLocal|finRemote {
			f.State = Closed
		}
	case flags&packet.ACK == 0 || f.marks&answered == 0:
	case f.State == SynSent && flags&packet.SYN != 0:
		f.State = SynReceived
	case f.State == SynReceived && flags&packet.SYN == 0:
		f.State = Established
	}
}
