package whatif

import (
	"vpcsim/dataplane"
	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
)

// Unjudged is why nothing can be said about a connection. The codes are ours.
type Unjudged string

// The reasons.
const (
	UnknownInterface   Unjudged = "X_UNKNOWN_INTERFACE"
	AmbiguousInterface Unjudged = "X_AMBIGUOUS_INTERFACE"
	GatewayInterface   Unjudged = "X_GATEWAY_INTERFACE"
	AddressMismatch    Unjudged = "X_ADDRESS_MISMATCH"
	TrafficPath        Unjudged = "X_TRAFFIC_PATH_MISMATCH"
	NoWayBefore        Unjudged = "X_NO_WAY_BEFORE"
)

// unjudgedReasons are the reasons in the order they are told in, and what they mean.
var unjudgedReasons = []struct {
	code     Unjudged
	sentence string
}{
	{UnknownInterface, "the topology has no network interface of this id"},
	{AmbiguousInterface, "the topology does not know the interface by its id, and by its addresses it could be several"},
	{GatewayInterface, "seen only at the interface of a gateway, which sends for others: the instance's own interface is not logged, and decides"},
	{AddressMismatch, "neither end is an address that the interface has in the topology: it forwards for others, or has been given another address"},
	{TrafficPath, "traffic-path in the flow log says that its packets take another path than the topology has for them"},
	{NoWayBefore, "by the topology its packets get nowhere before the change, so the topology is not what the log was taken in"},
}

// The values of traffic-path that say which path a packet took (aws-semantics 9.1). The others do not tell paths apart that the
// data plane has.
const (
	trafficGateway      = 2 // an internet gateway or a gateway endpoint
	trafficPeering      = 4
	trafficInterPeering = 5
	trafficEndpoint     = 7
	trafficInternet     = 8
)

// contradicts says whether a flow log's traffic-path and the path of the topology can't both be true.
func contradicts(trafficPath uint8, p conntrack.Path) bool {
	switch trafficPath {
	case trafficGateway:
		return p != conntrack.PathInternet && p != conntrack.PathEndpoint && p != conntrack.PathEgressOnly
	case trafficPeering, trafficInterPeering:
		return p != conntrack.PathPeering
	case trafficEndpoint:
		return p != conntrack.PathEndpoint
	case trafficInternet:
		return p != conntrack.PathInternet && p != conntrack.PathEgressOnly
	}
	return false
}

// impossible says whether a connection that somebody saw can't be by the topology: its packets get nowhere. A neighbour that the
// topology does not have may be there all the same, and what leaves by a gateway that is not followed gets somewhere.
func impossible(seen *dataplane.Foreseen) bool {
	switch dataplane.Lost(seen.Before) {
	case drop.None:
		public := seen.PathBefore == conntrack.PathInternet || seen.PathBefore == conntrack.PathNAT
		return public && !seen.SourceBefore.IsValid()
	case drop.NoPossibleDestination, drop.UnsupportedComponent:
		return false
	}
	return true
}
