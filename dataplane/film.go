package dataplane

import (
	"strings"
	"sync"

	"vpcsim/dataplane/capture"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
	"vpcsim/dataplane/pcapfilter"
)

// Point is a place where packets are captured: the port of an interface, or where decisions of one stage are made. An empty Where
// means all such places.
type Point struct {
	Port  bool // where packets enter and leave the router; Stage means nothing then
	Stage Stage
	Where string // id: of an interface, network ACL, route table or gateway
}

// Place is where a packet was captured, all of which come to be interfaces of the file.
type Place struct {
	Point
	Before bool // of a gateway: the packet before it crosses, and not after
}

// Capturing says what a capture records, and in which words.
type Capturing struct {
	Filter   Filter // Expression is asked at each place, about the packet as it is there; all else as in observations
	Points   []Point
	Sample   int
	Recorder *capture.Recorder
	// Describe gives the name and the description of a place's interface in the file. It is called once for each.
	Describe func(Place) (name, description string)
	// Explain gives the comment on a dropped packet. It is called by workers, must be quick, and must not call the Router.
	Explain func(*Observation) string
}

// Capture records packets.
type Capture struct {
	Capturing
	router *Router
	self   *watcher

	mu  sync.Mutex
	ids map[Place]int // guarded by mu; the recorder's interfaces
}

// Capture records packets from now on, until Close of what it returns, which leaves the recorder open. It fails if too many watch.
func (r *Router) Capture(c Capturing) (*Capture, error) {
	made := &Capture{Capturing: c, router: r, ids: map[Place]int{}}
	steps := c.Filter.NAT.IsValid()
	for _, p := range c.Points {
		steps = steps || !p.Port
	}
	made.self = &watcher{Filter: c.Filter.normal(), sample: uint32(max(c.Sample, 1)), steps: steps, capture: made}
	return made, r.join(made.self)
}

// Close ends the capture. Workers may be inside a batch that they began before.
func (c *Capture) Close() { c.router.leave(c.self) }

// covers says whether a place is one of those that are captured.
func (c *Capture) covers(at Place) bool {
	for _, p := range c.Points {
		if p.Port == at.Port && (p.Port || p.Stage == at.Stage) && (p.Where == "" || p.Where == at.Where) {
			return true
		}
	}
	return false
}

// id returns the number of a place's interface in the file.
func (c *Capture) id(at Place) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, ok := c.ids[at]
	if !ok {
		n = c.Recorder.AddInterface(c.Describe(at))
		c.ids[at] = n
	}
	return n
}

// shot is a datagram as it passed a place. What became of the packet is not known yet.
type shot struct {
	watcher    int
	at         Place
	toward     capture.Direction
	start, end int // its bytes in film.bytes
}

// placeOf is where a decision was made: the entries of a network ACL are all one place.
func placeOf(d *decision) Place {
	where := d.where
	if d.stage == StageACL {
		where, _, _ = strings.Cut(where, "#")
	}
	return Place{Point: Point{Stage: d.stage, Where: where}}
}

// approach is where a packet stands before a gateway.
func (w *Worker) approach(where string, p *packet.Packet) {
	if w.film.followers != 0 {
		w.shoot(Place{Point{Stage: StageGateway, Where: where}, true}, capture.Inbound, p)
	}
}

// shoot takes the packet as it is for those who follow it and capture at the place.
func (w *Worker) shoot(at Place, toward capture.Direction, p *packet.Packet) {
	m := &w.film
	for n, by := range w.watch.all {
		if m.followers>>n&1 == 0 || by.capture == nil || !by.capture.covers(at) {
			continue
		}
		w.eachDatagram(p, m.decoded, by.Expression, func(b []byte) {
			start := len(m.bytes)
			m.bytes = append(m.bytes, b...)
			m.shots = append(m.shots, shot{n, at, toward, start, len(m.bytes)})
		})
	}
}

// develop writes what watcher n took of a packet, now that it is known what became of it.
func (w *Worker) develop(n int, o *Observation) {
	m, c, comment := &w.film, w.watch.all[n].capture, ""
	if o.end.drop != drop.None {
		comment = c.Explain(o)
	}
	for _, s := range m.shots {
		if s.watcher == n {
			c.Recorder.Packet(c.id(s.at), o.Time, s.toward, m.bytes[s.start:s.end], comment)
		}
	}
}

// arrived takes the packets that the port of an interface took.
func (w *Worker) arrived(to *Interface, packets []*packet.Packet) {
	if !w.watch.captures || w.film.followers == 0 && !w.film.own {
		return
	}
	at := Place{Point: Point{Port: true, Where: to.ID}}
	for _, p := range packets {
		if w.film.own {
			w.shootOwn(at, to, p)
		} else {
			w.shoot(at, capture.Inbound, p)
		}
	}
}

// shootOwn captures what the router itself sends, which came from nobody.
func (w *Worker) shootOwn(at Place, to *Interface, p *packet.Packet) {
	d := made(StageInterface, to.ID, p, drop.None)
	o := Observation{Time: p.Time, To: to.ID, Src: d.src, Dst: d.dst, end: d}
	for _, by := range w.watch.all {
		c := by.capture
		if c != nil && c.covers(at) && by.enters("", p.Protocol, d.src, d.dst) && by.ended(&o) {
			w.eachDatagram(p, true, by.Expression, func(b []byte) { c.Recorder.Packet(c.id(at), o.Time, capture.Inbound, b, "") })
		}
	}
}

// eachDatagram calls visit with what a wire carries for a packet, as far as it matches: each segment of a super-packet, with checksums
// that are complete. One that could not be decoded is as it came, and matches nil alone. It is the one place where captures make datagrams
// of packets.
func (w *Worker) eachDatagram(p *packet.Packet, decoded bool, matching *pcapfilter.Filter, visit func([]byte)) {
	if !decoded || p.SegmentSize == 0 && !p.ChecksumPartial() {
		if matching == nil || decoded && matching.Match(p) {
			visit(p.Bytes())
		}
		return
	}
	for segment := range p.Cut(w.wire) {
		if matching.Match(segment) {
			visit(segment.Bytes())
		}
	}
}
