package forward

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vpcsim/bench"
)

// tunName is what a TUN device is called in its namespace.
const tunName = "tun0"

// openTUN makes a TUN device in the calling thread's namespace, with the virtio header before each packet or without.
func openTUN(mtu int, header bool) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("/dev/net/tun: %w", err)
	}
	file := os.NewFile(uintptr(fd), tunName)
	request, err := unix.NewIfreq(tunName)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	flags := uint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if header {
		flags |= unix.IFF_VNET_HDR
	}
	request.SetUint16(flags)
	err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	if err == nil {
		var link netlink.Link
		if link, err = netlink.LinkByName(tunName); err == nil {
			err = netlink.LinkSetMTU(link, mtu)
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("TUN device: %w", err), file.Close())
	}
	return file, nil
}

// relay is a peer of package main in bench/compare/relay.
func relay(name, about string, header bool) contender {
	return contender{
		name: name,
		build: func(p Plan) (*bed, error) {
			w, err := newWired(name, about, p.Path)
			if err != nil {
				return nil, err
			}
			return w.done(w.relayed(p.Relay, header))
		},
		missing: func(p Plan) *bench.Missing {
			if p.Relay == "" {
				return &bench.Missing{Name: name, Why: cmp.Or(p.NoRelay, "it was not built"), Cure: "install Go, and run in vpcsim's source tree, or name that with --source; go mod download in its bench/compare needs Go's module proxy"}
			}
			return nil
		},
	}
}

// relayed puts a TUN device into both ends and starts the relay between them.
func (w *wired) relayed(program string, header bool) error {
	cmd := exec.Command(program, w.name)
	for e := range w.ends {
		var file *os.File
		if err := w.ends[e].Do(func() (err error) { file, err = openTUN(w.mtus[e], header); return err }); err != nil {
			return err
		}
		defer file.Close() // the relay has its own
		cmd.ExtraFiles = append(cmd.ExtraFiles, file)
	}
	if err := w.address(tunName, gateways); err != nil {
		return err
	}
	_, err := w.background(middle, cmd, "ready")
	return err
}
