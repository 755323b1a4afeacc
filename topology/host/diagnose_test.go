package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vpcsim/dataplane/port"
)

func TestDiagnose(t *testing.T) {
	const kinds = "self/ns/user self/ns/net self/ns/pid self/ns/mnt"
	for _, c := range []struct {
		name  string
		err   error
		files string // below proc, "path" or "path=content"
		want  string // beginning of What; "" for an error that is none of ours
	}{
		{"the limit of user namespaces is 0", unix.ENOSPC, "sys/user/max_user_namespaces=0", "user namespaces are switched off"},
		{"the limit of network namespaces is 0", unix.ENOSPC, "sys/user/max_net_namespaces=0", "network namespaces are switched off"},
		{"the limit is not 0 but reached", unix.ENOSPC, "sys/user/max_user_namespaces=5", "a limit of namespaces is reached"},
		{"Debian's switch is off", unix.EPERM, "sys/kernel/unprivileged_userns_clone=0", "user namespaces are kept from ordinary users"},
		{"Debian's switch is on, AppArmor's too", unix.EACCES,
			"sys/kernel/unprivileged_userns_clone=1 sys/kernel/apparmor_restrict_unprivileged_userns=1", "AppArmor takes"},
		{"AppArmor's switch is not what a reached limit comes from", unix.ENOSPC,
			"sys/kernel/apparmor_restrict_unprivileged_userns=1", "a limit of namespaces is reached"},
		{"a seccomp filter is on", unix.EPERM, "self/status=Name:\tx\nSeccomp:\t2\n", "namespaces cannot be made: a seccomp filter"},
		{"no reason is found", unix.EPERM, "self/status=Name:\tx\nSeccomp:\t0\n", "namespaces cannot be made: fork: operation not permitted"},
		{"the kernel has no user namespaces", unix.EINVAL, "self/ns/net self/ns/pid self/ns/mnt", "this kernel has no user namespaces"},
		{"the kernel refuses, but has them all", unix.EINVAL, kinds, "namespaces cannot be made: fork: invalid argument"},
		{"memory is short", unix.ENOMEM, kinds, ""},
		{"no system call failed", errors.New("exec: no command"), kinds, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			proc := t.TempDir()
			for file := range strings.SplitSeq(c.files, " ") {
				path, content, _ := strings.Cut(file, "=")
				require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(proc, path)), 0o755))
				require.NoError(t, os.WriteFile(filepath.Join(proc, path), []byte(content), 0o644))
			}
			err := diagnose(proc, fmt.Errorf("fork: %w", c.err))
			var u *port.Unsupported
			if found := errors.As(err, &u); found != (c.want != "") {
				t.Fatalf("got %v", err)
			} else if found && (!strings.HasPrefix(u.What, c.want) || u.Cure == "") {
				t.Errorf("got %q, cure %q; want %q", u.What, u.Cure, c.want)
			}
			if !errors.Is(err, c.err) {
				t.Errorf("%v does not unwrap to %v", err, c.err)
			}
		})
	}
}
