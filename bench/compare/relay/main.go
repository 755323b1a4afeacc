// Command relay forwards IPv4 packets between two TUN devices, files 3 and 4, by the means of others: as a router that does nothing else.
// vpcsim bench forward --peers wireguard,gvisor builds and runs it, and ends it.
package main

import (
	"fmt"
	"os"
)

// The files that the devices are.
const (
	clientTUN = 3
	serverTUN = 4
)

func main() {
	peers := map[string]func() error{"wireguard": wireguard, "gvisor": gvisor}
	if len(os.Args) != 2 || peers[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: relay wireguard|gvisor, with TUN devices as files 3 and 4")
		os.Exit(2)
	}
	if err := peers[os.Args[1]](); err != nil {
		fmt.Fprintln(os.Stderr, "relay:", err)
		os.Exit(1)
	}
}

// ready tells whoever started us that packets pass from now on.
func ready() { fmt.Println("ready") }
