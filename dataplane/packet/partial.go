package packet

// Partial checksums.
//
// A kernel with checksum offload leaves the end of the work to the device: the field of a TCP or UDP checksum holds the sum of the
// pseudo header alone, not complemented, and says from where to where the rest is to be added. Such a packet crosses the router as
// it is, since whoever takes it next can finish it, or is a kernel that need not even verify it. What is rewritten outside of
// the pseudo header (ports, options) does not touch the field, and an address is added to it without a complement.
//
// A super-packet's checksum is always partial: it has one for each segment only once it is cut. Decode sees to that, and
// finishes at once what is partial elsewhere: an inner header of a tunnel, a fragment, another protocol.

// SetPartialChecksum says that the checksum at the offset at of the datagram is yet to be computed, over all from the offset
// start on and what the field holds now (virtio 1.2, 5.1.6: csum_start and csum_offset). The reader of the port says so after
// SetLen, which takes it back; Decode looks at it. It is false, and does nothing, where there is no such place.
func (p *Packet) SetPartialChecksum(start, at int) bool {
	if start <= 0 || at < start || at+2 > p.n {
		return false
	}
	p.sumFrom, p.sumAt = uint16(start), uint16(at)
	return true
}

// ChecksumPartial tells whether the TCP or UDP checksum still holds the sum of its pseudo header alone.
func (p *Packet) ChecksumPartial() bool { return p.sumFrom != 0 }

// PartialChecksum is what SetPartialChecksum was told: from where on the checksum is to be computed, and where it is. Zeros if it is complete.
func (p *Packet) PartialChecksum() (start, at int) {
	if p.sumFrom == 0 {
		return 0, 0
	}
	return int(p.sumFrom), int(p.sumAt)
}

// CompleteChecksum makes a partial checksum the one that a wire carries; any other stays. The checksum of a super-packet
// cannot be completed before it is cut (SegmentInto): it stays partial.
func (p *Packet) CompleteChecksum() {
	if p.sumFrom == 0 || p.SegmentSize != 0 {
		return
	}
	b := p.Bytes()
	v := ^fold(sum(b[p.sumFrom:]))
	if v == 0 && p.Protocol != TCP { // in UDP zero is no checksum; all others take either
		v = 0xffff
	}
	be.PutUint16(b[p.sumAt:], v)
	p.sumFrom = 0
}

// settle is the part of Decode that judges what the port said of its kernel's offloads.
func (p *Packet) settle() Fault {
	if p.SegmentSize != 0 {
		t := p.Bytes()[p.transport:]
		if p.fragment != 0 || p.Protocol != TCP && (p.Protocol != UDP || int(be.Uint16(t[4:])) != len(t)) {
			return BadTransport
		}
		if p.Segments() == 1 {
			p.SegmentSize = 0
		}
	}
	switch {
	case p.sumFrom == 0 && p.SegmentSize == 0:
		return OK
	case p.SegmentSize != 0:
		if p.sumFrom != 0 && (p.sumFrom != p.transport || p.sumAt != p.checksum) {
			return BadTransport
		}
		p.sumFrom, p.sumAt = p.transport, p.checksum
		b := p.Bytes()
		be.PutUint16(b[p.checksum:], fold(pseudoSum(b, p.Protocol, len(b)-int(p.transport))))
	case int(p.sumAt)+2 > p.n || p.sumFrom < p.transport || p.checksum != 0 && p.sumAt != p.checksum && int(p.sumAt) < p.HeaderLen():
		return BadTransport // it was in the padding, or would change a header that has just been judged
	case p.Protocol != TCP && p.Protocol != UDP || p.fragment != 0 || p.sumFrom != p.transport || p.sumAt != p.checksum:
		p.CompleteChecksum()
	}
	return OK
}

// addressChanged brings the transport checksum up to date with a change c of the pseudo header.
func (p *Packet) addressChanged(c change) {
	field := p.Bytes()[p.checksum:]
	if p.sumFrom != 0 {
		be.PutUint16(field, fold(uint64(be.Uint16(field))+uint64(c)))
		return
	}
	putChecksum(field, p.Protocol, c)
}

// contentChanged brings the transport checksum up to date with a change c of what it is computed over besides.
func (p *Packet) contentChanged(c change) {
	if p.sumFrom == 0 {
		putChecksum(p.Bytes()[p.checksum:], p.Protocol, c)
	}
}
