package scenario

import (
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"vpcsim/dataplane"
	"vpcsim/dataplane/conntrack"
	"vpcsim/dataplane/drop"
	"vpcsim/internal/workload"
	"vpcsim/topology"
)

// spec translates a workload of the file into one for the process.
func (r *run) spec(w WorkloadSpec) (workload.Spec, error) {
	s := workload.Spec{Kind: w.Kind, Every: w.Every, Stall: w.Stall, ConnectTimeout: w.Connect}
	network := r.lab.Network()
	if i := network.Instance(w.On); i != nil && w.Device > 0 {
		s.Source = i.Interfaces[w.Device].Addresses[0].String()
	}
	switch w.Kind {
	case workload.Serve:
		s.Address = fmt.Sprintf(":%d", w.Listen)
	case workload.Stream:
		to, err := resolvePeer(network, w.To)
		if err != nil {
			return s, err
		}
		s.Address = to.String()
		if w.Address != "" {
			s.Connect = net.JoinHostPort(w.Address, strconv.Itoa(int(to.Port())))
		}
	default:
		object := strings.TrimPrefix(w.To, "s3://")
		s.URL = fmt.Sprintf("http://s3.%s.amazonaws.com/%s", regionOf(network, object), object)
		if w.Address != "" {
			s.Connect = w.Address + ":80"
		}
	}
	return s, nil
}

// regionOf returns the region of the bucket that BUCKET/KEY is in: the file's if there is no such bucket.
func regionOf(n *topology.Network, object string) string {
	name, _, _ := strings.Cut(object, "/")
	for _, b := range n.S3.Buckets {
		if b.Name == name {
			return b.Region
		}
	}
	return n.Region
}

// addresses returns the private and public address that the workload's connection has on its own side.
func (r *run) addresses(w WorkloadSpec) (private, public netip.Addr) {
	network := r.lab.Network()
	if h := network.InternetHost(w.On); h != nil {
		return h.Address, h.Address
	}
	eni := network.Instance(w.On).Interfaces[w.Device]
	return eni.Addresses[0], eni.PublicIP()
}

// command starts any program; the timeline goes on meanwhile.
func (r *run) command(c *connection, start func(*exec.Cmd) error) (err error) {
	if c.program, err = workload.StartCommand(start, c.spec.Command); err == nil {
		r.group.Go(func() { c.end(c.program.Wait().Err) })
	}
	return err
}

// judgeCommand judges the exit code of a program that should have ended by now; one that has not is stopped.
func (r *run) judgeCommand(c *connection) {
	select {
	case <-c.program.Done():
	default:
		r.extra = append(r.extra, Expectation{Text: c.name + ": the command ends", Got: "still running"})
		return
	}
	result := c.program.Wait()
	r.say("%s: exit code %d", c, result.ExitCode)
	if e := c.spec.Expect; e != nil && !c.stopped {
		r.extra = append(r.extra, Expectation{
			Text: fmt.Sprintf("%s: exit code %d", c.name, e.ExitCode), Passed: result.ExitCode == e.ExitCode,
			Got: strings.TrimSpace(fmt.Sprintf("%d %s", result.ExitCode, result.Output)),
		})
	}
}

// pathOf asks the router which path the connection's flow takes.
func (r *run) pathOf(c *connection) (path string) {
	network := r.lab.Network()
	r.lab.Router().Flows(func(_ *dataplane.Interface, t conntrack.Tuple, f conntrack.Flow) {
		if path == "" && f.Cut == drop.None && c.matches(network, t.Local, t.Remote) {
			path = f.Path.String()
		}
	})
	return path
}

// acceptLimit is how long the far side may take to tell of a connection whose client has moved data already.
const acceptLimit = 2 * time.Second

// sourceSeen asks the far side which source address the connection has there: S3 by its own records, a server by what it
// accepted. The port tells connections apart: the client's own, or the one that a NAT gateway chose in its place.
func (r *run) sourceSeen(c *connection, local, remote netip.AddrPort) string {
	local = r.lab.Outside(local, remote)
	seen := r.seenByServer
	if c.spec.Kind != workload.Stream {
		seen = r.seenByS3
	}
	for deadline := time.Now().Add(acceptLimit); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if peer := seen(local, remote); peer.IsValid() {
			return peer.String()
		}
	}
	return none
}

func (r *run) seenByS3(local, remote netip.AddrPort) netip.Addr {
	if seen := r.lab.S3Connections(remote, local.Port()); len(seen) > 0 {
		return seen[len(seen)-1].Peer.Addr()
	}
	return netip.Addr{}
}

func (r *run) seenByServer(local, remote netip.AddrPort) netip.Addr {
	for _, name := range r.order {
		server := r.conns[name]
		if server.spec.Kind != workload.Serve || uint16(server.spec.Listen) != remote.Port() || !r.serves(server, remote.Addr()) {
			continue
		}
		server.mu.Lock()
		accepted := server.accepted
		server.mu.Unlock()
		for _, peer := range accepted {
			if peer.Port() == local.Port() {
				return peer.Addr()
			}
		}
	}
	return netip.Addr{}
}

// serves says whether a server's instance or host has the address.
func (r *run) serves(server *connection, a netip.Addr) bool {
	network := r.lab.Network()
	if h := network.InternetHost(server.spec.On); h != nil {
		return h.Address == a
	}
	for _, eni := range network.InterfacesByAddress(a) {
		if eni.Instance.Name == server.spec.On {
			return true
		}
	}
	return false
}
