package host_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vpcsim/internal/nstest"
	"vpcsim/topology/host"
)

// TestMountsShowTheirFilesToTheirProcessesAlone: two processes of one network namespace see two contents of one file, and the program
// sees its own; each starts where it was asked to.
func TestMountsShowTheirFilesToTheirProcessesAlone(t *testing.T) {
	nstest.Require(t)
	path := filepath.Join(t.TempDir(), "resolv.conf")
	require.NoError(t, os.WriteFile(path, []byte("the machine's own"), 0o644))
	one, err := host.NewMounts(map[string][]byte{path: []byte("one")})
	require.NoError(t, err)
	two, err := host.NewMounts(map[string][]byte{path: []byte("two")})
	require.NoError(t, err)
	ns := nstest.Namespace(t)
	here, err := os.Getwd()
	require.NoError(t, err)
	for _, row := range []struct {
		in        *host.Mounts
		dir, want string
	}{
		{one, "", "one" + here}, {two, "", "two" + here}, {one, "/", "one/"}, {nil, "", "the machine's own" + here},
	} {
		var out strings.Builder
		cmd := exec.Command("/bin/sh", "-c", `cat "$0"; pwd`, path)
		cmd.Dir, cmd.Stdout, cmd.Stderr = row.dir, &out, &out
		require.NoError(t, ns.Start(cmd, row.in))
		require.NoError(t, cmd.Wait())
		require.Equal(t, row.want+"\n", out.String())
	}
	checkContent(t, path, "the machine's own")
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	require.NotContains(t, string(mounts), path, "nothing is mounted where nobody asked for it")
	require.NoError(t, one.Close())
	require.NoError(t, two.Close())
}

func TestMountsNameWhatIsNotThere(t *testing.T) {
	nstest.Require(t)
	path := filepath.Join(t.TempDir(), "none")
	_, err := host.NewMounts(map[string][]byte{path: nil})
	require.ErrorContains(t, err, "replacing "+path)
}
