package host

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// AddLocal makes every address of the prefixes the configured namespace's own, besides those of [Config].Local.
func (ns *Namespace) AddLocal(prefixes []netip.Prefix) error {
	if len(prefixes) == 0 {
		return nil
	}
	return ns.Do(func() error {
		h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
		if err != nil {
			return fmt.Errorf("netlink: %w", err)
		}
		defer h.Close()
		lo, err := up(h, "lo")
		if err != nil {
			return err
		}
		return addLocal(h, lo, prefixes)
	})
}
