package control

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"sync"

	"vpcsim/endpoint/dns"
	"vpcsim/internal/probe"
	"vpcsim/topology"
	"vpcsim/topology/compile"
	"vpcsim/topology/host"
)

// known is what is known of a network where no lock is at hand. It is immutable.
type known struct {
	network *topology.Network
	names   *compile.Names
	labels  map[string]string // what things are called, by their ids: interfaces, gateways, endpoints, tables
	// pristine returns a tracer of the network as if nothing were open in it, made when it is first asked for.
	pristine func() (*probe.Tracer, error)
}

func newKnown(n *topology.Network, labels map[string]string) *known {
	return &known{n, compile.NewNames(n), labels, sync.OnceValues(func() (*probe.Tracer, error) { return probe.New(n) })}
}

// owner returns the network interface of a VPC that has a private address, or nil.
func (k *known) owner(vpc string, a netip.Addr) *topology.NetworkInterface {
	for _, eni := range k.network.InterfacesByAddress(a) {
		if eni.Subnet.VPC.ID == vpc && !isPublic(eni, a) {
			return eni
		}
	}
	return nil
}

func isPublic(eni *topology.NetworkInterface, a netip.Addr) bool {
	for _, public := range eni.PublicIPs {
		if public == a {
			return true
		}
	}
	return false
}

// The files by which programs find out about names.
const (
	hostsPath    = "/etc/hosts"
	resolvPath   = "/etc/resolv.conf"
	nsswitchPath = "/etc/nsswitch.conf"
)

const localhost = "127.0.0.1 localhost\n::1 localhost\n"

// mounts returns the mount namespace of a node's programs: an instance finds its VPC's name servers there, an internet host all
// public names in a file. Nodes with the same files share one. mu is held.
func (l *Lab) mounts(n *node) (*host.Mounts, error) {
	files := map[string][]byte{hostsPath: []byte(localhost), resolvPath: publicResolvConf}
	l.trusted(files)
	if v := l.network.VPC(n.vpc); v != nil {
		files[resolvPath] = resolvConf(v)
	} else {
		files[hostsPath] = hostsFile(l.network)
	}
	if err := onlyFilesAndDNS(files); err != nil {
		return nil, err
	}
	key := string(files[hostsPath]) + string(files[resolvPath])
	if m := l.files[key]; m != nil {
		return m, nil
	}
	m, err := host.NewMounts(files)
	if err == nil {
		l.files[key] = m
	}
	return m, err
}

// hostsLine is the line of nsswitch.conf that says whom to ask for names.
var hostsLine = regexp.MustCompile(`(?m)^[ \t]*hosts:.*$`)

// onlyFilesAndDNS adds the machine's nsswitch.conf, if it has one, without the other sources of names: some of them ask a daemon of
// the machine, by a socket that is in the file system.
func onlyFilesAndDNS(files map[string][]byte) error {
	text, err := os.ReadFile(nsswitchPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	files[nsswitchPath] = hostsLine.ReplaceAll(text, []byte("hosts: files dns"))
	return err
}

// resolvConf is resolv.conf as DHCP makes it for the instances of a VPC (aws-semantics 8.1: VPC_DHCP_Options).
func resolvConf(v *topology.VPC) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "search %s\n", searchDomain(v))
	servers := v.DHCPOptions.NameServers
	if len(servers) == 0 {
		servers = []netip.Addr{v.Resolver()}
	}
	for _, a := range servers {
		fmt.Fprintf(&b, "nameserver %s\n", a)
	}
	return b.Bytes()
}

// searchDomain is what completes names without a dot in a VPC.
func searchDomain(v *topology.VPC) string {
	if v.DHCPOptions.DomainName != "" {
		return v.DHCPOptions.DomainName
	}
	return dns.PrivateDomain(v.Region)
}

var publicResolvConf = []byte("# the simulated internet has no name server; see /etc/hosts\n")

// hostsFile is /etc/hosts of the internet's hosts: all public names there are, S3's being the same before and after an endpoint
// exists (aws-semantics 10).
func hostsFile(n *topology.Network) []byte {
	var b strings.Builder
	b.WriteString(localhost)
	for _, r := range n.S3.Regions {
		names := dns.S3Names(r.Name)
		for _, bucket := range n.S3.Buckets {
			if r.Name == bucket.Region {
				names = append(names, bucket.Name+"."+names[0])
			}
		}
		for _, a := range r.Addresses {
			fmt.Fprintf(&b, "%s %s\n", a, strings.Join(names, " "))
		}
	}
	for _, h := range n.InternetHosts {
		fmt.Fprintf(&b, "%s %s\n", h.Address, h.Name)
	}
	for _, eni := range n.NetworkInterfaces() {
		for _, a := range eni.PublicIPs {
			if name := compile.PublicDNSName(eni.Subnet.VPC, a); name != "" {
				fmt.Fprintf(&b, "%s %s\n", a, name)
			}
		}
	}
	return []byte(b.String())
}
