package tap

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"vpcsim/dataplane/packet"
)

// outbox is what a thread writes to one port at once: datagrams and rows of them. It refers to the packets' memory until it is sent.
type outbox struct {
	to   *Port
	ring *ring // nil without io_uring: each is then written at once
	sent int

	pushed  int
	lots    [ringSize]int // how many datagrams there are in what was pushed
	rows    int
	headers [ringSize / leastRow][vnetLen + headerLen + 40 + udpLen]byte
	used    int
	vectors [ringSize + ringSize/leastRow]unix.Iovec
}

// add writes packets, at most ringSize between two calls of send.
func (o *outbox) add(batch []*packet.Packet) {
	for len(batch) > 0 {
		n := 1
		if o.to.offload&UDPSegments != 0 {
			n = rowOf(batch)
		}
		if n >= leastRow {
			o.row(batch[:n])
		} else {
			for _, pkt := range batch[:n] {
				o.one(pkt)
			}
		}
		batch = batch[n:]
	}
}

// one writes a packet.
func (o *outbox) one(pkt *packet.Packet) {
	if o.ring == nil {
		if o.to.writeFrame(pkt) {
			o.sent++
		}
		return
	}
	mac, etherType, ok := o.to.sender(pkt)
	switch {
	case !ok:
	case o.to.offload.takes(pkt):
		o.ring.push(opWrite, o.to.fd, o.to.frame(pkt, mac, etherType), o.pushed)
		o.lots[o.pushed] = 1
		o.pushed++
	default: // in several writes, after those before
		o.send()
		if o.to.writeWire(pkt, mac, etherType) {
			o.sent++
		}
	}
}

// row writes packets that are alike.
func (o *outbox) row(row []*packet.Packet) {
	mac, etherType, ok := o.to.sender(row[0])
	if !ok {
		return
	}
	header := putRowHeader(o.headers[o.rows][:], row)
	putHeader(header[vnetLen:], o.to.cfg.MAC, mac, etherType)
	vectors := o.vectors[o.used:][:1+len(row)]
	vectors[0].Base = &header[0]
	vectors[0].SetLen(len(header))
	head := len(header) - vnetLen - headerLen
	for i, pkt := range row {
		payload := pkt.Bytes()[head:]
		vectors[1+i].Base = &payload[0]
		vectors[1+i].SetLen(len(payload))
	}
	if o.ring == nil {
		if _, _, errno := unix.RawSyscall(unix.SYS_WRITEV, uintptr(o.to.fd), uintptr(unsafe.Pointer(&vectors[0])), uintptr(len(vectors))); errno == 0 {
			o.sent += len(row)
		}
		return
	}
	o.ring.pushVectors(o.to.fd, vectors, o.pushed)
	o.lots[o.pushed] = len(row)
	o.pushed++
	o.rows++
	o.used += len(vectors)
}

// send does the writes that were pushed.
func (o *outbox) send() {
	if o.pushed == 0 {
		return
	}
	o.ring.submit()
	for i := range o.pushed {
		if _, errno := o.ring.result(i); errno == 0 {
			o.sent += o.lots[i]
		}
	}
	o.pushed, o.rows, o.used = 0, 0, 0
}
