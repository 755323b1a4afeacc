package tap

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"vpcsim/dataplane/packet"
)

// outbox is what a thread writes to one port at once: datagrams and rows of them. It refers to the packets' memory until it is sent.
type outbox struct {
	to      *Port
	ring    *ring            // nil without io_uring: each is then written at once
	batch   []*packet.Packet // the first ones were sent, and up to settled those follow that were lost
	sent    int
	settled int

	pushed  int
	lots    [ringSize]int // how many datagrams there are in what was pushed
	rows    int
	headers [ringSize / leastRow][vnetLen + headerLen + 40 + udpLen]byte
	used    int
	vectors [ringSize + ringSize/leastRow]unix.Iovec
}

// add writes the batch, of at most ringSize packets.
func (o *outbox) add() {
	for batch := o.batch; len(batch) > 0; {
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
		o.settle(1, o.to.writeFrame(pkt))
		return
	}
	mac, etherType, ok := o.to.sender(pkt)
	if ok && o.to.offload.takes(pkt) {
		o.ring.push(opWrite, o.to.fd, o.to.frame(pkt, mac, etherType), o.pushed)
		o.lots[o.pushed] = 1
		o.pushed++
		return
	}
	o.send() // those before
	o.settle(1, ok && o.to.writeWire(pkt, mac, etherType))
}

// row writes packets that are alike.
func (o *outbox) row(row []*packet.Packet) {
	mac, etherType, _ := o.to.sender(row[0]) // it is IP
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
		_, _, errno := unix.RawSyscall(unix.SYS_WRITEV, uintptr(o.to.fd), uintptr(unsafe.Pointer(&vectors[0])), uintptr(len(vectors)))
		o.settle(len(row), errno == 0)
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
		_, errno := o.ring.result(i)
		o.settle(o.lots[i], errno == 0)
	}
	o.pushed, o.rows, o.used = 0, 0, 0
}

// settle notes what became of the next n packets of the batch.
func (o *outbox) settle(n int, sent bool) {
	next := o.batch[o.settled:][:n]
	o.settled += n
	if !sent {
		return
	}
	for i, pkt := range next {
		next[i] = o.batch[o.sent]
		o.batch[o.sent] = pkt
		o.sent++
	}
}
