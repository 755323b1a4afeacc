package packet

import "math/bits"

// TCP options (RFC 9293 3.1).
const (
	tcpEndOfOptions = 0
	tcpNoOperation  = 1
	tcpMSS          = 2
	tcpMSSLen       = 4
)

// ClampMSS lowers the maximum segment size that a TCP SYN or SYN-ACK announces (RFC 9293 3.7.1) to limit bytes, if it is
// larger, and the checksum with it: what a hop with a smaller MTU does for senders that do not hear of it by ICMP. It
// reports whether it changed the packet. It never raises the size and adds no option; a packet of another kind, a later
// fragment, and one whose options are malformed anywhere stay as they are.
func (p *Packet) ClampMSS(limit uint16) bool {
	if p.Protocol != TCP || p.TCPFlags&SYN == 0 { // later fragments have no flags
		return false
	}
	t := p.Bytes()[p.transport:]
	at := mssAt(t[:t[12]>>4*4])
	if at == 0 {
		return false
	}
	old := be.Uint16(t[at:])
	if old <= limit {
		return false
	}
	be.PutUint16(t[at:], limit)
	c := change(^old) + change(limit)
	if at&1 != 0 { // across two words of the sum, whose bytes may be swapped as a whole (RFC 1071 2(B))
		c = change(^bits.ReverseBytes16(old)) + change(bits.ReverseBytes16(limit))
	}
	p.contentChanged(c)
	return true
}

// mssAt returns where in the TCP header the value of its MSS option is, the last one if there are several, as receivers
// take it; 0 if there is none or the options are malformed.
func mssAt(header []byte) (at int) {
	for i := 20; i < len(header); {
		switch kind := header[i]; {
		case kind == tcpEndOfOptions:
			return at
		case kind == tcpNoOperation:
			i++
		default:
			if i+1 >= len(header) {
				return 0
			}
			n := int(header[i+1])
			if n < 2 || i+n > len(header) || kind == tcpMSS && n != tcpMSSLen {
				return 0
			}
			if kind == tcpMSS {
				at = i + 2
			}
			i += n
		}
	}
	return at
}
