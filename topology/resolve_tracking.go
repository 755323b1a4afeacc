package topology

import "time"

// tracking resolves the idle time-outs of an interface's tracked connections (aws-semantics 6.3).
func (r *resolver) tracking(path string, spec ConnectionTrackingSpec) ConnectionTracking {
	t := ConnectionTracking{TCPEstablished: 432_000 * time.Second, UDPStream: 180 * time.Second, UDP: 30 * time.Second}
	switch {
	case spec.Nitro == "v6" && !r.limits.NitroV6:
		r.errorf(join(path, "nitro"), "%s had no Nitro v6: it came in 2025", r.net.Preset)
	case spec.Nitro == "v6":
		t.TCPEstablished = 350 * time.Second
	case spec.Nitro != "" && spec.Nitro != "v5":
		r.errorf(join(path, "nitro"), "%s is neither v5, which stands for anything before v6, nor v6", shown(spec.Nitro))
	}
	r.idle(&t.TCPEstablished, join(path, "tcp_established"), spec.TCPEstablished, 60, 432_000)
	r.idle(&t.UDPStream, join(path, "udp_stream"), spec.UDPStream, 60, 180)
	r.idle(&t.UDP, join(path, "udp"), spec.UDP, 30, 60)
	return t
}

// idle sets a time-out that the file writes, in whole seconds within bounds, as AWS takes them.
func (r *resolver) idle(timeout *time.Duration, path string, written time.Duration, least, most int) {
	if written == 0 {
		return
	}
	*timeout = written
	if s := written / time.Second; written%time.Second != 0 || s < time.Duration(least) || s > time.Duration(most) {
		r.errorf(path, "%s; from %ds to %ds in whole seconds", written, least, most)
	}
}
