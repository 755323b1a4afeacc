package prober

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vpcsim/dataplane/port/tap"
	"vpcsim/internal/nstest"
	"vpcsim/topology/host"
)

// TestMain makes the test binary a stand-in for our executable: run with the verb, it is the prober.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "prober" {
		os.Exit(Main(os.Stdin, os.Stdout, os.Stderr))
	}
	nstest.Main(m)
}

// running is a prober in an instance with the address 10.0.1.5, nobody else being on its link.
type running struct {
	ns  *host.Namespace
	in  io.WriteCloser
	out *json.Decoder
	cmd *exec.Cmd
}

func start(t *testing.T, s Spec) *running {
	t.Helper()
	nstest.RequireTAP(t)
	r := &running{ns: nstest.Namespace(t)}
	require.NoError(t, r.ns.Do(func() error {
		p, err := tap.Open(tap.Config{Name: "eth0", MTU: 1500, MAC: [6]byte{2, 0, 0, 0, 0, 5}})
		if err == nil {
			t.Cleanup(func() { _ = p.Close() })
		}
		return err
	}))
	require.NoError(t, r.ns.Configure(host.Config{Interfaces: []host.Interface{{Name: "eth0", Addrs: []netip.Prefix{netip.MustParsePrefix("10.0.1.5/24")}}}}))
	return r.start(t, s)
}

// start starts another one in the same instance.
func (r *running) start(t *testing.T, s Spec) *running {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	n := &running{ns: r.ns, cmd: exec.Command(exe, "prober")}
	n.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0")
	n.cmd.Stderr = os.Stderr
	n.in, err = n.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := n.cmd.StdoutPipe()
	require.NoError(t, err)
	n.out = json.NewDecoder(out)
	require.NoError(t, n.ns.Start(n.cmd, nil))
	require.NoError(t, json.NewEncoder(n.in).Encode(s))
	t.Cleanup(func() { _ = n.cmd.Process.Kill() })
	return n
}

// listening is what the prober says first.
func (r *running) listening(t *testing.T) []uint16 {
	t.Helper()
	var ready Ready
	require.NoError(t, r.out.Decode(&ready))
	return ready.Listening
}

func (r *running) ask(t *testing.T, wait time.Duration, questions ...Question) (seen []Sighting) {
	t.Helper()
	for n := range questions {
		questions[n].Source = netip.MustParseAddrPort("127.0.0.1:50000")
		if strings.HasPrefix(questions[n].To, "10.") {
			questions[n].Source = netip.MustParseAddrPort("10.0.1.5:50000")
		}
	}
	require.NoError(t, json.NewEncoder(r.in).Encode(Round{Questions: questions, Parallel: 8, Wait: wait}))
	require.NoError(t, r.out.Decode(&seen))
	require.Len(t, seen, len(questions))
	return seen
}

func (r *running) end(t *testing.T) {
	t.Helper()
	require.NoError(t, r.in.Close())
	require.NoError(t, r.cmd.Wait())
}

func TestAnswers(t *testing.T) {
	r := start(t, Spec{Listen: []uint16{22, 443}})
	require.Equal(t, []uint16{22, 443}, r.listening(t))
	rows := []struct {
		name string
		q    Question
		want Sighting
	}{
		{"a ping is answered, with a time to live", Question{To: "127.0.0.1", Protocol: ICMP}, Sighting{Reached: true, TTL: 64}},
		{"two pings of one socket are told apart", Question{To: "127.0.0.2", Protocol: ICMP}, Sighting{Reached: true, TTL: 64}},
		{"its own ports accept", Question{To: "127.0.0.1", Protocol: TCP, Port: 22}, Sighting{Reached: true}},
		{"from the same port, too", Question{To: "127.0.0.1", Protocol: TCP, Port: 443}, Sighting{Reached: true}},
		{"a refusal is an answer", Question{To: "127.0.0.1", Protocol: TCP, Port: 444}, Sighting{Reached: true, Refused: true}},
		{"a name", Question{To: "localhost", Protocol: ICMP}, Sighting{Reached: true, TTL: 64}},
		{"nobody is there to be pinged", Question{To: "10.0.1.9", Protocol: ICMP}, Sighting{}},
		{"nobody is there to connect to", Question{To: "10.0.1.9", Protocol: TCP, Port: 22}, Sighting{}},
		{"no way for pings", Question{To: "10.9.9.9", Protocol: ICMP}, Sighting{Said: "network is unreachable"}},
		{"no way for connections", Question{To: "10.9.9.9", Protocol: TCP, Port: 22}, Sighting{Said: "network is unreachable"}},
		{"a name that nobody knows", Question{To: "nobody.invalid", Protocol: ICMP}, Sighting{Error: "nobody.invalid"}},
		{"a protocol that it does not speak", Question{To: "127.0.0.1", Protocol: "udp"}, Sighting{Error: `protocol "udp"`}},
	}
	var questions []Question
	for _, row := range rows {
		questions = append(questions, row.q)
	}
	for n, got := range r.ask(t, 200*time.Millisecond, questions...) {
		want := rows[n].want
		if !strings.Contains(got.Said, want.Said) || !strings.Contains(got.Error, want.Error) || (want.Error == "") != (got.Error == "") {
			t.Errorf("%s: got %+v, want %+v", rows[n].name, got, want)
		}
		got.Said, got.Error, want.Said, want.Error = "", "", "", ""
		if got != want {
			t.Errorf("%s: got %+v, want %+v", rows[n].name, got, want)
		}
	}
	require.Equal(t, []Sighting{{Reached: true}}, r.ask(t, time.Second, Question{To: "127.0.0.1", Protocol: TCP, Port: 22}), "a second round")
	r.end(t)
}

func TestAPortOfSomebodyElseIsLeftToIt(t *testing.T) {
	r := start(t, Spec{Listen: []uint16{22}})
	require.Equal(t, []uint16{22}, r.listening(t))
	other := r.start(t, Spec{Listen: []uint16{22, 23}})
	require.Equal(t, []uint16{23}, other.listening(t))
	require.True(t, other.ask(t, time.Second, Question{To: "127.0.0.1", Protocol: TCP, Port: 22})[0].Reached)
	other.end(t)
	r.end(t)
}

func TestNeighboursAreKnownMeanwhile(t *testing.T) {
	neighbour := Neighbour{Address: netip.MustParseAddr("10.0.1.9"), MAC: "02:00:00:00:00:09", Device: "eth0"}
	r := start(t, Spec{Neighbours: []Neighbour{neighbour}})
	require.Empty(t, r.listening(t))
	known := func() (all []string) {
		require.NoError(t, r.ns.Do(func() error {
			list, err := netlink.NeighList(0, netlink.FAMILY_V4)
			for _, n := range list {
				if n.State == unix.NUD_PERMANENT && n.IP.Equal(net.IPv4(10, 0, 1, 9)) {
					all = append(all, n.HardwareAddr.String())
				}
			}
			return err
		}))
		return all
	}
	require.Equal(t, []string{neighbour.MAC}, known())
	r.end(t)
	require.Empty(t, known())
}

func TestWhatItCannotUse(t *testing.T) {
	for in, want := range map[string]string{
		"":         "description: EOF",
		"nonsense": "description: invalid character",
		`{"neighbours":[{"address":"10.0.0.1"}]}`: `MAC address is ""`,
		"{} nonsense": "questions: invalid character",
	} {
		var errs bytes.Buffer
		code := Main(strings.NewReader(in), io.Discard, &errs)
		if code != 2 || !strings.Contains(errs.String(), want) {
			t.Errorf("%q: got %d and %q", in, code, errs.String())
		}
	}
	if code := Main(strings.NewReader("{}"), io.Discard, io.Discard); code != 0 {
		t.Errorf("without questions: got %d", code)
	}
}
