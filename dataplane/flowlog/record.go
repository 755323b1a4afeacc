package flowlog

import (
	"net/netip"
	"strconv"
)

// Status is what a record says of its own interval (log-status).
type Status uint8

// The statuses.
const (
	OK       Status = iota // the record has data
	NoData                 // there was no traffic
	SkipData               // records of the interval are missing, by an error or for want of capacity at AWS
)

// Direction is which way packets went, seen from the network interface (flow-direction).
type Direction uint8

// The directions.
const (
	Unknown Direction = iota // the format does not have it
	Egress
	Ingress
)

// The bits of tcp-flags. A record has the flags of all its packets together; ACK alone shows as 0, and a SYN-ACK as 18
// (aws-semantics 9.1).
const (
	FIN     = 1
	SYN     = 2
	RST     = 4
	ACK     = 16
	NoFlags = -1 // the format does not have them
)

// Record is one line of a flow log. What its format does not have, and what it says with "-", is the zero value.
type Record struct {
	Interface, VPC, Subnet string // ids
	Src, Dst               netip.Addr
	PktSrc, PktDst         netip.Addr // of the packet itself, where Src or Dst is the interface's primary address, or a NAT gateway's
	SrcPort, DstPort       uint16
	Protocol               uint8
	Packets, Bytes         uint64
	Start, End             int64 // Unix seconds
	Reject                 bool
	Status                 Status
	TCPFlags               int16 // NoFlags if unknown
	Direction              Direction
	TrafficPath            uint8 // egress only; 0 if unknown

	Details // written and not read
}

// Details is what a record says of its network interface, and of what lies around it.
type Details struct {
	Account, Instance, Region, AZID string
	InterfaceType                   string // of a network interface of AWS's own
	SrcService, DstService          string // of AWS, whose public address the packet's is
	NextHop                         NextHop
}

// NextHop is the network interface that packets go to next, or come from.
type NextHop struct{ Interface, Subnet, AZID, VPC, Type string }

// setter stores the text of a field. It returns what the text should have been, nothing if all is well.
type setter func(r *Reader, text []byte) (want string)

// setters are the fields that are read; the others are passed over.
var setters = map[string]setter{
	VersionField:       func(_ *Reader, t []byte) string { return number(t, 99, new(uint64)) },
	InterfaceIDField:   func(r *Reader, t []byte) string { r.record.Interface = r.intern(t); return "" },
	VPCIDField:         func(r *Reader, t []byte) string { r.record.VPC = r.intern(t); return "" },
	SubnetIDField:      func(r *Reader, t []byte) string { r.record.Subnet = r.intern(t); return "" },
	SrcAddrField:       func(r *Reader, t []byte) string { return address(t, &r.record.Src) },
	DstAddrField:       func(r *Reader, t []byte) string { return address(t, &r.record.Dst) },
	PktSrcAddrField:    func(r *Reader, t []byte) string { return address(t, &r.record.PktSrc) },
	PktDstAddrField:    func(r *Reader, t []byte) string { return address(t, &r.record.PktDst) },
	SrcPortField:       func(r *Reader, t []byte) string { return number(t, 65535, &r.record.SrcPort) },
	DstPortField:       func(r *Reader, t []byte) string { return number(t, 65535, &r.record.DstPort) },
	ProtocolField:      func(r *Reader, t []byte) string { return number(t, 255, &r.record.Protocol) },
	PacketsField:       func(r *Reader, t []byte) string { return number(t, 1<<63, &r.record.Packets) },
	BytesField:         func(r *Reader, t []byte) string { return number(t, 1<<63, &r.record.Bytes) },
	StartField:         func(r *Reader, t []byte) string { return number(t, maxTime, &r.record.Start) },
	EndField:           func(r *Reader, t []byte) string { return number(t, maxTime, &r.record.End) },
	TCPFlagsField:      func(r *Reader, t []byte) string { return number(t, 255, &r.record.TCPFlags) },
	TrafficPathField:   func(r *Reader, t []byte) string { return number(t, 255, &r.record.TrafficPath) },
	ActionField:        func(r *Reader, t []byte) string { return word(t, &r.record.Reject, accepted, rejected) },
	LogStatusField:     func(r *Reader, t []byte) string { return word(t, &r.record.Status, statuses...) },
	FlowDirectionField: func(r *Reader, t []byte) string { return word(t, &r.record.Direction, directions...) },
}

// maxTime is a time in the year 2106, in Unix seconds: what 32 bits hold.
const maxTime = 1<<32 - 1

// meaning is a word and what it means.
type meaning[T any] struct {
	word  string
	value T
}

var (
	accepted   = meaning[bool]{"ACCEPT", false}
	rejected   = meaning[bool]{"REJECT", true}
	statuses   = []meaning[Status]{{"OK", OK}, {"NODATA", NoData}, {"SKIPDATA", SkipData}}
	directions = []meaning[Direction]{{"egress", Egress}, {"ingress", Ingress}}
)

func word[T any](text []byte, into *T, all ...meaning[T]) (want string) {
	for n, m := range all {
		if string(text) == m.word {
			*into = m.value
			return ""
		}
		if n > 0 {
			want += " or "
		}
		want += m.word
	}
	return want
}

// number reads decimal digits.
func number[T uint8 | uint16 | uint64 | int16 | int64](text []byte, most uint64, into *T) (want string) {
	var n uint64
	for _, c := range text {
		if c < '0' || c > '9' || n > most {
			return wanted(most)
		}
		n = n*10 + uint64(c-'0')
	}
	if n > most || len(text) == 0 || len(text) > 19 {
		return wanted(most)
	}
	*into = T(n)
	return ""
}

func wanted(most uint64) string {
	if most > maxTime {
		return "a number"
	}
	return "a number from 0 to " + strconv.FormatUint(most, 10)
}

// address reads an IP address. IPv4, which is nearly all there is, is read without making a string of it.
func address(text []byte, into *netip.Addr) (want string) {
	if a, ok := ipv4(text); ok {
		*into = a
		return ""
	}
	a, err := netip.ParseAddr(string(text))
	if err != nil || a.Zone() != "" {
		return "an IP address"
	}
	*into = a
	return ""
}

func ipv4(text []byte) (netip.Addr, bool) {
	var b [4]byte
	at, value, digits := 0, 0, 0
	for _, c := range text {
		switch {
		case c == '.' && digits > 0 && at < 3:
			b[at] = byte(value)
			at, value, digits = at+1, 0, 0
		case c >= '0' && c <= '9' && (digits == 0 || value > 0): // no leading zero, as netip
			if value, digits = value*10+int(c-'0'), digits+1; value > 255 {
				return netip.Addr{}, false
			}
		default:
			return netip.Addr{}, false
		}
	}
	if at != 3 || digits == 0 {
		return netip.Addr{}, false
	}
	b[3] = byte(value)
	return netip.AddrFrom4(b), true
}

// fault says what is wrong with a record that has data: in which field, and what. unsaid is a field that it needs and has as "-".
// A record without addresses, of traffic that is not IP, is none of them.
func (r *Record) fault(unsaid string) (field, what string) {
	switch src, dst := r.Ends(); {
	case !src.IsValid() && !dst.IsValid():
		return "", ""
	case unsaid != "":
		return unsaid, "is - in a record that has data"
	case src.IsValid() != dst.IsValid():
		return DstAddrField, "one of the two addresses is -"
	case src.Is4() != dst.Is4():
		return DstAddrField, "is not of the IP version of the source"
	case r.End < r.Start:
		return EndField, "lies before start"
	}
	return "", ""
}

// Ends returns the addresses of the packets themselves, as far as the record has them, and else those that AWS writes for them.
func (r *Record) Ends() (src, dst netip.Addr) {
	src, dst = r.Src, r.Dst
	if r.PktSrc.IsValid() {
		src = r.PktSrc
	}
	if r.PktDst.IsValid() {
		dst = r.PktDst
	}
	return src, dst
}
