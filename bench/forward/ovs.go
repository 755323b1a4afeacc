package forward

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vpcsim/topology/host"
)

// Open vSwitch with its datapath in user space, with TSO, as a router between two TAPs: its own TAPs, which are moved into the ends. Its
// daemons have a folder of their own and are ended with the bed.

// ovs is its bed while it is built.
type ovs struct {
	*wired
	dir string
}

func newOVS(path string) (*bed, error) {
	w, err := newWired("ovs", "Open vSwitch, datapath in user space on TAPs, routing by OpenFlow, TSO", path)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "vpcsim-ovs-")
	if err != nil {
		return w.done(err)
	}
	w.onClose(func() error { return os.RemoveAll(dir) })
	o := &ovs{w, dir}
	return w.done(errors.Join(o.daemons(), o.wire()))
}

// command is a command of Open vSwitch's, in its own folder.
func (o *ovs) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = o.dir
	cmd.Env = append(os.Environ(), "OVS_RUNDIR="+o.dir, "OVS_LOGDIR="+o.dir, "OVS_DBDIR="+o.dir, "OVS_SYSCONFDIR="+o.dir)
	return cmd
}

func (o *ovs) run(name string, args ...string) error { return run(o.middle, o.command(name, args...)) }

func (o *ovs) vsctl(args ...string) error {
	return o.run("ovs-vsctl", append([]string{"--timeout=10", "--db=unix:" + o.socket()}, args...)...)
}

func (o *ovs) socket() string { return filepath.Join(o.dir, "db.sock") }

// daemons starts the database and the switch. Both say on standard error that they listen.
func (o *ovs) daemons() error {
	schema := "/usr/share/openvswitch/vswitch.ovsschema"
	if err := o.run("ovsdb-tool", "create", "conf.db", schema); err != nil {
		return err
	}
	if err := o.daemon("ovsdb-server", "--remote=punix:"+o.socket(), "conf.db"); err != nil {
		return err
	}
	// The switch reads it as it starts.
	if err := o.vsctl("--no-wait", "init", "--", "set", "Open_vSwitch", ".", "other_config:userspace-tso-enable=true"); err != nil {
		return err
	}
	return o.daemon("ovs-vswitchd", "unix:"+o.socket())
}

// daemon starts a process by --detach's own means of telling that it is ready, which is why it forks; its process id is then in its file.
func (o *ovs) daemon(name string, args ...string) error {
	pidfile := filepath.Join(o.dir, name+".pid")
	o.onClose(func() error { return killed(pidfile) })
	return o.run(name, append([]string{"--detach", "--no-chdir", "--log-file", "--pidfile=" + pidfile}, args...)...)
}

// killed ends the process that a file names. Whoever has no file has no process.
func killed(pidfile string) error {
	text, err := os.ReadFile(pidfile)
	if err != nil {
		return nil
	}
	var pid int
	if _, err := fmt.Sscan(string(text), &pid); err != nil {
		return fmt.Errorf("%s: %w", pidfile, err)
	}
	if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("process %d: %w", pid, err)
	}
	return nil
}

// The MAC addresses of TAPs, and of the router on both sides.
var (
	tapMACs   = [2]net.HardwareAddr{{2, 0, 0, 0, 1, 2}, {2, 0, 0, 0, 2, 2}}
	routerMAC = net.HardwareAddr{2, 0, 0, 0, 0, 1}
)

// wire makes the bridge and its TAPs, moves those into the ends, and has the bridge route.
func (o *ovs) wire() error {
	err := o.vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev", "fail-mode=secure",
		"--", "add-port", "br0", "tap0", "--", "set", "interface", "tap0", "type=internal", "ofport_request=1",
		"--", "add-port", "br0", "tap1", "--", "set", "interface", "tap1", "type=internal", "ofport_request=2")
	if err != nil {
		return err
	}
	for e, addr := range []netip.Prefix{clientAddr, serverAddr} {
		if err := o.plug(end(e), addr); err != nil {
			return fmt.Errorf("tap%d: %w", e, err)
		}
		flow := fmt.Sprintf("in_port=%d,ip,actions=dec_ttl,mod_dl_src:%s,mod_dl_dst:%s,output:%d", 2-e, routerMAC, tapMACs[e], 1+e)
		if err := o.run("ovs-ofctl", "add-flow", "unix:"+filepath.Join(o.dir, "br0.mgmt"), flow); err != nil {
			return err
		}
	}
	return nil
}

// plug moves a TAP into its end and configures it there, with the router as a neighbour who need not be asked for.
func (o *ovs) plug(e end, addr netip.Prefix) error {
	name := fmt.Sprintf("tap%d", e)
	var fd *os.File
	if err := o.ends[e].Do(func() (err error) { fd, err = os.Open("/proc/thread-self/ns/net"); return err }); err != nil {
		return err
	}
	defer fd.Close()
	err := o.middle.Do(func() error {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		return errors.Join(netlink.LinkSetHardwareAddr(link, tapMACs[e]), netlink.LinkSetMTU(link, o.mtus[e]), netlink.LinkSetNsFd(link, int(fd.Fd())))
	})
	if err != nil {
		return err
	}
	ifc := host.Interface{Name: name, Addrs: []netip.Prefix{addr}, Router: gateways[e]}
	if err := o.ends[e].Configure(host.Config{Interfaces: []host.Interface{ifc}}); err != nil {
		return err
	}
	return o.ends[e].Do(func() error {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		return netlink.NeighSet(&netlink.Neigh{LinkIndex: link.Attrs().Index, IP: gateways[e].AsSlice(), HardwareAddr: routerMAC, State: netlink.NUD_PERMANENT})
	})
}
