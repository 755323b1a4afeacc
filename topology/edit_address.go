package topology

import (
	"cmp"
	"net/netip"
)

// AssociateAddress gives the primary network interface of an instance a public address: a written one, auto, or none at
// all if it is empty.
func (s *Spec) AssociateAddress(vpc, instance, publicIP string) error {
	vpc, instance, err := s.find(instanceKind, vpc, instance)
	if err != nil {
		return err
	}
	s.holdAddresses()
	return s.editPrimary(vpc, instance, func(eni *InterfaceSpec) { eni.PublicIP = publicIP })
}

// holdAddresses writes down the IPv4 addresses that the simulator has chosen. It comes before an edit that takes or frees
// addresses: who is not part of the edit keeps its own, as in AWS. A Spec that does not resolve has none to keep.
func (s *Spec) holdAddresses() {
	n, err := Resolve(s, nil)
	if err != nil {
		return
	}
	for _, v := range n.VPCs {
		for _, i := range v.Instances {
			spec := s.VPCs[v.Name].Instances[i.Name]
			if len(spec.Interfaces) == 0 {
				holdInterface(&spec.InterfaceSpec, i.Interfaces[0])
			}
			for k := range spec.Interfaces {
				holdInterface(&spec.Interfaces[k], i.Interfaces[k])
			}
			s.VPCs[v.Name].Instances[i.Name] = spec
		}
		for _, eni := range v.NetworkInterfaces {
			spec := s.VPCs[v.Name].NetworkInterfaces[eni.Name]
			holdInterface(&spec.InterfaceSpec, eni)
			s.VPCs[v.Name].NetworkInterfaces[eni.Name] = spec
		}
		for _, g := range v.NATGateways {
			spec := s.VPCs[v.Name].NATGateways[g.Name]
			spec.Address, spec.SecondaryAddresses = firstAndRest(g.Addresses)
			if !g.Private {
				spec.PublicIP, spec.SecondaryPublicIPs = firstAndRest(g.PublicIPs)
			}
			s.VPCs[v.Name].NATGateways[g.Name] = spec
		}
	}
}

func holdInterface(spec *InterfaceSpec, eni *NetworkInterface) {
	if cmp.Or(spec.Address, "auto") == "auto" {
		spec.Address = eni.Addresses[0].String()
	}
	if spec.PublicIP == "auto" {
		spec.PublicIP = eni.PublicIP().String()
	}
	for i, text := range spec.SecondaryPublicIPs {
		if text == "auto" {
			spec.SecondaryPublicIPs[i] = eni.PublicIPs[1+i].String()
		}
	}
}

// firstAndRest writes addresses as a Spec has them: the primary one apart from the secondary ones, if there are any.
func firstAndRest(all []netip.Addr) (first string, rest []string) {
	for _, a := range all[1:] {
		rest = append(rest, a.String())
	}
	return all[0].String(), rest
}
