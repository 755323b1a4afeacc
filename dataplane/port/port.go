// Package port is where datagrams enter and leave the data plane: the Port interface, the in-memory Pipe, and the error
// that says a machine cannot provide a port. Ports that reach a kernel are in subpackages, one for each kind.
package port

import "vpcsim/dataplane/packet"

// Port carries layer-3 datagrams of one network interface. What lies below (Ethernet, ARP, a test) is the port's own
// business.
//
// One goroutine reads. Any number may write, also while one reads. Close may be called by any goroutine, and again.
type Port interface {
	// Read waits until at least one datagram is there, fills batch from the front and returns how many packets it filled.
	// A packet gets its bytes and its length (SetLen); decoding it is the caller's. The batch must not be empty, and its
	// packets must have room for the link header and one byte more than the port's MTU, for a port with segmentation offload
	// packet.MaxSize: it may hand up super-packets (SegmentSize) and partial checksums (SetPartialChecksum). After Close, Read
	// returns 0 and net.ErrClosed, also to the one who was waiting. Any other error is the device's end: the port reads no more.
	Read(batch []*packet.Packet) (int, error)

	// Write sends the batch in order and returns how many packets the port took. It moves these to the front of the batch, in their
	// order; behind them are then the lost ones. It does not wait: what a full device does not take is dropped and counted by
	// the port. It uses the packets' headroom and keeps no packet. A port takes
	// super-packets, decoded, and partial checksums, too: what its far end cannot take whole it cuts and completes, and a
	// super-packet of which a segment was lost it has not taken. After Close it returns 0 and net.ErrClosed; no other error is returned.
	Write(batch []*packet.Packet) (int, error)

	// Close ends the port and wakes a waiting Read.
	Close() error
}

// Unsupported says that this machine, as it is set up, cannot do what was asked, and how to mend it. The command line
// exits with 3 on it.
type Unsupported struct {
	What string // what cannot be done and why, in full: "/dev/net/tun cannot be opened by uid 1000 (mode 0600, owner root)"
	Cure string // what to do about it, a command where there is one: "sudo chmod 0666 /dev/net/tun"
	Err  error  // the system's error, for errors.Is; What says it in words
}

// Error returns what is wrong and the cure.
func (u *Unsupported) Error() string { return u.What + "; cure: " + u.Cure }

// Unwrap returns the system's error.
func (u *Unsupported) Unwrap() error { return u.Err }

// Poller waits for many ports at once and does their input and output, for one thread: that thread alone calls Wait, Read and Write.
// Add, Remove and Close may be called by any goroutine. A poller takes ports of its own kind only.
type Poller interface {
	// Add makes p one of the ports that are waited for, under a number that is not negative. It is false for a port that the poller
	// cannot wait for, and must have a goroutine of its own.
	Add(p Port, number int32) bool
	// Remove ends that. Wait may return the number once more if it is about to.
	Remove(p Port)
	// Wait fills ready with numbers of ports that have something to read, or have ended, and returns how many. With block it
	// waits until there is one; without, it returns 0 if there is none. After Close, with block, it returns net.ErrClosed, and the poller is gone.
	Wait(ready []int32, block bool) (int, error)
	// Read is p.Read but does not wait, and says whether there may be more.
	Read(p Port, batch []*packet.Packet) (n int, more bool, err error)
	// Write is p.Write for any port, also one that was not added. The batch must not be longer than that of any Read.
	Write(p Port, batch []*packet.Packet) (int, error)
	// Close wakes a waiting Wait. It is called once, after the ports were removed.
	Close() error
}
