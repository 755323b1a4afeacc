package routing

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAssemblyIsWhatTheGeneratorWrites: nobody changes the one without the other.
func TestAssemblyIsWhatTheGeneratorWrites(t *testing.T) {
	golang := func(args ...string) (string, error) {
		cmd := exec.Command("go", args...)
		cmd.Dir, cmd.Env = "internal/asm", append(os.Environ(), "GOFLAGS=-mod=readonly -buildvcs=false")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := golang("mod", "download"); err != nil {
		t.Skipf("what the generator is written with is not here and can't be downloaded: %s", out)
	}
	dir := t.TempDir()
	asm, stubs := filepath.Join(dir, "asm_amd64.s"), filepath.Join(dir, "asm_amd64.go")
	out, err := golang("run", ".", "-out", asm, "-stubs", stubs, "-pkg", "routing")
	require.NoError(t, err, out)
	for _, written := range []string{asm, stubs} {
		want, err := os.ReadFile(written)
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Base(written))
		require.NoError(t, err)
		// The first line tells the command, which is another one here.
		if _, want, _ := strings.Cut(string(want), "\n"); !strings.HasSuffix(string(got), want) {
			t.Errorf("%s is not what internal/asm writes: run go generate in routing", filepath.Base(written))
		}
	}
}

// TestSingleLookupsAreInlined: a call would nearly double their time.
func TestSingleLookupsAreInlined(t *testing.T) {
	out, err := exec.Command("go", "build", "-gcflags=-m", "vpcsim/dataplane").CombinedOutput()
	require.NoError(t, err, string(out))
	for _, method := range []string{"Answer4", "Lookup4", "Value"} {
		if want := "can inline routing.(*Table[go.shape.*vpcsim/dataplane.Route])." + method; !strings.Contains(string(out), want) {
			t.Errorf("the compiler does not say %q: see what it says of its cost by -gcflags=-m=2", want)
		}
	}
}
