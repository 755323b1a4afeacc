package probe

import (
	"fmt"
	"slices"

	"vpcsim/dataplane"
	"vpcsim/dataplane/packet"
	"vpcsim/topology"
	"vpcsim/topology/compile"
)

// silence says why nobody answers p, which was delivered at an interface or edge; empty if somebody does. An instance and a host
// on the internet answer everything: what listens there is not part of a topology.
func (t *Tracer) silence(at *dataplane.Interface, p *packet.Packet) string {
	if eni := t.Network.NetworkInterface(at.ID); eni != nil {
		return serviceSilence(eni, p)
	}
	s3 := at.ID == compile.S3Internet || t.Network.Endpoint(at.ID) != nil
	if echo := p.Protocol == packet.ICMP; s3 && !echo && !opensPort(p, 80, 443) {
		return "S3 answers on TCP ports 80 and 443, and to pings"
	}
	return ""
}

// serviceSilence is silence for a network interface. Of those that are no instance's an interface endpoint is the only one of
// which it is known who stands behind it.
func serviceSilence(eni *topology.NetworkInterface, p *packet.Packet) string {
	switch {
	case eni.Instance != nil:
		return ""
	case eni.Type != topology.TypeInterfaceEndpoint:
		return fmt.Sprintf("nobody is known to answer behind a network interface of type %s", eni.Type)
	case !opensPort(p, 443):
		return "an interface endpoint answers on TCP port 443 only"
	}
	return ""
}

func opensPort(p *packet.Packet, ports ...uint16) bool {
	return p.Protocol == packet.TCP && slices.Contains(ports, p.DstPort)
}
