package host_test

import (
	"strings"
	"testing"

	"vpcsim/dataplane/port/tap"
	"vpcsim/internal/nstest"
	"vpcsim/topology/host"
)

func TestChecksSayWhatTheMachineCanDo(t *testing.T) {
	nstest.Require(t)
	found := map[string]host.Check{}
	for _, c := range host.Checks() {
		t.Logf("%+v", c)
		found[c.Name] = c
		if c.Detail == "" || !c.OK && c.Cure == "" {
			t.Errorf("%s says too little: %+v", c.Name, c)
		}
	}
	for _, name := range []string{"kernel", "open files", "namespaces", "/proc", "TAP device"} {
		if _, ok := found[name]; !ok {
			t.Errorf("no check is called %q", name)
		}
	}
	if c := found["namespaces"]; !c.OK {
		t.Errorf("no namespaces, though the test runs in some: %+v", c)
	}
	offload, err := host.TryTAP()
	if found["TAP device"].OK != (err == nil) {
		t.Errorf("TAP device: %+v, but TryTAP gives %v", found["TAP device"], err)
	}
	if c, ok := found["TAP offload"]; ok != (err == nil) || ok && !strings.HasPrefix(c.Detail, offload.String()) {
		t.Errorf("TAP offload: %+v, but TryTAP gives %v, %v", c, offload, err)
	}
	if c, ok := found["precedence"]; ok != (err == nil) || ok && strings.HasPrefix(c.Detail, "the router goes") != (tap.TryPrecedence() == nil) {
		t.Errorf("precedence: %+v, but TryPrecedence gives %v", c, tap.TryPrecedence())
	}
	if c, ok := found["io_uring"]; ok != (err == nil) || ok && strings.HasPrefix(c.Detail, "packets") != (tap.TryRing() == nil) {
		t.Errorf("io_uring: %+v, but TryRing gives %v", c, tap.TryRing())
	}
}
