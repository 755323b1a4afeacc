package metrics

import (
	"slices"

	"vpcsim/dataplane/drop"
	"vpcsim/internal/control"
	"vpcsim/nat"
)

// metrics is the table of all metrics.
func metrics() []metric {
	return slices.Concat(router(), interfaces(), gateways(), rules(), natGateways(), s3(), lab())
}

// router counts all packets: received + resumed = forwarded + dropped.
func router() []metric {
	return []metric{
		counter("router_received_packets", "Packets that came in at all interfaces.", single(func(u *control.Usage) uint64 { return u.Router.PacketsIn })),
		counter("router_received_bytes", "Bytes of these packets.", single(func(u *control.Usage) uint64 { return u.Router.BytesIn })),
		counter("router_forwarded_packets", "Packets that were delivered to an interface.", single(func(u *control.Usage) uint64 { return u.Router.PacketsOut })),
		counter("router_forwarded_bytes", "Bytes of these packets.", single(func(u *control.Usage) uint64 { return u.Router.BytesOut })),
		counter("router_dropped_packets", "Packets that were dropped, by reason; X_HELD are fragments that had to wait.",
			func(u *control.Usage, emit emit) {
				drops(u, emit, func(d control.DropView) uint64 { return d.Packets }, u.Router.PacketsResumed)
			}, "reason"),
		counter("router_dropped_bytes", "Bytes of these packets.",
			func(u *control.Usage, emit emit) {
				drops(u, emit, func(d control.DropView) uint64 { return d.Bytes }, u.Router.BytesResumed)
			}, "reason"),
		counter("router_resumed_packets", "Fragments that had to wait and went on.", single(func(u *control.Usage) uint64 { return u.Router.PacketsResumed })),
		counter("router_originated_packets", "Packets that the router itself sent.", func(u *control.Usage, emit emit) {
			emit(u.Router.Resets, "reset")
			emit(u.Router.ICMPErrors, "icmp_error")
		}, "kind"),
	}
}

// drops reads the drops of every reason there is, so that the first one of a reason is a step from zero.
func drops(u *control.Usage, emit emit, value func(control.DropView) uint64, resumed uint64) {
	all := map[string]uint64{}
	for _, d := range u.Router.Drops {
		all[d.Reason] = value(d)
	}
	all[drop.Held.String()] += resumed
	for _, r := range drop.All() {
		emit(all[r.String()], r.String())
	}
}

func interfaces() []metric {
	each := func(value func(i control.InterfaceUsage) uint64) func(*control.Usage, emit) {
		return func(u *control.Usage, emit emit) {
			for _, i := range u.Interfaces {
				emit(value(i), i.NetworkInterfaceID, i.Name)
			}
		}
	}
	dropped := func(value func(d control.DropView) uint64) func(*control.Usage, emit) {
		return func(u *control.Usage, emit emit) {
			for _, i := range u.Interfaces {
				for _, d := range i.Drops {
					emit(value(d), i.NetworkInterfaceID, i.Name, d.Reason)
				}
			}
		}
	}
	of := []string{"interface", "name"}
	byReason := append(slices.Clone(of), "reason")
	return []metric{
		counter("interface_sent_packets", "Packets that came from the interface.", each(func(i control.InterfaceUsage) uint64 { return i.PacketsSent }), of...),
		counter("interface_sent_bytes", "Bytes of these packets.", each(func(i control.InterfaceUsage) uint64 { return i.BytesSent }), of...),
		counter("interface_forwarded_packets", "Those of them that were delivered, wherever to.", each(func(i control.InterfaceUsage) uint64 { return i.PacketsForwarded }), of...),
		counter("interface_forwarded_bytes", "Bytes of these packets.", each(func(i control.InterfaceUsage) uint64 { return i.BytesForwarded }), of...),
		counter("interface_received_packets", "Packets that were delivered to the interface.", each(func(i control.InterfaceUsage) uint64 { return i.PacketsReceived }), of...),
		counter("interface_received_bytes", "Bytes of these packets.", each(func(i control.InterfaceUsage) uint64 { return i.BytesReceived }), of...),
		counter("interface_resumed_packets", "Fragments that had to wait and went on.", each(func(i control.InterfaceUsage) uint64 { return i.PacketsResumed }), of...),
		counter("interface_dropped_packets", "Packets from the interface that were dropped, wherever, by reason.", dropped(func(d control.DropView) uint64 { return d.Packets }), byReason...),
		counter("interface_dropped_bytes", "Bytes of these packets.", dropped(func(d control.DropView) uint64 { return d.Bytes }), byReason...),
		counter("interface_mismatched_packets", "Packets that no rule of the interface's security groups allowed.", func(u *control.Usage, emit emit) {
			for _, i := range u.Interfaces {
				emit(i.MismatchesIngress.Packets, i.NetworkInterfaceID, i.Name, "ingress")
				emit(i.MismatchesEgress.Packets, i.NetworkInterfaceID, i.Name, "egress")
			}
		}, append(slices.Clone(of), "direction")...),
	}
}

func gateways() []metric {
	each := func(out, in func(g control.GatewayUsage) uint64) func(*control.Usage, emit) {
		return func(u *control.Usage, emit emit) {
			for _, g := range u.Gateways {
				emit(out(g), g.GatewayID, g.TargetType, "egress")
				emit(in(g), g.GatewayID, g.TargetType, "ingress")
			}
		}
	}
	of := []string{"gateway", "type", "direction"}
	return []metric{
		counter("gateway_packets", "Packets that route tables led to the target (egress), or that came in by it (ingress).",
			each(func(g control.GatewayUsage) uint64 { return g.Egress.Packets }, func(g control.GatewayUsage) uint64 { return g.Ingress.Packets }), of...),
		counter("gateway_bytes", "Bytes of these packets.",
			each(func(g control.GatewayUsage) uint64 { return g.Egress.Bytes }, func(g control.GatewayUsage) uint64 { return g.Ingress.Bytes }), of...),
		counter("gateway_refused_packets", "Those of them that did not pass it.",
			each(func(g control.GatewayUsage) uint64 { return g.Refused.Packets }, func(g control.GatewayUsage) uint64 { return g.RefusedIn.Packets }), of...),
	}
}

func rules() []metric {
	packets, bytes := func(c control.CountView) uint64 { return c.Packets }, func(c control.CountView) uint64 { return c.Bytes }
	routes := func(value func(control.CountView) uint64) func(*control.Usage, emit) {
		return func(u *control.Usage, emit emit) {
			for _, r := range u.Routes {
				emit(value(r.CountView), r.RouteTableID, r.Destination)
			}
		}
	}
	each := func(list func(*control.Usage) []control.RuleUsage, value func(control.CountView) uint64) func(*control.Usage, emit) {
		return func(u *control.Usage, emit emit) {
			for _, r := range list(u) {
				direction := "ingress"
				if r.Egress {
					direction = "egress"
				}
				emit(value(r.CountView), r.RuleID, direction)
			}
		}
	}
	groups := func(u *control.Usage) []control.RuleUsage { return u.Rules }
	acls := func(u *control.Usage) []control.RuleUsage { return u.Entries }
	return []metric{
		counter("route_packets", "Packets whose best route it was.", routes(packets), "route_table", "destination"),
		counter("route_bytes", "Bytes of these packets.", routes(bytes), "route_table", "destination"),
		counter("security_group_rule_packets", "Packets that the rule let pass; those of tracked connections it is not asked about.", each(groups, packets), "rule", "direction"),
		counter("security_group_rule_bytes", "Bytes of these packets.", each(groups, bytes), "rule", "direction"),
		counter("network_acl_entry_packets", "Packets that the entry allowed or denied.", each(acls, packets), "entry", "direction"),
		counter("network_acl_entry_bytes", "Bytes of these packets.", each(acls, bytes), "entry", "direction"),
	}
}

// natGateways are CloudWatch's metrics of NAT gateways, in Prometheus' spelling.
func natGateways() (all []metric) {
	each := func(value func(m *nat.Metrics) uint64) func(*control.Usage, emit) {
		return func(u *control.Usage, emit emit) {
			for n := range u.NATGateways {
				emit(value(&u.NATGateways[n].Metrics), u.NATGateways[n].NatGatewayID)
			}
		}
	}
	all = append(all, gauge("nat_gateway_active_connections", "CloudWatch's ActiveConnectionCount.", each(func(m *nat.Metrics) uint64 { return m.ActiveConnectionCount }), "nat_gateway"))
	for _, row := range []struct {
		name, cloudWatch string
		value            func(m *nat.Metrics) uint64
	}{
		{"bytes_in_from_destination", "BytesInFromDestination", func(m *nat.Metrics) uint64 { return m.BytesInFromDestination }},
		{"bytes_in_from_source", "BytesInFromSource", func(m *nat.Metrics) uint64 { return m.BytesInFromSource }},
		{"bytes_out_to_destination", "BytesOutToDestination", func(m *nat.Metrics) uint64 { return m.BytesOutToDestination }},
		{"bytes_out_to_source", "BytesOutToSource", func(m *nat.Metrics) uint64 { return m.BytesOutToSource }},
		{"connection_attempts", "ConnectionAttemptCount", func(m *nat.Metrics) uint64 { return m.ConnectionAttemptCount }},
		{"connections_established", "ConnectionEstablishedCount", func(m *nat.Metrics) uint64 { return m.ConnectionEstablishedCount }},
		{"port_allocation_errors", "ErrorPortAllocation", func(m *nat.Metrics) uint64 { return m.ErrorPortAllocation }},
		{"idle_timeouts", "IdleTimeoutCount", func(m *nat.Metrics) uint64 { return m.IdleTimeoutCount }},
		{"packets_dropped", "PacketsDropCount", func(m *nat.Metrics) uint64 { return m.PacketsDropCount }},
		{"packets_in_from_destination", "PacketsInFromDestination", func(m *nat.Metrics) uint64 { return m.PacketsInFromDestination }},
		{"packets_in_from_source", "PacketsInFromSource", func(m *nat.Metrics) uint64 { return m.PacketsInFromSource }},
		{"packets_out_to_destination", "PacketsOutToDestination", func(m *nat.Metrics) uint64 { return m.PacketsOutToDestination }},
		{"packets_out_to_source", "PacketsOutToSource", func(m *nat.Metrics) uint64 { return m.PacketsOutToSource }},
	} {
		all = append(all, counter("nat_gateway_"+row.name, "CloudWatch's "+row.cloudWatch+".", each(row.value), "nat_gateway"))
	}
	return all
}

func s3() []metric {
	each := func(value func(s control.S3Usage) uint64) func(*control.Usage, emit) {
		return func(u *control.Usage, emit emit) {
			for _, s := range u.S3 {
				edge := s.VpcEndpointID
				if edge == "" {
					edge = "internet"
				}
				emit(value(s), edge)
			}
		}
	}
	return []metric{
		counter("s3_connections", "Connections that S3 accepted, by the endpoint that they came through, or internet.", each(func(s control.S3Usage) uint64 { return s.Connections }), "edge"),
		counter("s3_requests", "Requests to S3.", each(func(s control.S3Usage) uint64 { return s.Requests }), "edge"),
		counter("s3_received_bytes", "Bytes that S3 read from its connections.", each(func(s control.S3Usage) uint64 { return s.BytesIn }), "edge"),
		counter("s3_sent_bytes", "Bytes that S3 wrote to its connections.", each(func(s control.S3Usage) uint64 { return s.BytesOut }), "edge"),
	}
}

func lab() []metric {
	return []metric{
		gauge("flows", "Flows in the connection table.", single(func(u *control.Usage) uint64 { return uint64(u.Flows) })),
		counter("events", "Events so far.", single(func(u *control.Usage) uint64 { return uint64(u.Events) })),
		counter("commits", "Snapshots that took effect.", single(func(u *control.Usage) uint64 { return u.Commits })),
		counter("capture_dropped_packets", "Packets that are missing from captures, whose file was too slow.", single(func(u *control.Usage) uint64 { return u.CaptureDropped })),
		gauge("uncounted", "Routes, rules and other things that are too many to be counted.", single(func(u *control.Usage) uint64 { return uint64(u.Uncounted) })),
	}
}
