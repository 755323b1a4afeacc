package bench

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"

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

// trace is the destinations of a capture's packets, in their order.
type trace struct {
	v4 []uint32
	v6 []Address6
}

// readTrace takes the destinations of the IP packets of a pcap or pcapng file, which may be compressed: the first of each family, as many as most.
func readTrace(ctx context.Context, file string, most int) (*trace, error) {
	t := new(trace)
	err := readFile(ctx, file, func(r io.Reader) error { return t.read(r, most) })
	return t, err
}

func (t *trace) read(from io.Reader, most int) error {
	r, err := unpack(from)
	if err != nil {
		return err
	}
	source, err := openTrace(r)
	if err != nil {
		return fmt.Errorf("not a pcap or pcapng file: %w", err)
	}
	for n := 0; len(t.v4) < most || len(t.v6) < most; n++ {
		data, _, err := source.ReadPacketData()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("after packet %d: %w", n, err)
		}
		dst, ok := destination(data, source.LinkType())
		switch {
		case ok && dst.Is4() && len(t.v4) < most:
			t.v4 = append(t.v4, number4(dst))
		case ok && dst.Is6() && len(t.v6) < most:
			t.v6 = append(t.v6, number6(dst))
		}
	}
	if len(t.v4)+len(t.v6) == 0 {
		return errors.New("nothing to look up: no IP packet in it")
	}
	return nil
}

// keys makes n keys of a family of the trace's destinations: in their order, over and over until there are enough; none if the trace has none.
func (t *trace) keys(name string, six bool, n int) *Keys {
	k := &Keys{Name: name}
	if six {
		k.V6 = over(t.v6, n)
	} else {
		k.V4 = over(t.v4, n)
	}
	have := len(t.v4)
	if six {
		have = len(t.v6)
	}
	k.Note = fmt.Sprintf("the destinations of %d packets in their order", min(have, n))
	if k.few = have < min(shortTrace, n); k.few {
		k.Note += ", which are so few that the processor learns them"
	}
	return k
}

// shortTrace is how many packets a trace should have at least.
const shortTrace = 1 << 17

// over repeats all, if there are any, until there are n.
func over[T any](all []T, n int) []T {
	out := make([]T, 0, n)
	for len(all) > 0 && len(out) < n {
		out = append(out, all[:min(len(all), n-len(out))]...)
	}
	return out
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
