package bench

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// packetSource is a capture file of either format.
type packetSource interface {
	ReadPacketData() ([]byte, gopacket.CaptureInfo, error)
	LinkType() layers.LinkType
}

// pcapngMagic begins a pcapng file: the type of its section header block.
const pcapngMagic = 0x0a0d0d0a

// readTrace hands over the destination of every IP packet of a pcap or pcapng file, until it is told to stop.
func readTrace(file string, each func(dst netip.Addr) (more bool)) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	source, err := openTrace(bufio.NewReaderSize(f, 1<<20))
	if err != nil {
		return fmt.Errorf("%s: not a pcap or pcapng file: %w", file, err)
	}
	for n := 1; ; n++ {
		data, _, err := source.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: after packet %d: %w", file, n-1, err)
		}
		if dst, ok := destination(data, source.LinkType()); ok && !each(dst) {
			return nil
		}
	}
}

func openTrace(r *bufio.Reader) (packetSource, error) {
	magic, err := r.Peek(4)
	if err != nil {
		return nil, err
	}
	if binary.LittleEndian.Uint32(magic) == pcapngMagic {
		return pcapgo.NewNgReader(r, pcapgo.DefaultNgReaderOptions)
	}
	return pcapgo.NewReader(r)
}

// destination decodes a packet no further than its first IP header.
func destination(data []byte, link layers.LinkType) (netip.Addr, bool) {
	packet := gopacket.NewPacket(data, link, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	network := packet.NetworkLayer()
	if network == nil {
		return netip.Addr{}, false
	}
	return netip.AddrFromSlice(network.NetworkFlow().Dst().Raw())
}
