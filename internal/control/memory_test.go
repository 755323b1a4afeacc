package control

import (
	"fmt"
	"net"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/internal/nstest"
	"vpcsim/topology"
)

// TestAnIdleInstanceCostsLittle: 100 KiB at most of this process's memory, also when it has sent super-packets before.
func TestAnIdleInstanceCostsLittle(t *testing.T) {
	nstest.RequireTAP(t)
	if raceDetector {
		t.Skip("the race detector has memory of its own")
	}
	const instances, most = 300, 100
	debug.FreeOSMemory()
	before := residentKB(t)
	spec, src, err := topology.Parse("test.vpc.yml", []byte(manyInstances(instances)))
	require.NoError(t, err)
	lab, err := Start(spec, src, Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, lab.Close()) }()
	for i := range instances {
		var conn net.Conn
		lab.inside(t, fmt.Sprint("i", i), func() (err error) { conn, err = net.Dial("udp4", "203.0.113.1:9"); return err })
		for range 40 { // more than a batch
			_, err = conn.Write(make([]byte, 60_000))
			require.NoError(t, err)
		}
		require.NoError(t, conn.Close())
	}
	require.Eventually(t, func() bool { return lab.router.Counters().PacketsIn >= 40*instances }, time.Minute, time.Millisecond)
	debug.FreeOSMemory()
	each := (residentKB(t) - before) / instances
	t.Logf("%d KB for each of %d instances, all that they share included", each, instances)
	if each > most {
		t.Errorf("%d KB for each instance, want at most %d", each, most)
	}
}
