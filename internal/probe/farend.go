package probe

import (
	"net/netip"
	"slices"

	"vpcsim/dataplane"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
	"vpcsim/topology"
	"vpcsim/topology/compile"
)

// service is a far end of which it is known what it answers.
type service struct {
	tcp  []uint16 // ports
	echo bool     // ICMP
	says string   // for people
}

// The rows of services.
const (
	serviceS3 = iota
	serviceInterfaceEndpoint
)

// services are those known. That S3 answers pings is what a gateway endpoint carries them for (aws-semantics 3.2); interface
// endpoints are for HTTPS, and answer no pings.
var services = [...]service{
	serviceS3:                {tcp: []uint16{80, 443}, echo: true, says: "S3 answers TCP ports 80 and 443 and ICMP echo, and nothing else"},
	serviceInterfaceEndpoint: {tcp: []uint16{443}, says: "an interface endpoint answers TCP port 443, and nothing else"},
}

// serviceAt returns the service that is at an interface for what is sent to an address. Nil is no service but somebody who answers
// whatever arrives, if only with a refusal: an instance, or anybody on the internet. S3's are the edges that own no address of their
// own.
func (t *Tracer) serviceAt(at *dataplane.Interface, to netip.Addr) *service {
	if at.Subnet == nil {
		if len(at.Addrs) == 0 {
			return &services[serviceS3]
		}
		return nil
	}
	switch eni := t.Network.NetworkInterface(at.ID); {
	case eni == nil:
		return nil
	case eni.Instance != nil && !slices.Contains(at.Addrs, to): // what an appliance makes of it is its own software's business
		return &service{says: "nobody is known to answer by way of an instance that does not have the address itself"}
	case eni.Instance != nil:
		return nil
	case eni.Type == topology.TypeInterfaceEndpoint:
		return &services[serviceInterfaceEndpoint]
	default:
		return &service{says: "nobody is known to answer behind a network interface of type " + eni.Type}
	}
}

// answers says whether the service answers the flow that the question opened.
func (s *service) answers(question flow) bool {
	switch {
	case s == nil:
		return true
	case question.isEcho():
		return s.echo
	}
	return question.protocol == packet.TCP && slices.Contains(s.tcp, question.dst.Port())
}

// silence is the answer that the service at an interface does not give to a question, back being the flow it would be.
func (s *service) silence(at *dataplane.Interface, back flow) *Answer {
	step := dataplane.Step{
		Stage: dataplane.StageInterface, Where: at.ID, Rule: s.says, Src: back.src, Dst: back.dst, Drop: drop.NoAnswer,
	}
	a := answer([]dataplane.Step{step}, back.hasPorts())
	if back.hasPorts() {
		a.Port = back.dst.Port()
	}
	return a
}

// internetHost returns the edge that has an address on the internet: a declared host, S3, or one made up for the occasion.
func (t *Tracer) internetHost(a netip.Addr) *dataplane.Interface {
	internet := t.Snapshot.Interface(compile.S3Internet).Node
	if r, ok := internet.Routes.Lookup(a); ok && r.Interface != nil && r.Interface.Subnet == nil {
		return r.Interface
	}
	return &dataplane.Interface{ID: compile.Internet, Name: compile.Internet, Addrs: []netip.Addr{a}, Node: internet}
}
