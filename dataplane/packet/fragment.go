package packet

// MinMTU is the smallest MTU in bytes that FragmentInto cuts for: the longest IPv4 header and 8 bytes (RFC 791 3.2).
const MinMTU = 68

// IPv4 options (RFC 791 3.1).
const (
	ipv4EndOfOptions = 0
	ipv4NoOperation  = 1
	ipv4CopyOption   = 0x80 // the bit of an option's type that has it in every fragment
)

// FragmentInto writes one fragment of p, of at most mtu bytes, into dst, which needs the room and must not be p: that which
// starts offset bytes after p's IP header. It returns where the next one starts, and whether there is one. Cutting up a
// datagram is
//
//	for at, more := 0, true; more; {
//		at, more = p.FragmentInto(dst, mtu, at)
//		// dst is the next fragment
//	}
//
// The fragments are those of RFC 791 3.2, in order, all with p's identification and TTL; a p that is itself a fragment is cut
// further, and one that fits stays what it is. Later fragments have, in place of options that belong into the first
// alone, as many no-operations. dst is decoded, and its Time and Probe are p's. Where an MTU near MinMTU cuts a transport
// header, dst has no ports, as after BadTransport.
//
// p must be an IPv4 datagram and no super-packet; whether it may be fragmented is DontFragment's answer. A partial checksum of p is
// completed. FragmentInto panics on an mtu below MinMTU.
func (p *Packet) FragmentInto(dst *Packet, mtu, offset int) (next int, more bool) {
	if mtu < MinMTU {
		panic("packet: the MTU is too small to fragment for")
	}
	p.CompleteChecksum()
	b := p.Bytes()
	header := int(b[0]&0xf) * 4
	data := b[header+offset:]
	if room := mtu - header; len(data) > room {
		data, more = data[:room&^7], true
	}
	dst.SetLen(header + len(data))
	f := dst.Bytes()
	copy(f, b[:header])
	copy(f[header:], data)
	if offset > 0 {
		dropFirstOptions(f[ipv4HeaderLen:header])
	}
	w := be.Uint16(b[6:]) + uint16(offset/8)
	if more {
		w |= moreFragments
	}
	be.PutUint16(f[2:], uint16(len(f)))
	be.PutUint16(f[6:], w)
	be.PutUint16(f[ipv4Checksum:], 0)
	be.PutUint16(f[ipv4Checksum:], ^fold(sum(f[:header])))
	dst.Time, dst.Probe = p.Time, p.Probe
	dst.Decode()
	return offset + len(data), more
}

// dropFirstOptions overwrites those IPv4 options that only the first fragment has. Malformed ones, and what follows them,
// stay: nobody can tell what they are.
func dropFirstOptions(options []byte) {
	for len(options) > 0 {
		switch options[0] {
		case ipv4EndOfOptions:
			return
		case ipv4NoOperation:
			options = options[1:]
			continue
		}
		if len(options) < 2 || options[1] < 2 || int(options[1]) > len(options) {
			return
		}
		option := options[:options[1]]
		options = options[options[1]:]
		if option[0]&ipv4CopyOption == 0 {
			for i := range option {
				option[i] = ipv4NoOperation
			}
		}
	}
}
