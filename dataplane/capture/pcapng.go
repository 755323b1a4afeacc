package capture

import (
	"encoding/binary"
	"fmt"
	"io"
	"unicode/utf8"
)

// The part of pcapng (draft-ietf-opsawg-pcapng) that a capture of datagrams needs. Every block is its type, its total
// length, a body, options, and the total length again; body and options are padded to 32 bits. All of it is little endian,
// which the byte-order magic says to readers.
const (
	blockSectionHeader = 0x0a0d0d0a
	blockInterface     = 1
	blockStatistics    = 5
	blockPacket        = 6

	byteOrderMagic = 0x1a2b3c4d
	linkTypeRaw    = 101 // the datagram starts with its IPv4 or IPv6 header

	optEnd              = 0
	optComment          = 1
	optUserApplication  = 4 // of the section header
	optName             = 2 // of an interface
	optDescription      = 3
	optTimeResolution   = 9
	optPacketFlags      = 2 // of a packet; bits 0 and 1 are the direction
	optDropped          = 5 // of statistics: packets for which there was no room
	nanoseconds         = 9 // as a time resolution: the power of ten
	maxOptionLen        = 0xffff
	packetBlockOverhead = 32 + 8 + 4 + 4 // fixed fields, packet flags, comment's head, end of options
)

var le = binary.LittleEndian

// Direction says which way a packet passes an interface. The numbers are those of pcapng's packet flags.
type Direction uint8

const (
	Inbound  Direction = 1 // toward the interface's owner: delivered to it
	Outbound Direction = 2 // sent by it; 0 where a packet has no direction
)

// Writer writes pcapng to w, one Write per block. One goroutine at a time.
type Writer struct {
	w          io.Writer
	interfaces int
	block      []byte // reused
}

// NewWriter writes the section header.
func NewWriter(w io.Writer) (*Writer, error) {
	p := &Writer{w: w}
	return p, p.write(appendSectionHeader(nil))
}

// AddInterface describes the next interface; packets name it by the id returned. A name or description of more than 65,535
// bytes is cut.
func (p *Writer) AddInterface(name, description string) (id int, err error) {
	if err := p.write(appendInterface(p.block[:0], name, description, 0)); err != nil {
		return 0, err
	}
	p.interfaces++
	return p.interfaces - 1, nil
}

// WritePacket records a datagram at a time in nanoseconds since 1970. A comment, if not empty, goes with it; of more than
// 65,535 bytes it is cut.
func (p *Writer) WritePacket(id int, unixNano int64, dir Direction, datagram []byte, comment string) error {
	if id < 0 || id >= p.interfaces {
		return fmt.Errorf("capture: no interface %d: %d were added", id, p.interfaces)
	}
	return p.write(appendPacket(p.block[:0], id, unixNano, dir, datagram, len(datagram), comment))
}

func (p *Writer) write(block []byte) error {
	p.block = block
	_, err := p.w.Write(block)
	return err
}

// The append functions add one block to b.

func appendSectionHeader(b []byte) []byte {
	b, start := openBlock(b, blockSectionHeader)
	b = le.AppendUint32(b, byteOrderMagic)
	b = le.AppendUint32(b, 1)          // version 1.0
	b = le.AppendUint64(b, ^uint64(0)) // the section's length is not known
	b = appendOption(b, optUserApplication, "vpcsim")
	return closeBlock(b, start)
}

func appendInterface(b []byte, name, description string, snap int) []byte {
	b, start := openBlock(b, blockInterface)
	b = le.AppendUint32(b, linkTypeRaw)
	b = le.AppendUint32(b, uint32(snap)) // 0: packets are not cut
	b = appendOption(b, optName, name)
	if description != "" {
		b = appendOption(b, optDescription, description)
	}
	b = appendOption(b, optTimeResolution, string([]byte{nanoseconds}))
	return closeBlock(b, start)
}

func appendPacket(b []byte, id int, unixNano int64, dir Direction, datagram []byte, length int, comment string) []byte {
	b, start := openBlock(b, blockPacket)
	b = le.AppendUint32(b, uint32(id))
	b = le.AppendUint32(b, uint32(uint64(unixNano)>>32))
	b = le.AppendUint32(b, uint32(unixNano))
	b = le.AppendUint32(b, uint32(len(datagram))) // captured
	b = le.AppendUint32(b, uint32(length))        // on the wire
	b = pad(append(b, datagram...), len(datagram))
	b = le.AppendUint32(b, optPacketFlags|4<<16)
	b = le.AppendUint32(b, uint32(dir))
	if comment != "" {
		b = appendOption(b, optComment, comment)
	}
	return closeBlock(b, start)
}

func appendStatistics(b []byte, id int, unixNano int64, dropped uint64) []byte {
	b, start := openBlock(b, blockStatistics)
	b = le.AppendUint32(b, uint32(id))
	b = le.AppendUint32(b, uint32(uint64(unixNano)>>32))
	b = le.AppendUint32(b, uint32(unixNano))
	b = appendOption(b, optDropped, string(le.AppendUint64(nil, dropped)))
	return closeBlock(b, start)
}

// maxPacketBlock is at least what appendPacket appends.
func maxPacketBlock(datagram []byte, comment string) int {
	return packetBlockOverhead + len(datagram) + 3 + min(len(comment), maxOptionLen) + 3
}

func openBlock(b []byte, typ uint32) (block []byte, start int) {
	return le.AppendUint32(le.AppendUint32(b, typ), 0), len(b)
}

// closeBlock ends the options of the block that starts at start, and writes its length at both ends.
func closeBlock(b []byte, start int) []byte {
	b = le.AppendUint32(b, optEnd)
	n := uint32(len(b) - start + 4)
	le.PutUint32(b[start+4:], n)
	return le.AppendUint32(b, n)
}

// appendOption adds an option whose value is text, cut at a whole character if it is longer than an option may be.
func appendOption(b []byte, code uint16, value string) []byte {
	if len(value) > maxOptionLen {
		n := maxOptionLen
		for n > maxOptionLen-utf8.UTFMax && !utf8.RuneStart(value[n]) {
			n--
		}
		value = value[:n]
	}
	b = le.AppendUint16(b, code)
	b = le.AppendUint16(b, uint16(len(value)))
	return pad(append(b, value...), len(value))
}

// pad fills up what ends with n bytes to a multiple of 32 bits.
func pad(b []byte, n int) []byte {
	return append(b, 0, 0, 0)[:len(b)+(-n&3)]
}
