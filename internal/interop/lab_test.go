package interop

import (
	"bytes"
	"context"
	"flag"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vpcsim/dataplane/drop"
	"vpcsim/internal/control"
	"vpcsim/internal/nstest"
	"vpcsim/topology"
)

// TestMain lets many tests run at once: programs here mostly wait.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	nstest.Main(m)
}

// office is the VPC of most tests: a public subnet, a private one behind the NAT gateway, one whose only way out is the endpoint.
const office = `
name: office
region: us-east-1
vpcs:
  main:
    cidr: 10.0.0.0/16
    internet_gateway: igw
    nat_gateways:
      nat: {subnet: public, address: 10.0.0.5, public_ip: 198.51.100.5}
    endpoints:
      s3: {service: s3, route_tables: [inner]}
    subnets:
      public: {cidr: 10.0.0.0/24, route_table: public}
      private: {cidr: 10.0.1.0/24, route_table: private}
      inner: {cidr: 10.0.2.0/24, route_table: inner}
    route_tables:
      public: {main: true, routes: [{destination: 0.0.0.0/0, target: igw}]}
      private: {routes: [{destination: 0.0.0.0/0, target: nat}]}
      inner: {}
    security_groups:
      open: {ingress: [{protocol: all, peer: 0.0.0.0/0}]}
      ssh: {ingress: [{protocol: tcp, ports: 22-23, peer: 0.0.0.0/0}, {protocol: udp, ports: 53, peer: 0.0.0.0/0}]}
    instances:
      web: {subnet: public, address: 10.0.0.10, public_ip: 198.51.100.10, security_groups: [open]}
      neighbour: {subnet: public, address: 10.0.0.11, public_ip: 198.51.100.11, security_groups: [open]}
      bastion: {subnet: public, address: 10.0.0.12, public_ip: 198.51.100.12, security_groups: [ssh]}
      app: {subnet: private, address: 10.0.1.10, security_groups: [open]}
      second: {subnet: private, address: 10.0.1.11, security_groups: [open]}
      inner: {subnet: inner, address: 10.0.2.10, security_groups: [open]}
internet:
  hosts:
    peer: {address: 203.0.113.10}
    rival: {address: 203.0.113.20}
s3:
  buckets:
    demo: {objects: {hello.txt: hello}}
`

const s3Address = "52.216.1.80"

// starting keeps two labs of the process from giving it their names at once.
var starting sync.Mutex

// lab is a running lab with a test's words.
type lab struct{ *control.Lab }

func start(t *testing.T, topologyText string) lab {
	t.Helper()
	nstest.RequireTAP(t)
	spec, src, err := topology.Parse("interop.vpc.yml", []byte(topologyText))
	require.NoError(t, err)
	starting.Lock()
	defer starting.Unlock()
	l, err := control.Start(spec, src, control.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return lab{l}
}

// tool skips the test if a program is not installed.
func tool(t testing.TB, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skip("not installed:", program)
	}
}

// run runs a program on an instance or internet host and returns all that it printed. Its exit status is not judged: what
// it prints is.
func (l lab) run(t testing.TB, on, program string, args ...string) string {
	t.Helper()
	return l.pipe(t, "", on, program, args...)
}

// pipe is run for a program that reads its standard input.
func (l lab) pipe(t testing.TB, input, on, program string, args ...string) string {
	t.Helper()
	return l.patiently(t, 2*time.Minute, input, on, program, args...)
}

// patiently is pipe for a program that may take long.
func (l lab) patiently(t testing.TB, limit time.Duration, input, on, program string, args ...string) string {
	t.Helper()
	tool(t, program)
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.Stdin = strings.NewReader(input)
	out := l.output(t, on, cmd)
	if ctx.Err() != nil {
		t.Errorf("%s on %s did not end", cmd, on)
	}
	return out
}

// output runs a command as it is and returns all that it printed.
func (l lab) output(t testing.TB, on string, cmd *exec.Cmd) string {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, l.Run(on, cmd))
	_ = cmd.Wait()
	return out.String()
}

// root runs a command line of the shell on an instance that must succeed: what its owner does to prepare it.
func (l lab) root(t testing.TB, on, script string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", script)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, l.Run(on, cmd))
	require.NoError(t, cmd.Wait(), "%s: %s", script, &out)
}

// inside runs f in the network namespace of an instance or host: sockets that it opens belong there.
func (l lab) inside(t testing.TB, on string, f func() error) {
	t.Helper()
	inhabitant := exec.Command("sleep", "60")
	require.NoError(t, l.Run(on, inhabitant))
	defer func() { _ = inhabitant.Process.Kill(); _ = inhabitant.Wait() }()
	pid, err := unix.PidfdOpen(inhabitant.Process.Pid, 0)
	require.NoError(t, err)
	defer unix.Close(pid)
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		err := unix.Setns(pid, unix.CLONE_NEWNET)
		if err == nil {
			err = f()
		}
		done <- err
	}()
	require.NoError(t, <-done)
}

// drops is how many packets the lab has dropped so far for a reason.
func (l lab) drops(reason drop.Reason) uint64 { return l.Router().Counters().Drops[reason] }

// shows fails the test unless each pattern is found in what a program printed.
func shows(t testing.TB, output string, patterns ...string) {
	t.Helper()
	for _, p := range patterns {
		if !regexp.MustCompile(p).MatchString(output) {
			t.Errorf("no %q in:\n%s", p, output)
		}
	}
}

// hides fails the test if one of the patterns is found in what a program printed.
func hides(t testing.TB, output string, patterns ...string) {
	t.Helper()
	for _, p := range patterns {
		if found := regexp.MustCompile(p).FindString(output); found != "" {
			t.Errorf("%q in:\n%s", found, output)
		}
	}
}
