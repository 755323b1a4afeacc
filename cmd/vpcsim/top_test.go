package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/gdamore/tcell/v2"
	"github.com/stretchr/testify/require"

	"vpcsim/internal/control"
	"vpcsim/nat"
)

// looked are two looks at a lab, ten seconds apart.
func looked() (before, now *control.Top) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	before = &control.Top{Usage: control.Usage{
		Time: began, Router: control.Counters{PacketsIn: 1000, PacketsOut: 900, BytesIn: 1 << 20, Drops: []control.DropView{{Reason: "OLD", Packets: 100}}},
		Interfaces:  []control.InterfaceUsage{{NetworkInterfaceID: "eni-1", Name: "web", PacketsSent: 100, BytesSent: 10_000}},
		NATGateways: []control.NATUsage{{NatGatewayID: "nat-1", Metrics: nat.Metrics{ErrorPortAllocation: 5}}},
	}}
	now = &control.Top{
		Usage: control.Usage{
			Time: began.Add(10 * time.Second), Flows: 7, Events: 3,
			Router: control.Counters{PacketsIn: 3000, PacketsOut: 2800, BytesIn: 2 << 20, Drops: []control.DropView{{Reason: "OLD", Packets: 100}, {Reason: "NEW", Packets: 100, Description: "because"}}},
			Interfaces: []control.InterfaceUsage{
				{NetworkInterfaceID: "eni-1", Name: "web", PacketsSent: 1100, BytesSent: 1_260_000, PacketsReceived: 10, Drops: []control.DropView{{Packets: 50}}},
				{NetworkInterfaceID: "eni-2", PacketsReceived: 2000, BytesReceived: 20_000},
			},
			NATGateways: []control.NATUsage{{NatGatewayID: "nat-1", Metrics: nat.Metrics{ErrorPortAllocation: 25}}},
		},
		FlowRates: []control.FlowRate{
			{Instance: "web", Protocol: "tcp", Local: "10.0.1.10:40000", Remote: "52.216.1.2:443", BytesReceived: 1e6, PacketsReceived: 700},
			{Instance: "api", Protocol: "udp", Local: "10.0.1.11:53", Remote: "10.0.1.12:1000", BytesSent: 1e5, PacketsSent: 1500},
		},
		NATPorts: []control.NATPortView{{NatGatewayID: "nat-1", Sessions: 60000, Ports: 55000, Protocol: "udp", Address: "10.0.1.4", Destination: "203.0.113.10:53"}},
	}
	return before, now
}

func TestRatesAreDifferencesOverTime(t *testing.T) {
	r := ratesOf(looked())
	require.Equal(t, [4]float64{10, 200, 190, 10}, [4]float64{r.Seconds, r.PacketsIn, r.PacketsOut, r.Dropped})
	require.Equal(t, interfaceRate{"eni-1", "web", 100, 125_000, 1, 0, 5}, r.Interfaces[0])
	require.Equal(t, interfaceRate{"eni-2", "eni-2", 0, 0, 200, 2000, 0}, r.Interfaces[1], "an interface that is new began at nothing")
	require.Equal(t, dropRate{"NEW", "because", 10, 100}, r.Drops[1])
	require.Equal(t, natErrorSum{25, 2}, r.NATErrors["nat-1"])
	first := func(o topOrder, table int) string { return r.tables(o)[table].rows[0][0] }
	require.Equal(t, [3]string{"web", "api", "api"}, [3]string{first(topOrder{by: 0}, 0), first(topOrder{by: 1}, 0), first(topOrder{by: 2}, 0)})
	require.Equal(t, "api", first(topOrder{reversed: true}, 0))
	require.Equal(t, [2]string{"NEW", "web"}, [2]string{first(topOrder{}, 2), first(topOrder{}, 1)})
}

func TestNumbersAreShort(t *testing.T) {
	for n, want := range map[float64]string{
		0: "0 ", 0.5: "0.50 ", 9.99: "9.99 ", 12.3: "12 ", 999: "999 ", 999.6: "1.00 k", 1000: "1.00 k", 12_345: "12.3 k", 99_990: "100 k", 123_456: "123 k", 1.5e9: "1.50 G",
	} {
		require.Equal(t, want, short(n), n)
	}
}

func TestLinesAreDealtOut(t *testing.T) {
	tables := []topTable{{rows: make([][]string, 50)}, {rows: make([][]string, 3)}, {}, {rows: make([][]string, 1)}}
	for lines, want := range map[int][]int{0: {0, 0, 0, 0}, 6: {2, 2, 1, 1}, 15: {5, 5, 2, 3}, 30: {20, 5, 2, 3}, 100: {52, 5, 2, 3}} {
		require.Equal(t, want, shares(tables, lines), lines)
	}
}

// screenText is what a simulated screen shows, without the blanks at the ends of its lines.
func screenText(s tcell.SimulationScreen) string {
	cells, width, _ := s.GetContents()
	var b strings.Builder
	for n, c := range cells {
		b.WriteString(string(c.Runes))
		if (n+1)%width == 0 {
			b.WriteByte('\n')
		}
	}
	return regexp.MustCompile(` +\n`).ReplaceAllString(b.String(), "\n")
}

// TestTheScreen: what it shows before there are rates, with them, after keys, in a small terminal, and when the lab ends.
func TestTheScreen(t *testing.T) {
	sim := tcell.NewSimulationScreen("UTF-8")
	require.NoError(t, sim.Init())
	defer sim.Fini()
	sim.SetSize(110, 24)
	s := newTopScreen(sim, "shop", true)
	s.draw()
	require.Contains(t, screenText(sim), "vpcsim top: lab shop\n\nlooking …\n")
	before, now := looked()
	s.take(before)
	s.take(now)
	s.draw()
	text := screenText(sim)
	for _, want := range []string{
		"200/s in (839 kbit/s), 190/s out, 10/s dropped; 7 flows, 3 events; 03:04:15",
		"web   tcp       10.0.1.10:40000  52.216.1.2:443  0 bit/s     8.00 Mbit/s  700/s",
		"NEW          10/s  100     because",
		"nat-1        60000     55000/55000  10.0.1.4  udp 203.0.113.10:53  2.00/s   25",
		"q quit  Tab all  s by bytes  r reverse",
	} {
		require.Contains(t, text, want)
	}
	press := func(k tcell.Key, r rune) bool {
		end := s.key(tcell.NewEventKey(k, r, tcell.ModNone))
		s.draw()
		return end
	}
	require.False(t, press(tcell.KeyTab, 0))
	require.False(t, press(tcell.KeyRune, 's'))
	require.Regexp(t, `(?s)\napi .*\nweb `, screenText(sim))
	require.NotContains(t, screenText(sim), "NAT GATEWAY")
	press(tcell.KeyDown, 0)
	require.NotContains(t, screenText(sim), "\napi ")
	sim.SetSize(20, 3)
	require.False(t, s.key(tcell.NewEventResize(20, 3)))
	s.draw()
	require.Contains(t, screenText(sim), "vpcsim top: lab shop\n")
	for _, k := range []tcell.Key{tcell.KeyEscape, tcell.KeyCtrlC} {
		require.True(t, press(k, 0))
	}
	require.True(t, press(tcell.KeyRune, 'q'))

	looks := make(chan news, 1)
	looks <- news{err: errors.New("the lab does not answer")}
	require.ErrorContains(t, s.run(context.Background(), looks, nil), "lab shop has ended")
}

// terminal is a command in a terminal.
type terminal struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File
	ended  chan struct{}

	mu    sync.Mutex
	shown strings.Builder
}

func newTerminal(t *testing.T, size *pty.Winsize, env []string, args ...string) *terminal {
	t.Helper()
	x := &terminal{t: t, cmd: exec.Command("vpcsim", args...), ended: make(chan struct{})}
	x.cmd.Env = append(os.Environ(), env...)
	var err error
	x.master, err = pty.StartWithSize(x.cmd, size)
	require.NoError(t, err)
	t.Cleanup(func() { _ = x.cmd.Process.Kill(); _ = x.master.Close(); <-x.ended })
	go func() {
		defer close(x.ended)
		for buf := make([]byte, 4096); ; {
			n, err := x.master.Read(buf)
			x.mu.Lock()
			x.shown.Write(buf[:n])
			x.mu.Unlock()
			if err != nil { // EIO: nobody has the terminal any more
				return
			}
		}
	}()
	return x
}

// await waits until the terminal has shown a text since it last did, and returns all that it has shown until then.
func (x *terminal) await(want string) (shown string) {
	x.t.Helper()
	require.Eventually(x.t, func() bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		shown = x.shown.String()
		if strings.Contains(shown, want) {
			x.shown.Reset()
			return true
		}
		return false
	}, time.Minute, 10*time.Millisecond, "%q is not shown", want)
	return shown
}

// TestTopInATerminal: with colours or without, it shows rates, follows the terminal's size, and gives the terminal back.
func TestTopInATerminal(t *testing.T) {
	if lacking() != "" {
		t.Skip("no labs on this machine: ", lacking())
	}
	dir, err := os.MkdirTemp("/tmp", "vpcsim")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	t.Setenv("XDG_RUNTIME_DIR", dir)
	file := filepath.Join(dir, "terminal.vpc.yml")
	require.NoError(t, os.WriteFile(file, []byte(terminalLab), 0o600))
	require.NoError(t, exec.Command("vpcsim", "up", "-d", file).Run())
	t.Cleanup(func() { require.NoError(t, exec.Command("vpcsim", "down", "-n", "terminal").Run()) })
	coloured := regexp.MustCompile("\x1b\\[([0-9]+;)*[34][0-8](;[0-9]+)*m") // SGR (ECMA-48 8.3.117)
	for name, row := range map[string]struct {
		env     []string
		colours bool
	}{
		"with colours":    {[]string{"TERM=xterm-256color", "NO_COLOR="}, true},
		"without colours": {[]string{"TERM=xterm-256color", "NO_COLOR=1"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			x := newTerminal(t, &pty.Winsize{Rows: 30, Cols: 120}, row.env, "top", "--interval", "200ms")
			shown := x.await("INTERFACE")
			require.Contains(t, shown, "vpcsim top: lab terminal")
			require.Equal(t, row.colours, coloured.MatchString(shown), "%q", coloured.FindString(shown))
			require.NoError(t, pty.Setsize(x.master, &pty.Winsize{Rows: 10, Cols: 60}))
			x.await("vpcsim top: lab terminal") // all is drawn anew
			_, err := x.master.WriteString("\t")
			require.NoError(t, err)
			x.await("flows")
			_, err = x.master.WriteString("q")
			require.NoError(t, err)
			<-x.ended
			require.NoError(t, x.cmd.Wait())
			require.Contains(t, x.shown.String(), "\x1b[?1049l", "the terminal is not as it was")
		})
	}
}
