package packet

import "iter"

// Segmentation.
//
// A super-packet is a row of segments under one header, as Linux's generic segmentation offload has them. Where a wire, a small
// MTU's fragments or a capture want the segments themselves, they are cut by the rules by which the kernel and network cards
// cut them: each has the header with its own lengths, IPv4 identification, TCP sequence number and checksum; FIN and PSH
// are the last one's, CWR the first one's (RFC 3168 6.1.2).

// SegmentInto writes the n-th segment, from 0, that a wire would carry for p into dst, and says whether there is one after it.
// Every checksum of it is complete. An ordinary packet is its own only segment. dst needs room for WireLen bytes and must not be p;
// its Time and Probe are p's. p must be decoded without fault, n less than Segments.
func (p *Packet) SegmentInto(dst *Packet, n int) (more bool) {
	if p.SegmentSize == 0 {
		dst.CopyFrom(p)
		dst.CompleteChecksum()
		return false
	}
	payload, more := p.segment(n)
	header := p.HeaderLen()
	dst.SetLen(header + len(payload))
	b := dst.Bytes()
	copy(b[header:], payload)
	p.segmentHeader(b[:header], payload, n, more)
	dst.Time, dst.Probe = p.Time, p.Probe
	if f := dst.Decode(); f != OK {
		panic("packet: cut a segment of which " + f.String())
	}
	return more
}

// Cut is all segments of p, one after the other in dst (SegmentInto).
func (p *Packet) Cut(dst *Packet) iter.Seq[*Packet] {
	return func(yield func(*Packet) bool) {
		for n, more := 0, true; more; n++ {
			if more = p.SegmentInto(dst, n); !yield(dst) {
				return
			}
		}
	}
}

// HeaderLen is the length in bytes of all headers of a TCP or UDP packet that is no later fragment.
func (p *Packet) HeaderLen() int {
	if p.Protocol == TCP {
		return int(p.transport) + int(p.Bytes()[int(p.transport)+12]>>4)*4
	}
	return int(p.transport) + 8
}

// segment is the payload of the n-th segment.
func (p *Packet) segment(n int) (payload []byte, more bool) {
	payload = p.Payload()[n*int(p.SegmentSize):]
	if p.SegmentSize == 0 {
		return payload, false
	}
	if len(payload) > int(p.SegmentSize) {
		return payload[:p.SegmentSize], true
	}
	return payload, false
}

// segmentHeader writes the headers of the n-th segment, which has the payload, to h, its checksums complete.
func (p *Packet) segmentHeader(h, payload []byte, n int, more bool) {
	copy(h, p.Bytes())
	total := len(h) + len(payload)
	t := h[p.transport:]
	if h[0]>>4 == 4 {
		be.PutUint16(h[2:], uint16(total))
		be.PutUint16(h[4:], be.Uint16(h[4:])+uint16(n))
		be.PutUint16(h[ipv4Checksum:], 0)
		be.PutUint16(h[ipv4Checksum:], ^fold(sum(h[:h[0]&0xf*4])))
	} else {
		be.PutUint16(h[4:], uint16(total-ipv6HeaderLen))
	}
	if p.Protocol == UDP {
		be.PutUint16(t[4:], uint16(len(t)+len(payload)))
	} else {
		be.PutUint32(t[4:], be.Uint32(t[4:])+uint32(n*int(p.SegmentSize)))
		if n > 0 {
			t[13] &^= CWR
		}
		if more {
			t[13] &^= FIN | PSH
		}
	}
	field := h[p.checksum:]
	be.PutUint16(field, 0)
	v := ^fold(pseudoSum(h, p.Protocol, len(t)+len(payload)) + sum(t) + sum(payload))
	if p.Protocol == UDP && v == 0 {
		v = 0xffff
	}
	be.PutUint16(field, v)
}

// SuperHeader writes to h, which is HeaderLen long, the headers of a super-packet of UDP with so many bytes of payload, of which p is the first
// segment. p's checksum must be partial, as the super-packet's then is.
func (p *Packet) SuperHeader(h []byte, payload int) {
	copy(h, p.Bytes())
	t := h[p.transport:]
	length := len(t) + payload
	be.PutUint16(t[6:], fold(uint64(be.Uint16(t[6:]))+uint64(put16(t[4:], uint16(length)))))
	if h[0]>>4 == 6 {
		put16(h[4:], uint16(length))
		return
	}
	sum := h[ipv4Checksum:]
	be.PutUint16(sum, put16(h[2:], uint16(len(h)+payload)).apply(be.Uint16(sum)))
}

// wireStart writes the start of p to b, as much as fits, as a wire would carry it: of a super-packet that of the first segment. It returns
// what it wrote.
func (p *Packet) wireStart(b []byte) []byte {
	b = b[:copy(b, p.Bytes()[:p.WireLen()])]
	if p.SegmentSize == 0 && p.sumFrom == 0 {
		return b
	}
	if header := p.HeaderLen(); header <= len(b) {
		payload, more := p.segment(0)
		p.segmentHeader(b[:header], payload, 0, more)
	} else { // no transport header to put right behind so many extension headers
		be.PutUint16(b[4:], uint16(p.WireLen()-ipv6HeaderLen))
	}
	return b
}
