package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket/pcapgo"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"vpcsim/dataplane/capture"
	"vpcsim/dataplane/drop"
)

// knock sends a UDP datagram, which makes nobody wait.
func (l *Lab) knock(t testing.TB, from, to string) {
	t.Helper()
	l.inside(t, from, func() error {
		conn, err := net.Dial("udp4", to)
		if err == nil {
			_, err = conn.Write([]byte("knock"))
			err = errors.Join(err, conn.Close())
		}
		return err
	})
}

// observing collects what the lab tells until the test ends.
func observing(t *testing.T, c Client, q PacketFilter, last int) <-chan *ObservationView {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	seen, done := make(chan *ObservationView, 1000), make(chan error, 1)
	go func() {
		done <- c.Observe(ctx, q, last, true, func(v *ObservationView, _ json.RawMessage) error { seen <- v; return nil })
	}()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return seen
}

func next(t *testing.T, seen <-chan *ObservationView) *ObservationView {
	t.Helper()
	select {
	case v := <-seen:
		return v
	case <-time.After(patience):
		t.Fatal("nothing is observed")
		return nil
	}
}

// watchers waits until somebody watches: from then on no packet is missed.
func (l *Lab) watchers(t *testing.T) {
	t.Helper()
	require.Eventually(t, l.router.Watched, patience, time.Millisecond, "nobody watches")
}

func TestObserveALab(t *testing.T) {
	s, c := serve(t)
	s.lab.knock(t, "peer", "198.51.100.10:9") // before anybody looks
	if !assert.Eventually(t, func() bool { return s.lab.router.Counters().Drops[drop.SecurityGroup] == 1 }, patience, time.Millisecond) {
		t.Fatalf("%+v", s.lab.router.Counters())
	}
	seen := observing(t, c, PacketFilter{To: "app", Protocol: "udp", Steps: true}, 5)
	past := next(t, seen)
	s.lab.watchers(t)
	s.lab.knock(t, "peer", "198.51.100.10:10")
	for n, v := range []*ObservationView{past, next(t, seen)} {
		eni := s.lab.Network().Instance("app").Interfaces[0]
		app, groups := eni.ID, "ingress of "+eni.SecurityGroups[0].ID+", "+eni.SecurityGroups[1].ID
		want := ObservationView{
			Time: v.Time, Monotonic: v.Monotonic, Verdict: "dropped", Reason: "ENI_SG_RULES_MISMATCH", By: app, Stage: "security-group", Rule: groups,
			InterfaceID: s.lab.Network().InternetHost("peer").ID, Instance: "peer", Protocol: "udp", Source: v.Source,
			Destination: []string{"198.51.100.10:9", "198.51.100.10:10"}[n], SourceAtEnd: v.Source, DestinationAtEnd: []string{"10.0.1.10:9", "10.0.1.10:10"}[n],
			Bytes: 33, Packets: 1, Explanation: "dropped by " + app + " (app: " + groups + "): ENI_SG_RULES_MISMATCH", Steps: v.Steps,
		}
		require.Equal(t, want, *v)
		if time.Since(v.Time) > time.Minute || !strings.HasPrefix(v.Source, "203.0.113.10:") {
			t.Errorf("%+v", v)
		}
	}
	require.Empty(t, past.Steps, "the ring has steps")
	for reason, want := range map[string]int{"subnet_acl_restriction": 0, "eni_sg_rules_mismatch": 2} {
		n := 0
		require.NoError(t, c.Observe(t.Context(), PacketFilter{Reasons: []string{reason}}, 5, false, func(*ObservationView, json.RawMessage) error { n++; return nil }))
		require.Equal(t, want, n, reason)
	}
}

func TestObserveShowsTheWayOfAPacket(t *testing.T) {
	s, c := serve(t)
	s.lab.echo(t, "peer", 7)
	seen := observing(t, c, PacketFilter{From: "app", To: "peer", NAT: "198.51.100.10", Expression: "tcp[tcpflags] & tcp-syn != 0", Steps: true}, 0)
	s.lab.watchers(t)
	s.lab.dial(t, "app", "203.0.113.10:7")
	v := next(t, seen)
	var stages []string
	for _, step := range v.Steps {
		stages = append(stages, step.Stage)
	}
	require.Equal(t, []string{"interface", "security-group", "network-acl", "route", "gateway", "route", "interface"}, stages)
	if v.Verdict != "forwarded" || v.ToInstance != "peer" || v.Flags != "SYN" || !strings.HasPrefix(v.SourceAtEnd, "198.51.100.10:") || !strings.Contains(v.Explanation, "(peer), which sees 198.51.100.10:") {
		t.Errorf("%+v", v)
	}
}

// TestASlowReaderIsToldWhatItMissed: and the lab goes on meanwhile.
func TestASlowReaderIsToldWhatItMissed(t *testing.T) {
	s, c := serve(t)
	conn, err := c.dial(t.Context(), request{Verb: verbObserve, Observe: &PacketFilter{Protocol: "udp"}, Follow: true}, nil)
	require.NoError(t, err)
	defer conn.close()
	s.lab.watchers(t)
	const packets = 20_000
	s.lab.inside(t, "app", func() error {
		conn, err := net.Dial("udp4", "203.0.113.10:9")
		if err != nil {
			return err
		}
		defer conn.Close()
		for range packets {
			_, _ = conn.Write([]byte("knock")) // a refusal may come in between
		}
		return nil
	})
	missed, told := uint64(0), 0
	for missed == 0 {
		s.lab.knock(t, "app", "203.0.113.10:9") // loss is told with the next record
		v, err := receive[ObservationView](conn)
		require.NoError(t, err)
		told++
		missed += v.Missed
	}
	t.Logf("%d records came, %d were missed by then", told, missed)
}

// TestWhatIsMissingFromACaptureIsCounted: while its client does not read, and when it has gone.
func TestWhatIsMissingFromACaptureIsCounted(t *testing.T) {
	s, c := serve(t)
	conn, err := c.dial(t.Context(), request{Verb: verbCapture, Capture: &CaptureQuery{}}, nil)
	require.NoError(t, err)
	s.lab.watchers(t)
	require.Zero(t, s.lab.Usage().CaptureDropped)
	s.lab.inside(t, "app", func() error {
		out, err := net.Dial("udp4", "203.0.113.10:9")
		if err != nil {
			return err
		}
		defer out.Close()
		for deadline := time.Now().Add(time.Minute); s.lab.Usage().CaptureDropped == 0 && time.Now().Before(deadline); {
			for range 1000 {
				_, _ = out.Write(make([]byte, 1400)) // a refusal may come in between
			}
		}
		return nil
	})
	missing := s.lab.Usage().CaptureDropped
	require.NotZero(t, missing)
	conn.close()
	require.Eventually(t, func() bool { return !s.lab.router.Watched() }, patience, time.Millisecond)
	require.GreaterOrEqual(t, s.lab.Usage().CaptureDropped, missing)
	require.Eventually(t, func() bool {
		s.lab.recordings.mu.Lock()
		defer s.lab.recordings.mu.Unlock()
		return len(s.lab.recordings.open) == 0
	}, patience, time.Millisecond, "a capture that has ended is kept")
	require.GreaterOrEqual(t, s.lab.Usage().CaptureDropped, missing, "a counter only grows")
}

func TestWatchingWhatIsNotThere(t *testing.T) {
	_, c := serve(t)
	err := c.Observe(t.Context(), PacketFilter{
		Verdict: "lost", Reasons: []string{"SUBNET_ACL_RESTRICTIN"}, From: "ap", To: "nobody", Protocol: "tpc", Source: "10", NAT: "x", Expression: "tcp port", Sample: -1,
	}, 0, true, nil)
	for _, want := range []string{
		`verdict: "lost": must be dropped, forwarded or any`, "did you mean SUBNET_ACL_RESTRICTION?", "did you mean app?", `called "nobody"`, `proto: "tpc"`,
		`src: "10": must be an address or a CIDR block`, "nat: ", `filter: "tcp port": ends too early`, "sample: -1",
	} {
		require.ErrorContains(t, err, want)
	}
	require.ErrorContains(t, c.Observe(t.Context(), PacketFilter{}, -1, true, nil), "must not be negative")
	require.ErrorContains(t, c.Observe(t.Context(), PacketFilter{Verdict: "forwarded"}, 1, false, nil), "only drops are remembered")
	require.ErrorContains(t, c.Observe(t.Context(), PacketFilter{Expression: "tcp"}, 1, false, nil), "no bytes are remembered")
	require.ErrorContains(t, c.Observe(t.Context(), PacketFilter{Reasons: []string{"sg"}}, 1, false, nil), "there are ENI_SG_RULES_MISMATCH, SG_HAS_NO_RULES")
	for words, want := range map[string]string{
		"neighbor tcp":  `"neighbor" is no place to capture at, and so begins a filter; did you mean neighbour?`,
		"app tcp port":  "ends too early",
		"app igw (tcp)": "",
	} {
		files := &capture.Files{Out: discard{}, Packets: 1}
		ctx, cancel := context.WithCancel(t.Context())
		err := c.Capture(ctx, CaptureQuery{Words: strings.Fields(words)}, files, cancel)
		cancel()
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, want)
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) Close() error                { return nil }

func TestCaptureALab(t *testing.T) {
	s, c := serve(t)
	path := filepath.Join(t.TempDir(), "lab.pcapng")
	files := &capture.Files{Path: path, Packets: 4}
	begun, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- c.Capture(t.Context(), CaptureQuery{Words: []string{"app", "igw", "peer", "udp", "and", "host", "203.0.113.10"}, SnapLen: 28}, files, func() { close(begun) })
	}()
	<-begun
	s.lab.knock(t, "app", "203.0.113.10:9")
	require.NoError(t, <-done)
	require.NoError(t, files.Close())
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	r, err := pcapgo.NewNgReader(bufio.NewReader(f), pcapgo.DefaultNgReaderOptions)
	require.NoError(t, err)
	var at []string
	for range 4 {
		data, info, err := r.ReadPacketData()
		require.NoError(t, err)
		i, err := r.Interface(info.InterfaceIndex)
		require.NoError(t, err)
		at = append(at, i.Name+" "+net.IP(data[12:16]).String())
		if info.Length != 33 || len(data) != 28 || time.Since(info.Timestamp).Abs() > time.Minute {
			t.Errorf("%+v", info)
		}
	}
	require.Equal(t, []string{"app 10.0.1.10", "igw before 10.0.1.10", "igw after 198.51.100.10", "peer 198.51.100.10"}, at)
	require.Eventually(t, func() bool { return !s.lab.router.Watched() }, patience, time.Millisecond, "the capture goes on without its client")
}

// TestAFullDiskEndsTheCaptureAndNothingElse: with one event.
func TestAFullDiskEndsTheCaptureAndNothingElse(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full: ", err)
	}
	defer full.Close()
	s, c := serve(t)
	s.lab.echo(t, "peer", 7)
	conn := s.lab.dial(t, "app", "203.0.113.10:7")
	err = c.Capture(t.Context(), CaptureQuery{}, &capture.Files{Out: full}, func() {})
	require.ErrorContains(t, err, "no space left on device")
	require.Eventually(t, func() bool { return !s.lab.router.Watched() }, patience, time.Millisecond)
	_, err = conn.Write([]byte("still there"))
	require.NoError(t, err)
	_, err = io.ReadFull(conn, make([]byte, len("still there")))
	require.NoError(t, err)
	events, _, _ := s.lab.Events.Since(0)
	stopped := 0
	for _, e := range events {
		if e.Event == CaptureStopped && strings.Contains(e.Reason, "no space left on device") {
			stopped++
		}
	}
	require.Equal(t, 1, stopped, "%+v", events)
}

// TestARecorderThatCannotWriteIsAnEvent: the same for what run and demo record.
func TestARecorderThatCannotWriteIsAnEvent(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full: ", err)
	}
	r := capture.NewRecorder(full, 0, 0)
	l := start(t, Options{Recorder: r})
	l.knock(t, "app", "203.0.113.10:9")
	require.Eventually(t, func() bool {
		events, _, _ := l.Events.Since(0)
		return len(events) == 1 && events[0].Event == CaptureStopped
	}, patience, time.Millisecond)
	require.ErrorContains(t, r.Close(), "no space left on device")
}

// TestTheEndOfALabEndsWhoWatches: a client that does not read does not keep it.
func TestTheEndOfALabEndsWhoWatches(t *testing.T) {
	lab := start(t, Options{})
	socket := fmt.Sprintf("@vpcsim-test-%d-%s", os.Getpid(), t.Name())
	s, err := Serve(lab, socket)
	require.NoError(t, err)
	c := Client{Socket: socket}
	for _, q := range []request{{Verb: verbObserve, Observe: &PacketFilter{}, Follow: true}, {Verb: verbCapture, Capture: &CaptureQuery{}}} {
		conn, err := c.dial(t.Context(), q, nil)
		require.NoError(t, err)
		defer conn.close()
	}
	s.lab.watchers(t)
	s.lab.knock(t, "app", "203.0.113.10:9")
	done := make(chan error, 1)
	go func() { done <- s.Close() }()
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(patience):
		t.Fatal("the server waits for its clients")
	}
}
