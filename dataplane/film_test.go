package dataplane

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/capture"
	"vpcsim/dataplane/drop"
	"vpcsim/dataplane/packet"
	"vpcsim/dataplane/pcapfilter"
	"vpcsim/dataplane/port"
)

// memory is a capture's file.
type memory struct{ bytes.Buffer }

func (*memory) Close() error { return nil }

// capturing records with a filter at some points, and returns a function that ends the capture and tells what is in it: a line for
// each packet, of its interface, its ends and its comment.
func (w *watched) capturing(f Filter, points ...Point) (end func() []string) {
	w.t.Helper()
	var m memory
	var comments []string
	r := capture.NewRecorder(&m, 0, 0)
	c, err := w.router.Capture(Capturing{
		Filter: f, Points: points, Recorder: r,
		Describe: func(p Place) (string, string) {
			return fmt.Sprint(p.Port, " ", p.Stage, " ", p.Where, " ", p.Before), ""
		},
		Explain: func(o *Observation) string {
			comments = append(comments, o.End().Where+" "+o.Drop().String())
			return comments[len(comments)-1]
		},
	})
	require.NoError(w.t, err)
	return func() []string {
		c.Close()
		require.NoError(w.t, r.Close())
		return read(w.t, m.Bytes(), comments)
	}
}

func read(t testing.TB, b []byte, comments []string) (lines []string) {
	for _, c := range comments { // gopacket reads none: they are looked for in the bytes
		require.True(t, bytes.Contains(b, []byte(c)), c)
	}
	r, err := pcapgo.NewNgReader(bytes.NewReader(b), pcapgo.DefaultNgReaderOptions)
	if err == io.EOF {
		return nil // not even an interface
	}
	require.NoError(t, err)
	for {
		data, info, err := r.ReadPacketData()
		if err == io.EOF {
			return lines
		}
		require.NoError(t, err)
		i, err := r.Interface(info.InterfaceIndex)
		require.NoError(t, err)
		ip := gopacket.NewPacket(data, layers.LayerTypeIPv4, gopacket.Default).NetworkLayer()
		lines = append(lines, fmt.Sprintf("%s: %s", i.Name, ip.NetworkFlow()))
	}
}

// settled waits until a worker has dealt with all that was injected at a port.
func (w *watched) settled(from string, do func()) {
	o := w.observe(Observing{Filter: Filter{Protocol: 99, From: Party{Interfaces: []string{from}}}})
	defer o.Close()
	do()
	w.inject(from, lastPacket())
	w.next(o)
}

// TestCaptureAtEveryPlace: on its way to the internet a packet is captured wherever it passes, as it is there.
func TestCaptureAtEveryPlace(t *testing.T) {
	tcp := Filter{Protocol: packet.TCP}
	syn := func(dst netip.AddrPort) *packet.Packet { return segment(at(app, 1000), dst, packet.SYN) }
	host, refused := at(internet, 80), at(internet, 81)
	const private, natted, public = "10.0.1.10->203.0.113.10", "10.0.2.100->203.0.113.10", "198.51.100.100->203.0.113.10"
	expression := func(s string) Filter {
		f, err := pcapfilter.Parse(s)
		require.NoError(t, err)
		return Filter{Expression: f}
	}
	stage := func(s Stage, where string) Point { return Point{Stage: s, Where: where} }
	for _, row := range []struct {
		name   string
		filter Filter
		points []Point
		dst    netip.AddrPort
		want   []string
	}{
		{"the ports of both ends", tcp, []Point{{Port: true}}, host, []string{"true interface eni-app false: " + private, "true interface host false: " + public}},
		{"one port", tcp, []Point{{Port: true, Where: "host"}}, host, []string{"true interface host false: " + public}},
		{"before and after the NAT gateway", tcp, []Point{stage(StageGateway, "eni-nat")}, host,
			[]string{"false gateway eni-nat true: " + private, "false gateway eni-nat false: " + natted}},
		{"before and after all gateways", tcp, []Point{stage(StageGateway, "")}, host,
			[]string{"false gateway eni-nat true: " + private, "false gateway eni-nat false: " + natted, "false gateway igw true: " + natted, "false gateway igw false: " + public}},
		{"route tables", tcp, []Point{stage(StageRoute, "rtb-b"), stage(StageRoute, "internet")}, host,
			[]string{"false route rtb-b false: " + natted, "false route internet false: " + public}},
		{"a network ACL, by all of its entries", tcp, []Point{stage(StageACL, "acl-1")}, host, []string{"false network-acl acl-1 false: " + private}},
		{"a network ACL that drops it", tcp, []Point{stage(StageACL, "acl-1"), {Port: true}}, refused,
			[]string{"true interface eni-app false: " + private, "false network-acl acl-1 false: " + private}},
		{"nothing of what is dropped", Filter{Verdict: Forwarded, Protocol: packet.TCP}, []Point{{Port: true}}, refused, nil},
		{"only what is dropped", Filter{Reasons: []drop.Reason{drop.NetworkACL}}, []Point{{Port: true}}, refused, []string{"true interface eni-app false: " + private}},
		{"by an expression, as it is there", expression("tcp and src net 198.51.100.0/24"), []Point{{Port: true}, stage(StageGateway, "igw")}, host,
			[]string{"false gateway igw false: " + public, "true interface host false: " + public}},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWatched(t, many(natGateway()))
			end := w.capturing(row.filter, row.points...)
			w.settled("eni-app", func() { w.inject("eni-app", syn(row.dst)) })
			require.Equal(t, row.want, end())
		})
	}
}

// TestALostPacketIsNotTakenForTheNextOne: one that nobody follows waits for its port, which does not take it, when the next one of
// the batch comes in.
func TestALostPacketIsNotTakenForTheNextOne(t *testing.T) {
	w := newWatched(t, options{})
	udp := packet.New(256)
	packet.BuildUDP(udp, at(app, 1000), at(s3, 53), []byte("x"))
	f, err := pcapfilter.Parse("udp")
	require.NoError(t, err)
	o := w.observe(Observing{Filter: Filter{Protocol: packet.UDP, Expression: f}})
	end := w.capturing(Filter{Protocol: packet.UDP, Expression: f}, Point{Port: true})
	worker, batch := w.bench("eni-app", udp)
	w.router.Snapshot().Interface("host").attached = nil
	both := batch(2)
	both[0].SetBytes(segment(at(app, 1000), at(internet, 80), packet.SYN).Bytes())
	worker.process(both)
	require.Equal(t, []string{"true interface eni-app false: 10.0.1.10->52.216.1.2", "true interface s3 false: 198.51.100.10->52.216.1.2"}, end())
	require.Equal(t, "s3", w.next(o).To)
	require.Equal(t, drop.NoPort, w.router.LastDrops(Filter{}, 1)[0].Drop())
}

// TestCapturesShowWhatTheRouterSends: the RST in place of a cut connection's segment, and who asked for drops alone sees none of it.
func TestCapturesShowWhatTheRouterSends(t *testing.T) {
	w := &watched{newLab(t, Reset), map[string]*port.Pipe{}}
	for _, id := range []string{"eni-app", "s3"} {
		w.ports[id] = w.attach(id, 64)
	}
	w.commit(options{})
	syn, back := segment(at(app, 1000), at(s3, 80), packet.SYN), segment(at(s3, 80), at(appIP, 1000), packet.SYN|packet.ACK)
	w.inject("eni-app", syn)
	_, err := w.ports["s3"].Receive(t.Context())
	require.NoError(t, err)
	w.inject("s3", back)
	_, err = w.ports["eni-app"].Receive(t.Context())
	require.NoError(t, err)
	w.commit(options{endpointA: "vpce-1"})
	all, drops := w.capturing(Filter{Protocol: packet.TCP}, Point{Port: true}), w.capturing(Filter{Verdict: Dropped}, Point{Port: true})
	w.inject("eni-app", segment(at(app, 1000), at(s3, 80), packet.ACK))
	_, err = w.ports["eni-app"].Receive(t.Context())
	require.NoError(t, err)
	require.NoError(t, w.router.Detach("eni-app")) // so that the worker has ended
	require.Equal(t, []string{"true interface eni-app false: 10.0.1.10->52.216.1.2", "true interface eni-app false: 52.216.1.2->10.0.1.10"}, all())
	require.Equal(t, []string{"true interface eni-app false: 10.0.1.10->52.216.1.2"}, drops())
}

// TestWatchersAgreeWithTheCounters: in the soak, with everybody watching, what is observed and what is counted is the same, by reason;
// and captures come and go meanwhile.
func TestWatchersAgreeWithTheCounters(t *testing.T) {
	s := newSoak(t, Reset)
	all, err := s.router.Observe(Observing{Queue: 1 << 20, Steps: true})
	require.NoError(t, err)
	drops, err := s.router.Observe(Observing{Queue: 1 << 20, Filter: Filter{Verdict: Dropped}})
	require.NoError(t, err)
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			var m memory
			r := capture.NewRecorder(&m, 0, 0)
			c, err := s.router.Capture(Capturing{
				Points: []Point{{Port: true}, {Stage: StageGateway}, {Stage: StageACL}}, Recorder: r,
				Describe: func(p Place) (string, string) { return p.Where, "" }, Explain: func(o *Observation) string { return o.End().Rule },
			})
			if err != nil {
				t.Error(err)
				return
			}
			s.router.LastDrops(Filter{}, 100)
			c.Close()
			_ = r.Close() // workers may still have had it
			select {
			case <-done:
				return
			default:
			}
		}
	}()
	s.run()
	close(done)
	<-stopped
	c := s.router.Counters()
	require.Zero(t, all.Missed())
	require.Zero(t, drops.Missed())
	var seen, dropped [drop.Count]uint64
	for len(all.C) > 0 {
		o := <-all.C
		seen[o.Drop()]++
		require.True(t, o.Drop() == drop.None == (o.To != ""), "%+v", o)
	}
	for len(drops.C) > 0 {
		dropped[(<-drops.C).Drop()]++
	}
	want := c.Drops
	want[drop.Held] = 0 // which waits
	require.Equal(t, want, dropped, "drops")
	want[drop.None] = c.PacketsOut
	require.Equal(t, want, seen, "all")
	last := s.router.LastDrops(Filter{}, 1<<20)
	require.Len(t, last, ringSize)
	require.False(t, slices.ContainsFunc(last, func(o Observation) bool {
		return strings.HasPrefix(o.End().Where, " ") || o.Drop() == drop.None || o.From == ""
	}))
}
