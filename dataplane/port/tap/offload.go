package tap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"vpcsim/dataplane/packet"
)

// Offload is what the kernel at the guest's end leaves to the port, and takes from it, as it would with a network card.
type Offload uint8

// The offloads. Without Checksums there is none.
const (
	Checksums   Offload = 1 << iota // TCP and UDP checksums that hold the sum of the pseudo header alone
	TCPSegments                     // super-packets of TCP
	UDPSegments                     // super-packets of UDP, of programs that set UDP_SEGMENT; since Linux 6.2

	AllOffloads = Checksums | TCPSegments | UDPSegments
)

// String names the offloads for people: "checksums, TCP segmentation, UDP segmentation", or "none".
func (o Offload) String() string {
	var all []string
	for i, name := range [...]string{"checksums", "TCP segmentation", "UDP segmentation"} {
		if o&(1<<i) != 0 {
			all = append(all, name)
		}
	}
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ", ")
}

// features are the flags by which TUNSETOFFLOAD knows the offloads.
func (o Offload) features() (flags int) {
	if o&Checksums != 0 {
		flags |= unix.TUN_F_CSUM
	}
	if o&TCPSegments != 0 {
		flags |= unix.TUN_F_TSO4 | unix.TUN_F_TSO6 | unix.TUN_F_TSO_ECN
	}
	if o&UDPSegments != 0 {
		flags |= unix.TUN_F_USO4 | unix.TUN_F_USO6
	}
	return flags
}

// negotiate has the kernel do as many of the offloads as it can, and returns which these are.
func negotiate(fd int, wanted Offload) (Offload, error) {
	if err := unix.IoctlSetPointerInt(fd, unix.TUNSETVNETHDRSZ, vnetLen); err != nil {
		return 0, fmt.Errorf("setting the length of virtio headers: %w", err)
	}
	if wanted&Checksums == 0 {
		wanted = 0
	}
	for _, o := range [...]Offload{wanted, wanted &^ UDPSegments, 0} {
		switch err := unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, o.features()); {
		case err == nil:
			return o, nil
		case !errors.Is(err, unix.EINVAL): // which is what it answers to a flag that it does not know
			return 0, fmt.Errorf("setting offloads: %w", err)
		}
	}
	return 0, nil
}

// Before each frame comes a header of ten bytes (virtio 1.2, 5.1.6, struct virtio_net_hdr), in the machine's byte order, that says what
// is left to do with the frame. Byte offsets:
//
//	0     1        2       4        6          8           10
//	|flags|gso_type|hdr_len|gso_size|csum_start|csum_offset|
//
// csum_start counts from the start of the frame. hdr_len is only a hint, and of the kernel's own not to be trusted.
const (
	vnetLen = 10

	vnetNeedsChecksum = 1
	vnetNone          = 0
	vnetTCPv4         = 1
	vnetTCPv6         = 4
	vnetUDP           = 5
	vnetECN           = 0x80 // a bit of gso_type: TCP's CWR is set
)

// describe tells the packet, whose length is set, what the header says of it. It is false about a header that makes no sense. Whether
// the packet is of the kind that the header says is for Decode to judge.
func describe(header []byte, p *packet.Packet) bool {
	native := binary.NativeEndian
	if header[0]&vnetNeedsChecksum != 0 {
		start := int(native.Uint16(header[6:])) - headerLen
		if !p.SetPartialChecksum(start, start+int(native.Uint16(header[8:]))) {
			return false
		}
	}
	switch header[1] &^ vnetECN {
	case vnetNone:
		return true
	case vnetTCPv4, vnetTCPv6, vnetUDP:
		p.SegmentSize = native.Uint16(header[4:])
		return p.SegmentSize != 0
	}
	return false
}

// putVnetHeader fills the first vnetLen bytes of header with what is left to do with the packet.
func putVnetHeader(header []byte, p *packet.Packet) {
	clear(header[:vnetLen])
	if !p.ChecksumPartial() {
		return
	}
	native := binary.NativeEndian
	start, at := p.PartialChecksum()
	header[0] = vnetNeedsChecksum
	native.PutUint16(header[6:], uint16(start+headerLen))
	native.PutUint16(header[8:], uint16(at-start))
	if p.SegmentSize == 0 {
		return
	}
	header[1] = vnetType(p)
	native.PutUint16(header[2:], uint16(p.HeaderLen()+headerLen))
	native.PutUint16(header[4:], p.SegmentSize)
}

// vnetType is the gso_type of a super-packet.
func vnetType(p *packet.Packet) uint8 {
	if p.Protocol == packet.UDP {
		return vnetUDP
	}
	t := uint8(vnetTCPv4)
	if p.Version() == 6 {
		t = vnetTCPv6
	}
	if p.TCPFlags&packet.CWR != 0 {
		t |= vnetECN
	}
	return t
}

// takes tells whether the far end takes the packet as it is.
func (o Offload) takes(p *packet.Packet) bool {
	switch {
	case p.SegmentSize == 0:
		return o&Checksums != 0 || !p.ChecksumPartial()
	case p.Protocol == packet.UDP:
		return o&UDPSegments != 0
	}
	return o&TCPSegments != 0
}

// writeWire writes a packet as a wire would carry it, for a far end that does not take it as it is, and reports whether the
// device took all of it.
func (p *Port) writeWire(pkt *packet.Packet, mac [6]byte, etherType uint16) bool {
	memory, _ := p.segments.Get().(*packet.Packet)
	if memory == nil {
		memory = packet.New(packet.MaxSize)
	}
	defer p.segments.Put(memory)
	all := true
	for segment := range pkt.Cut(memory) {
		all = write(uintptr(p.fd), p.frame(segment, mac, etherType)) && all
	}
	return all
}
