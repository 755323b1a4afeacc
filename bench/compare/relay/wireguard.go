package main

import (
	"encoding/binary"

	"golang.zx2c4.com/wireguard/tun"
)

// room is what a device may put before a packet: the header of virtio, with something to spare.
const (
	room    = 64
	longest = 64 << 10
)

// wireguard forwards as wireguard-go handles its TUN device: a super-packet is split into its packets on reading, and packets of a
// connection are joined again on writing. Nothing is encrypted.
func wireguard() error {
	var devices [2]tun.Device
	for i, fd := range []int{clientTUN, serverTUN} {
		device, _, err := tun.CreateUnmonitoredTUNFromFD(fd)
		if err != nil {
			return err
		}
		devices[i] = device
	}
	failed := make(chan error)
	go func() { failed <- carry(devices[0], devices[1]) }()
	go func() { failed <- carry(devices[1], devices[0]) }()
	ready()
	return <-failed
}

// carry forwards in one direction.
func carry(from, to tun.Device) error {
	n := from.BatchSize()
	buffers, sizes, packets := make([][]byte, n), make([]int, n), make([][]byte, 0, n)
	for i := range buffers {
		buffers[i] = make([]byte, room+longest)
	}
	for {
		got, err := from.Read(buffers, sizes, room)
		if err != nil {
			return err
		}
		packets = packets[:0]
		for i := range got {
			if p := buffers[i][:room+sizes[i]]; hop(p[room:]) {
				packets = append(packets, p)
			}
		}
		if len(packets) > 0 {
			_, _ = to.Write(packets, room) // a device that has no room drops, as a router does
		}
	}
}

// hop does to a packet what every router does, and says whether it goes on.
func hop(p []byte) bool {
	if len(p) < 20 || p[0]>>4 != 4 || p[8] <= 1 {
		return false
	}
	p[8]--
	sum := uint32(binary.BigEndian.Uint16(p[10:])) + 0x100 // RFC 1624
	binary.BigEndian.PutUint16(p[10:], uint16(sum+sum>>16))
	return true
}
