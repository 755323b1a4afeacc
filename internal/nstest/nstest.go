// Package nstest lets tests have network namespaces and TAPs, as root and as an ordinary user: the test binary runs
// itself again, confined, the way the program does.
package nstest

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"vpcsim/dataplane/port"
	"vpcsim/topology/host"
)

// reasonVariable holds why this machine cannot confine the tests, for Require to say.
const reasonVariable = "VPCSIM_TEST_UNSUPPORTED"

// Main runs the tests confined: in network, mount and pid namespaces of their own, as root there. TestMain calls it, and
// it does not return. On a machine that cannot, and in a fuzzing worker, the tests run as they are, and those that call
// Require or RequireTAP are skipped.
func Main(m *testing.M) {
	if host.IsInit() {
		host.Init()
	}
	if !host.Confined() && !fuzzing() {
		code, err := host.Confine(host.Options{})
		if err == nil {
			os.Exit(code)
		}
		if !errors.As(err, new(*port.Unsupported)) {
			fmt.Fprintln(os.Stderr, "nstest:", err)
			os.Exit(1)
		}
		_ = os.Setenv(reasonVariable, err.Error())
	}
	if host.Confined() {
		if _, err := host.PrivateMounts(); err != nil {
			_ = os.Setenv(reasonVariable, err.Error())
		}
	}
	os.Exit(m.Run())
}

// fuzzing reports whether this is a process of "go test -fuzz": those talk over descriptors that must stay theirs.
func fuzzing() bool {
	for _, arg := range os.Args[1:] {
		if strings.HasPrefix(arg, "-test.fuzz=") || strings.HasPrefix(arg, "-test.fuzzworker") {
			return true
		}
	}
	return false
}

// Require skips the test, and says why, unless it runs confined.
func Require(t testing.TB) {
	t.Helper()
	switch reason := os.Getenv(reasonVariable); {
	case reason != "":
		t.Skip("no namespaces:", reason)
	case !host.Confined():
		t.Skip("no namespaces: not run by nstest.Main, or fuzzing")
	}
}

// RequireTAP skips the test, and says why, unless it can have namespaces with TAPs.
func RequireTAP(t testing.TB) {
	t.Helper()
	Require(t)
	_, err := host.TryTAP()
	if errors.As(err, new(*port.Unsupported)) {
		t.Skip("no TAP:", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// RequireIPv6 skips the test, and says why, if the kernel has no IPv6.
func RequireIPv6(t testing.TB) {
	t.Helper()
	if _, err := os.Stat("/proc/sys/net/ipv6"); err != nil {
		t.Skip("no IPv6:", err)
	}
}

// Namespace returns a new namespace, closed when the test ends.
func Namespace(t testing.TB) *host.Namespace {
	t.Helper()
	ns, err := host.NewNamespace()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ns.Close() })
	return ns
}
