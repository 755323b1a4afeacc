package forward

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/bench/load"
	"vpcsim/internal/nstest"
)

// buildRelay builds the peers in Go, from modules that are on this machine already: this process has no network.
func buildRelay(t *testing.T) string {
	if _, err := exec.LookPath("go"); err != nil {
		t.Log("no Go, hence no peers in Go: ", err)
		return ""
	}
	program := filepath.Join(t.TempDir(), "relay")
	cmd := exec.Command("go", "build", "-o", program, "./relay")
	cmd.Dir, cmd.Env = filepath.Join("..", "compare"), append(os.Environ(), "GOPROXY=off")
	out, err := cmd.CombinedOutput()
	missing := strings.Contains(string(out), "module lookup disabled") || strings.Contains(string(out), "go: downloading ") // to where it may not write
	if err != nil && missing {
		t.Log("the modules of the peers in Go are not on this machine (cure: go mod download in bench/compare)")
		return ""
	}
	require.NoError(t, err, "%s", out)
	return program
}

// TestBedsOfOtherPrograms: each is built, carries TCP and UDP from the client to the server and back, and leaves nothing.
func TestBedsOfOtherPrograms(t *testing.T) {
	nstest.RequireTAP(t)
	plan := DefaultPlan()
	plan.Relay = buildRelay(t)
	for _, name := range []string{"ovs", "wireguard", "gvisor"} {
		c := peers[slices.IndexFunc(peers, func(c contender) bool { return c.name == name })]
		t.Run(name, func(t *testing.T) {
			if missing := c.missing(plan); missing != nil {
				t.Skipf("%s (cure: %s)", missing.Why, missing.Cure)
			}
			temporary, err := os.MkdirTemp("", "beds")
			require.NoError(t, err)
			defer os.RemoveAll(temporary)
			t.Setenv("TMPDIR", temporary)
			files, running := descriptors(t), processes(t)

			b, err := c.build(plan)
			require.NoError(t, err)
			carries(t, b)
			require.NoError(t, b.close())

			left, err := os.ReadDir(temporary)
			require.NoError(t, err)
			require.Empty(t, left)
			require.Eventually(t, func() bool { return descriptors(t) <= files && len(processes(t)) <= len(running) }, 20*time.Second, 10*time.Millisecond,
				"left: %d files, %d before; processes %v, %v before", descriptors(t), files, processes(t), running)
		})
	}
}

// carries looks whether a bed carries packets.
func carries(t *testing.T, b *bed) {
	t.Helper()
	require.NoError(t, b.serve(false))
	for _, s := range []load.Spec{{Kind: load.PingPong}, {Kind: load.Ask}, {Kind: load.Connect}, {Kind: load.Stream, Streams: 1}} {
		s.Lasting = 50 * time.Millisecond
		got, err := b.run(t.Context(), s)
		require.NoError(t, err)
		if got.Count == 0 {
			t.Errorf("%s: %+v", s.Kind, got)
		}
	}
}

// processes are the commands that run in this process's PID namespace.
func processes(t *testing.T) (all []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/comm")
	require.NoError(t, err)
	for _, f := range files {
		if text, err := os.ReadFile(f); err == nil { // else it has ended
			all = append(all, strings.TrimSpace(string(text)))
		}
	}
	return all
}
