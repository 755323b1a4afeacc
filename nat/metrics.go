package nat

import "vpcsim/dataplane/drop"

// Metrics are a NAT gateway's counts, by the names that CloudWatch has for them (vpc-nat-gateway-cloudwatch; aws-semantics 5.5).
// The source is the inside, the destination the outside. All but ActiveConnectionCount only grow. Connections are those of
// TCP. Every packet that came in went out or was dropped; a fragment that is held counts when its wait ends.
type Metrics struct {
	ActiveConnectionCount      uint64 // TCP connections that are open now
	BytesInFromDestination     uint64
	BytesInFromSource          uint64
	BytesOutToDestination      uint64
	BytesOutToSource           uint64
	ConnectionAttemptCount     uint64 // TCP handshakes that began
	ConnectionEstablishedCount uint64 // those that were answered
	ErrorPortAllocation        uint64 // sessions refused because no port was free
	IdleTimeoutCount           uint64 // sessions of any protocol that ended by being idle
	PacketsDropCount           uint64
	PacketsInFromDestination   uint64
	PacketsInFromSource        uint64
	PacketsOutToDestination    uint64
	PacketsOutToSource         uint64
}

// count notes packets of size bytes together, several only if they are the segments of a super-packet, that crossed or were
// refused.
func (m *Metrics) count(inbound bool, packets, size int, reason drop.Reason) {
	packetsIn, bytesIn, packetsOut, bytesOut := &m.PacketsInFromSource, &m.BytesInFromSource, &m.PacketsOutToDestination, &m.BytesOutToDestination
	if inbound {
		packetsIn, bytesIn, packetsOut, bytesOut = &m.PacketsInFromDestination, &m.BytesInFromDestination, &m.PacketsOutToSource, &m.BytesOutToSource
	}
	*packetsIn += uint64(packets)
	*bytesIn += uint64(size)
	if reason != drop.None {
		m.PacketsDropCount += uint64(packets)
		return
	}
	*packetsOut += uint64(packets)
	*bytesOut += uint64(size)
}

func (m *Metrics) add(o *Metrics) {
	m.ActiveConnectionCount += o.ActiveConnectionCount
	m.BytesInFromDestination += o.BytesInFromDestination
	m.BytesInFromSource += o.BytesInFromSource
	m.BytesOutToDestination += o.BytesOutToDestination
	m.BytesOutToSource += o.BytesOutToSource
	m.ConnectionAttemptCount += o.ConnectionAttemptCount
	m.ConnectionEstablishedCount += o.ConnectionEstablishedCount
	m.ErrorPortAllocation += o.ErrorPortAllocation
	m.IdleTimeoutCount += o.IdleTimeoutCount
	m.PacketsDropCount += o.PacketsDropCount
	m.PacketsInFromDestination += o.PacketsInFromDestination
	m.PacketsInFromSource += o.PacketsInFromSource
	m.PacketsOutToDestination += o.PacketsOutToDestination
	m.PacketsOutToSource += o.PacketsOutToSource
}

// Metrics returns the counts of all shards, one shard after the other while packets may pass.
func (g *Gateway) Metrics() Metrics {
	var sum Metrics
	for i := range g.shards {
		s := &g.shards[i]
		s.mu.Lock()
		sum.add(&s.metrics)
		s.mu.Unlock()
	}
	return sum
}

// Sessions calls visit for every live session with a part of the gateway held; visit must not call the gateway.
func (g *Gateway) Sessions(visit func(Session)) {
	for i := range g.shards {
		s := &g.shards[i]
		s.mu.Lock()
		for j := range s.sessions {
			if f := &s.sessions[j]; f.state != unused && f.state != atRest {
				visit(f.session())
			}
		}
		s.mu.Unlock()
	}
}
