package flowlog

import (
	"net/netip"
	"strconv"
)

// Encoder writes records as lines of one format. It is for one goroutine.
type Encoder struct {
	columns []appender
	version string
}

// appender appends the value of a field to a line; nothing for one that there is none of.
type appender func(e *Encoder, line []byte, r *Record) []byte

// NewEncoder returns an encoder of a format, whose fields must be AWS's.
func NewEncoder(f Format) *Encoder {
	e := &Encoder{version: strconv.Itoa(f.Version())}
	for _, name := range f {
		e.columns = append(e.columns, appenders[name])
	}
	return e
}

// Append appends a record to line, with a new line at the end. What does not apply is "-" (aws-semantics 9.1).
func (e *Encoder) Append(line []byte, r *Record) []byte {
	for n, column := range e.columns {
		if n > 0 {
			line = append(line, ' ')
		}
		before := len(line)
		if column != nil {
			line = column(e, line, r)
		}
		if len(line) == before {
			line = append(line, '-')
		}
	}
	return append(line, '\n')
}

// appenders are the fields that can have a value here. The others are of what is not simulated, and always "-": sublocations, ECS,
// the exclusions and encryption controls that reject-reason and encryption-status are about, regional NAT gateways (resource-id), tags.
var appenders = map[string]appender{
	VersionField:          func(e *Encoder, l []byte, _ *Record) []byte { return append(l, e.version...) },
	"account-id":          func(_ *Encoder, l []byte, r *Record) []byte { return append(l, r.Account...) },
	InterfaceIDField:      func(_ *Encoder, l []byte, r *Record) []byte { return append(l, r.Interface...) },
	SrcAddrField:          data(func(l []byte, r *Record) []byte { return appendAddr(l, r.Src) }),
	DstAddrField:          data(func(l []byte, r *Record) []byte { return appendAddr(l, r.Dst) }),
	SrcPortField:          data(func(l []byte, r *Record) []byte { return strconv.AppendUint(l, uint64(r.SrcPort), 10) }),
	DstPortField:          data(func(l []byte, r *Record) []byte { return strconv.AppendUint(l, uint64(r.DstPort), 10) }),
	ProtocolField:         data(func(l []byte, r *Record) []byte { return strconv.AppendUint(l, uint64(r.Protocol), 10) }),
	PacketsField:          data(func(l []byte, r *Record) []byte { return strconv.AppendUint(l, r.Packets, 10) }),
	BytesField:            data(func(l []byte, r *Record) []byte { return strconv.AppendUint(l, r.Bytes, 10) }),
	StartField:            func(_ *Encoder, l []byte, r *Record) []byte { return strconv.AppendInt(l, r.Start, 10) },
	EndField:              func(_ *Encoder, l []byte, r *Record) []byte { return strconv.AppendInt(l, r.End, 10) },
	ActionField:           data(func(l []byte, r *Record) []byte { return append(l, wordOf(r.Reject, accepted, rejected)...) }),
	LogStatusField:        func(_ *Encoder, l []byte, r *Record) []byte { return append(l, wordOf(r.Status, statuses...)...) },
	VPCIDField:            func(_ *Encoder, l []byte, r *Record) []byte { return append(l, r.VPC...) },
	SubnetIDField:         func(_ *Encoder, l []byte, r *Record) []byte { return append(l, r.Subnet...) },
	"instance-id":         func(_ *Encoder, l []byte, r *Record) []byte { return append(l, r.Instance...) },
	TCPFlagsField:         data(appendFlags),
	"type":                data(func(l []byte, r *Record) []byte { return append(l, family(r)...) }),
	PktSrcAddrField:       data(func(l []byte, r *Record) []byte { return appendAddr(l, r.PktSrc) }),
	PktDstAddrField:       data(func(l []byte, r *Record) []byte { return appendAddr(l, r.PktDst) }),
	"region":              func(_ *Encoder, l []byte, r *Record) []byte { return append(l, r.Region...) },
	"az-id":               func(_ *Encoder, l []byte, r *Record) []byte { return append(l, r.AZID...) },
	"pkt-src-aws-service": data(func(l []byte, r *Record) []byte { return append(l, r.SrcService...) }),
	"pkt-dst-aws-service": data(func(l []byte, r *Record) []byte { return append(l, r.DstService...) }),
	FlowDirectionField:    data(func(l []byte, r *Record) []byte { return append(l, wordOf(r.Direction, directions...)...) }),
	TrafficPathField:      data(appendPath),

	"interface-type":          func(_ *Encoder, l []byte, r *Record) []byte { return append(l, r.InterfaceType...) },
	"next-hop-interface-id":   data(func(l []byte, r *Record) []byte { return append(l, r.NextHop.Interface...) }),
	"next-hop-subnet-id":      data(func(l []byte, r *Record) []byte { return append(l, r.NextHop.Subnet...) }),
	"next-hop-az-id":          data(func(l []byte, r *Record) []byte { return append(l, r.NextHop.AZID...) }),
	"next-hop-vpc-id":         data(func(l []byte, r *Record) []byte { return append(l, r.NextHop.VPC...) }),
	"next-hop-interface-type": data(func(l []byte, r *Record) []byte { return append(l, r.NextHop.Type...) }),
}

// data is a field that records without data have no value of (flow-logs-records-examples: NODATA, SKIPDATA).
func data(column func(line []byte, r *Record) []byte) appender {
	return func(_ *Encoder, line []byte, r *Record) []byte {
		if r.Status != OK {
			return line
		}
		return column(line, r)
	}
}

func appendAddr(line []byte, a netip.Addr) []byte {
	if !a.IsValid() {
		return line
	}
	return a.AppendTo(line)
}

func appendFlags(line []byte, r *Record) []byte {
	if r.TCPFlags == NoFlags {
		return line
	}
	return strconv.AppendInt(line, int64(r.TCPFlags), 10)
}

func appendPath(line []byte, r *Record) []byte {
	if r.TrafficPath == 0 {
		return line
	}
	return strconv.AppendUint(line, uint64(r.TrafficPath), 10)
}

// family is the type of traffic (flow-log-records: type).
func family(r *Record) string {
	src, _ := r.Ends()
	switch {
	case !src.IsValid():
		return ""
	case src.Is4():
		return "IPv4"
	}
	return "IPv6"
}

// wordOf is the word for a value; empty if there is none.
func wordOf[T comparable](value T, all ...meaning[T]) string {
	for _, m := range all {
		if m.value == value {
			return m.word
		}
	}
	return ""
}
