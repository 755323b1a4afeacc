package metadata

import (
	"encoding/json"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tree is what the service says of an instance, by path below the version: meta-data/instance-id. What is a folder follows from
// the paths (Amazon EC2 User Guide, "Instance metadata categories").
type tree map[string]string

// treeOf returns all of an instance's metadata as they are at some time.
func (s *Server) treeOf(i *Instance, now time.Time) tree {
	primary := i.Interfaces[0]
	t := tree{
		"meta-data/ami-id":                      i.ImageID,
		"meta-data/ami-launch-index":            "0",
		"meta-data/ami-manifest-path":           "(unknown)",
		"meta-data/hostname":                    primary.LocalHostname,
		"meta-data/instance-action":             "none",
		"meta-data/instance-id":                 i.ID,
		"meta-data/instance-life-cycle":         "on-demand",
		"meta-data/instance-type":               i.Type,
		"meta-data/local-hostname":              primary.LocalHostname,
		"meta-data/local-ipv4":                  primary.Addresses[0].String(),
		"meta-data/mac":                         mac(primary.MAC),
		"meta-data/placement/availability-zone": i.Zone,
		"meta-data/placement/region":            i.Region,
		"meta-data/profile":                     "default-hvm",
		"meta-data/reservation-id":              i.ReservationID,
		"meta-data/security-groups":             strings.Join(primary.SecurityGroups, "\n"),
		"meta-data/services/domain":             "amazonaws.com",
		"meta-data/services/partition":          "aws",
		"dynamic/instance-identity/document":    document(i),
	}
	t.set("meta-data/public-ipv4", addresses(primary.PublicIPs[:1]))
	t.set("meta-data/public-hostname", primary.PublicHostname)
	t.set("meta-data/ipv6", addresses(primary.IPv6[:min(1, len(primary.IPv6))]))
	t.set("meta-data/tags/instance/Name", i.Name)
	for _, eni := range i.Interfaces {
		t.networkInterface(i, eni)
	}
	s.role(t, i, now)
	return t
}

// set says something unless there is nothing to say.
func (t tree) set(path, value string) {
	if value != "" {
		t[path] = value
	}
}

func (t tree) networkInterface(i *Instance, eni Interface) {
	at := "meta-data/network/interfaces/macs/" + mac(eni.MAC) + "/"
	for path, value := range map[string]string{
		"device-number":           strconv.Itoa(eni.Index),
		"interface-id":            eni.ID,
		"ipv6s":                   addresses(eni.IPv6),
		"local-hostname":          eni.LocalHostname,
		"local-ipv4s":             addresses(eni.Addresses),
		"mac":                     mac(eni.MAC),
		"owner-id":                i.Account,
		"public-hostname":         eni.PublicHostname,
		"public-ipv4s":            addresses(eni.PublicIPs),
		"security-group-ids":      strings.Join(eni.SecurityGroupIDs, "\n"),
		"security-groups":         strings.Join(eni.SecurityGroups, "\n"),
		"subnet-id":               eni.SubnetID,
		"subnet-ipv4-cidr-block":  eni.SubnetCIDR.String(),
		"subnet-ipv6-cidr-blocks": prefixes(eni.SubnetIPv6),
		"vpc-id":                  eni.VPCID,
		"vpc-ipv4-cidr-block":     eni.VPCCIDRs[0].String(),
		"vpc-ipv4-cidr-blocks":    prefixes(eni.VPCCIDRs...),
		"vpc-ipv6-cidr-blocks":    prefixes(eni.VPCIPv6),
	} {
		t.set(at+path, value)
	}
	for n, public := range eni.PublicIPs {
		if public.IsValid() {
			t[at+"ipv4-associations/"+public.String()] = eni.Addresses[n].String()
		}
	}
}

// identity is the instance identity document (Amazon EC2 User Guide, "Instance identity documents"). It is not signed here.
type identity struct {
	AccountID               string   `json:"accountId"`
	Architecture            string   `json:"architecture"`
	AvailabilityZone        string   `json:"availabilityZone"`
	BillingProducts         []string `json:"billingProducts"`
	DevpayProductCodes      []string `json:"devpayProductCodes"`
	MarketplaceProductCodes []string `json:"marketplaceProductCodes"`
	ImageID                 string   `json:"imageId"`
	InstanceID              string   `json:"instanceId"`
	InstanceType            string   `json:"instanceType"`
	KernelID                *string  `json:"kernelId"`
	PendingTime             string   `json:"pendingTime"`
	PrivateIP               string   `json:"privateIp"`
	RamdiskID               *string  `json:"ramdiskId"`
	Region                  string   `json:"region"`
	Version                 string   `json:"version"`
}

func document(i *Instance) string {
	return text(identity{
		AccountID: i.Account, Architecture: "x86_64", AvailabilityZone: i.Zone, ImageID: i.ImageID, InstanceID: i.ID, InstanceType: i.Type,
		PendingTime: stamp(i.Launched), PrivateIP: i.Interfaces[0].Addresses[0].String(), Region: i.Region, Version: "2017-09-30",
	})
}

func text(v any) string {
	out, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err) // structs of texts
	}
	return string(out)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

func mac(m [6]byte) string { return net.HardwareAddr(m[:]).String() }

func addresses(all []netip.Addr) string {
	var lines []string
	for _, a := range all {
		if a.IsValid() {
			lines = append(lines, a.String())
		}
	}
	return strings.Join(lines, "\n")
}

func prefixes(all ...netip.Prefix) string {
	var lines []string
	for _, p := range all {
		if p.IsValid() {
			lines = append(lines, p.String())
		}
	}
	return strings.Join(lines, "\n")
}

// get returns what stands at a path, which may be a folder, with or without a slash at its end: then it is what is in the folder,
// a line each, folders with a slash. It reports false if there is nothing.
func (t tree) get(path string) (string, bool) {
	if value, ok := t[path]; ok {
		return value, true
	}
	if path = strings.TrimSuffix(path, "/"); path != "" {
		path += "/"
	}
	var names []string
	for p := range t {
		if rest, ok := strings.CutPrefix(p, path); ok {
			name, _, folder := strings.Cut(rest, "/")
			if folder && path != "" { // the folders below the version have none
				name += "/"
			}
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), "\n"), len(names) > 0
}
