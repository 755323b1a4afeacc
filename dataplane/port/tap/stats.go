package tap

import "sync/atomic"

// Stats is what a port has counted since it was opened.
type Stats struct {
	Received     uint64 // datagrams handed up by Read
	Sent         uint64 // datagrams the device took in Write
	WriteDropped uint64 // datagrams it did not take, or that are not IP
	ARPAnswered  uint64 // requests answered
	ARPIgnored   uint64 // ARP frames not to be answered: unknown targets, announcements, probes, replies
	NDAnswered   uint64 // Neighbor Solicitations answered
	NDIgnored    uint64 // Neighbor Discovery messages not to be answered: unknown targets, probes, advertisements, router solicitations
	LinkLocal    uint64 // other IPv6 datagrams dropped because their source or their multicast destination means the link alone
	Spoofed      uint64 // frames dropped because their sender's MAC address is not the guest's
	Malformed    uint64 // frames dropped because they are too short, or too long for the reader's packets
	OtherType    uint64 // frames dropped because they are neither IP nor ARP
}

type counters struct {
	received, sent, writeDropped, arpAnswered, arpIgnored, ndAnswered, ndIgnored, linkLocal, spoofed, malformed, otherType atomic.Uint64
}

// Stats returns the counters as they are now. Any goroutine may ask, also after Close.
func (p *Port) Stats() Stats {
	c := &p.stats
	return Stats{
		Received:     c.received.Load(),
		Sent:         c.sent.Load(),
		WriteDropped: c.writeDropped.Load(),
		ARPAnswered:  c.arpAnswered.Load(),
		ARPIgnored:   c.arpIgnored.Load(),
		NDAnswered:   c.ndAnswered.Load(),
		NDIgnored:    c.ndIgnored.Load(),
		LinkLocal:    c.linkLocal.Load(),
		Spoofed:      c.spoofed.Load(),
		Malformed:    c.malformed.Load(),
		OtherType:    c.otherType.Load(),
	}
}
