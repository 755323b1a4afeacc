package control

import (
	"context"
	"fmt"
	"net"

	"vpcsim/topology"
)

// servicePort is the one TCP port that an interface endpoint answers on (see [topology.TypeInterfaceEndpoint]).
const servicePort = 443

// servicePlan is what answers behind a network interface without an instance: of an interface endpoint a namespace in which
// somebody takes connections and ends them, and which does not answer pings. Of other interfaces it is not known who answers, so
// nobody does, and they have no node.
func servicePlan(eni *topology.NetworkInterface) (plan, bool) {
	if eni.Type != topology.TypeInterfaceEndpoint {
		return plan{}, false
	}
	return plan{id: eni.ID, name: eni.Name, service: true, devices: []device{deviceOf(eni)}}, true
}

// answer lets a service take connections.
func (l *Lab) answer(n *node) error {
	config := net.ListenConfig{}
	config.SetMultipathTCP(false)
	err := n.ns.Do(func() (err error) {
		n.listener, err = config.Listen(context.Background(), "tcp", fmt.Sprint(":", servicePort))
		return err
	})
	if err != nil {
		return err
	}
	l.serving.Go(func() {
		for {
			c, err := n.listener.Accept()
			if err != nil {
				return // closed with the node
			}
			_ = c.Close()
		}
	})
	return nil
}
