package bench

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"

	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"github.com/osrg/gobgp/v4/pkg/packet/mrt"
)

// mrtHeaderLen is the length of an MRT record's header: time, type, subtype and length of the rest (RFC 6396, 2).
const mrtHeaderLen = 12

// maxRecord bounds a record. That of a prefix has some 100 bytes for each peer of the collector.
const maxRecord = 16 << 20

// looksLikeMRT says whether a file begins with the header of an MRT record. Text does not: its bytes 4 and 5 would have to be zero and below 64.
func looksLikeMRT(start []byte) bool {
	if len(start) < mrtHeaderLen {
		return false
	}
	kind := binary.BigEndian.Uint16(start[4:])
	return kind > 0 && kind < 64
}

// readMRT reads a dump of a RIB. A prefix's next hop is that of its record's first entry, which is one peer's route to it. Collectors go on in a
// further record of the same prefix where they have more entries than they put into one.
func (c *collector) readMRT(r *bufio.Reader) error {
	c.unit, c.goesOn = "record", true
	var header [mrtHeaderLen]byte
	var body []byte
	for n := 1; ; n++ {
		if _, err := io.ReadFull(r, header[:]); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			c.problem(n, "the file ends within a record: %v", err)
			return nil
		}
		h, err := mrt.ParseHeader(header[:])
		if err != nil || h.Len > maxRecord {
			c.problem(n, "not a header of MRT (RFC 6396)")
			return nil
		}
		if uint32(cap(body)) < h.Len {
			body = make([]byte, h.Len)
		}
		body = body[:h.Len]
		if _, err := io.ReadFull(r, body); err != nil {
			c.problem(n, "the file ends within a record: %v", err)
			return nil
		}
		if !c.record(n, h, body) {
			return nil
		}
	}
}

// record takes one record in.
func (c *collector) record(n int, h *mrt.MRTHeader, body []byte) (goOn bool) {
	if h.Type != mrt.TABLE_DUMPv2 {
		c.problem(n, "%s: only dumps of a RIB are read (TABLE_DUMP_V2: RouteViews' rib.*, RIPE RIS's bview.*)", ofType(h.Type))
		return false
	}
	switch mrt.MRTSubTypeTableDumpv2(h.SubType) {
	case mrt.PEER_INDEX_TABLE, mrt.GEO_PEER_TABLE, mrt.RIB_IPV4_MULTICAST, mrt.RIB_IPV6_MULTICAST, mrt.RIB_GENERIC:
		return true
	case mrt.RIB_IPV4_MULTICAST_ADDPATH, mrt.RIB_IPV6_MULTICAST_ADDPATH, mrt.RIB_GENERIC_ADDPATH:
		return true
	}
	body, err := firstOnly(body, mrt.MRTSubTypeTableDumpv2(h.SubType) >= mrt.RIB_IPV4_UNICAST_ADDPATH)
	if err != nil {
		return c.problem(n, "%v", err)
	}
	header := *h
	header.Len = uint32(len(body))
	message, err := mrt.ParseBody(body, &header)
	if err != nil {
		return c.problem(n, "%v", err)
	}
	rib, ok := message.Body.(*mrt.Rib)
	if !ok {
		return c.problem(n, "of subtype %d, which a RIB does not have", h.SubType)
	}
	p, ok := prefixOf(rib)
	if !ok {
		return c.problem(n, "%s is not a prefix", rib.Prefix)
	}
	return c.add(n, p, nextHopIn(rib))
}

// ofType says what a record of another type is.
func ofType(t mrt.MRTType) string {
	switch t {
	case mrt.TABLE_DUMP:
		return "of the RIB in its old format (TABLE_DUMP)"
	case mrt.BGP4MP, mrt.BGP4MP_ET:
		return "an update and not a RIB"
	}
	return fmt.Sprintf("of type %d", t)
}

var errEntries = errors.New("its entries are not as long as it says")

// firstOnly leaves of a record the first entry, which is all that is used of it: decoding an entry takes a microsecond, and there are
// tens for each prefix. The others are gone through, since a record that is not as long as they say is broken (RFC 6396, 4.3.2).
func firstOnly(body []byte, addPath bool) ([]byte, error) {
	const prefixAt, numbers = 5, 2 // behind the sequence number and the prefix's length
	if len(body) < prefixAt {
		return nil, errEntries
	}
	countAt := prefixAt + (int(body[prefixAt-1])+7)/8
	end := countAt + numbers
	if len(body) < end {
		return nil, errEntries
	}
	head := 8 // peer, time, and the length of the attributes
	if addPath {
		head += 4 // the path's number (RFC 8050, 4)
	}
	count, first := binary.BigEndian.Uint16(body[countAt:]), end
	for n := range count {
		if len(body) < end+head {
			return nil, errEntries
		}
		end += head + int(binary.BigEndian.Uint16(body[end+head-numbers:]))
		if n == 0 {
			first = end
		}
	}
	if end != len(body) {
		return nil, errEntries
	}
	binary.BigEndian.PutUint16(body[countAt:], min(count, 1))
	return body[:first], nil
}

func prefixOf(rib *mrt.Rib) (netip.Prefix, bool) {
	nlri, ok := rib.Prefix.(*bgp.IPAddrPrefix)
	if !ok {
		return netip.Prefix{}, false
	}
	return nlri.Prefix, nlri.Prefix.IsValid()
}

// nextHopIn names the next hop of a record's first entry: by its attribute, or else by the peer.
func nextHopIn(rib *mrt.Rib) string {
	if len(rib.Entries) == 0 {
		return ""
	}
	first := rib.Entries[0]
	for _, attribute := range first.PathAttributes {
		switch a := attribute.(type) {
		case *bgp.PathAttributeNextHop:
			return a.Value.String()
		case *bgp.PathAttributeMpReachNLRI:
			if a.Nexthop.IsValid() {
				return a.Nexthop.String()
			}
		}
	}
	return fmt.Sprintf("peer %d", first.PeerIndex)
}
