package packettest

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"net/netip"

	"vpcsim/dataplane/packet"
)

// Stream returns n vectors of ordinary sessions at random: TCP connections that are opened, used and closed, UDP exchanges and pings,
// between the given hosts. The same random numbers make the same vectors. No two are alike, up to 40,000.
func Stream(r *rand.Rand, inside, remote []netip.Addr, n int) (all []Vector) {
	for i := range n {
		v := Vector{Ends: Ends{
			Inside: netip.AddrPortFrom(inside[r.IntN(len(inside))], uint16(20000+i)),
			Remote: netip.AddrPortFrom(remote[r.IntN(len(remote))], uint16(1+r.IntN(1000))),
		}}
		switch r.IntN(4) {
		case 0:
			v.Name, v.Protocol, v.Steps = "UDP exchange", packet.UDP, exchange(r, i)
		case 1:
			v.Name, v.Protocol, v.Steps = "pings", packet.ICMP, pings(r, i)
		default:
			v.Name, v.Protocol, v.Steps = "TCP connection", packet.TCP, connection(r, i)
		}
		all = append(all, v)
	}
	return all
}

// text is a payload that occurs once.
func text(r *rand.Rand, session, step int) []byte {
	return append(fmt.Appendf(nil, "session %d, step %d ", session, step), make([]byte, r.IntN(600))...)
}

func exchange(r *rand.Rand, session int) (steps []Step) {
	for i := range 1 + r.IntN(8) {
		payload, id := text(r, session, i), uint16(r.Uint32())
		if i > 0 && r.IntN(2) == 0 {
			steps = append(steps, in(func(e Ends) []byte { return UDP(e.Remote, e.Public, id, payload) }))
		} else {
			steps = append(steps, out(func(e Ends) []byte { return UDP(e.Inside, e.Remote, id, payload) }))
		}
	}
	return steps
}

func pings(r *rand.Rand, session int) (steps []Step) {
	for i := range 1 + r.IntN(4) {
		payload, id := text(r, session, i), uint16(r.Uint32())
		steps = append(steps,
			out(func(e Ends) []byte { return Echo(e.Inside, e.Remote, id, false, payload) }),
			in(func(e Ends) []byte { return Echo(e.Remote, e.Public, id, true, payload) }))
	}
	return steps
}

// connection is a TCP connection that both ends keep to the rules of.
func connection(r *rand.Rand, session int) (steps []Step) {
	next := [2]uint32{r.Uint32(), r.Uint32()} // the sequence numbers of the inside and of the outside
	add := func(from int, flags uint8, payload []byte) {
		seq, ack, id := next[from], next[1-from], uint16(r.Uint32())
		if flags&packet.ACK == 0 {
			ack = 0
		}
		next[from] += uint32(len(payload))
		if flags&(packet.SYN|packet.FIN) != 0 {
			next[from]++
		}
		if from == 0 {
			steps = append(steps, out(func(e Ends) []byte { return TCP(e.Inside, e.Remote, id, flags, seq, ack, payload) }))
		} else {
			steps = append(steps, in(func(e Ends) []byte { return TCP(e.Remote, e.Public, id, flags, seq, ack, payload) }))
		}
	}
	add(0, packet.SYN, nil)
	add(1, packet.SYN|packet.ACK, nil)
	add(0, packet.ACK, nil)
	for i := range r.IntN(8) {
		from := r.IntN(2)
		add(from, packet.PSH|packet.ACK, text(r, session, i))
		add(1-from, packet.ACK, nil)
	}
	first := r.IntN(2)
	if r.IntN(3) == 0 {
		add(first, packet.RST|packet.ACK, nil)
		return steps
	}
	add(first, packet.FIN|packet.ACK, nil)
	add(1-first, packet.ACK, nil)
	add(1-first, packet.FIN|packet.ACK, nil)
	add(first, packet.ACK, nil)
	return steps
}

// Interleave yields all steps of the vectors, each vector's in order, those of up to width vectors mixed at random.
func Interleave(r *rand.Rand, all []Vector, width int) iter.Seq2[*Vector, Step] {
	return func(yield func(*Vector, Step) bool) {
		type place struct{ vector, step int }
		var open []place
		for fresh := 0; fresh < len(all) || len(open) > 0; {
			if fresh < len(all) && len(open) < width {
				open = append(open, place{vector: fresh})
				fresh++
			}
			i := r.IntN(len(open))
			p := &open[i]
			v := &all[p.vector]
			if !yield(v, v.Steps[p.step]) {
				return
			}
			if p.step++; p.step == len(v.Steps) {
				open[i] = open[len(open)-1]
				open = open[:len(open)-1]
			}
		}
	}
}
