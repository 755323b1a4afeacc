package host_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vpcsim/internal/nstest"
	"vpcsim/topology/host"
)

func TestBindFileShowsTheContentAndLeavesTheFileAlone(t *testing.T) {
	nstest.Require(t)
	path := filepath.Join(t.TempDir(), "hosts")
	require.NoError(t, os.WriteFile(path, []byte("the machine's own"), 0o644))
	require.NoError(t, host.BindFile(path, []byte("the lab's")))
	checkContent(t, path, "the lab's")
	require.NoError(t, host.BindFile(path, []byte("the next lab's")))
	checkContent(t, path, "the next lab's")
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, " vpcsim ") && !strings.Contains(line, " "+path+" ") {
			t.Errorf("a mount is left: %s", line)
		}
	}
	require.NoError(t, unix.Unmount(path, 0))
	require.NoError(t, unix.Unmount(path, 0))
	checkContent(t, path, "the machine's own")
}

func checkContent(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s holds %q, %v; want %q", path, got, err, want)
	}
}

func TestBindFileNamesWhatIsNotThere(t *testing.T) {
	nstest.Require(t)
	path := filepath.Join(t.TempDir(), "none")
	require.ErrorContains(t, host.BindFile(path, nil), "replacing "+path)
}

func TestProcShowsOnlyTheConfined(t *testing.T) {
	nstest.Require(t)
	warnings, err := host.PrivateMounts()
	require.NoError(t, err)
	if len(warnings) > 0 {
		t.Skip(warnings)
	}
	self, err := os.Readlink("/proc/self")
	require.NoError(t, err)
	require.NoError(t, unix.Unmount("/proc", unix.MNT_DETACH))
	if want := strconv.Itoa(os.Getpid()); self != want {
		t.Errorf("/proc/self is %s, want %s", self, want)
	}
}
