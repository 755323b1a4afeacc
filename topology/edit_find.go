package topology

import (
	"fmt"
	"slices"
	"strings"
)

// tableName returns the name of a table of the VPC that may have been given by its id; the text itself if there is none.
func (s *Spec) tableName(vpc, want string) string {
	if _, name, err := s.find(tableKind, vpc, want); err == nil {
		return name
	}
	return want
}

// find looks for a thing of a kind by name or id: in the VPC if one is named, else in all of them, where it must be the
// only one. It returns the names of the VPC and of the thing.
func (s *Spec) find(k kind, vpc, want string) (string, string, error) {
	places := sortedKeys(s.VPCs)
	if vpc != "" || len(places) == 1 {
		one, err := s.vpcOf(vpc)
		if err != nil {
			return "", "", err
		}
		places = []string{one}
	}
	var in, names, all []string
	for _, place := range places {
		v := s.VPCs[place]
		there := k.names(v)
		all = append(all, there...)
		i := slices.Index(there, want)
		if i < 0 {
			i = slices.IndexFunc(there, func(name string) bool { return k.identity(place, v, name).id() == want })
		}
		if i >= 0 {
			in, names = append(in, place), append(names, there[i])
		}
	}
	switch {
	case len(in) == 1:
		return in[0], names[0], nil
	case len(in) > 1:
		return "", "", fmt.Errorf("which VPC's %s %s? %s have one", k.noun, shown(want), strings.Join(in, ", "))
	case len(places) == 1:
		return "", "", fmt.Errorf("%s", noSuch(k.noun, want, join("vpcs", places[0]), all))
	}
	return "", "", fmt.Errorf("%s", noSuch(k.noun, want, "any VPC", all))
}

// vpcOf returns the name of a VPC, or of the only one for the empty name.
func (s *Spec) vpcOf(vpc string) (string, error) {
	names := sortedKeys(s.VPCs)
	for _, name := range names {
		if vpc == "" && len(names) == 1 || vpcIdentity(name, s.VPCs[name]).is(vpc) {
			return name, nil
		}
	}
	if vpc == "" {
		return "", fmt.Errorf("which VPC? there are %s", strings.Join(names, ", "))
	}
	return "", fmt.Errorf("%s", noSuch("VPC", vpc, "the topology", names))
}

func vpcIdentity(name string, v VPCSpec) identity {
	return identity{"vpc", name, v.ID, idPath("vpcs", name)}
}

func peeringIdentity(name string, p PeeringSpec) identity {
	return identity{"pcx", name, p.ID, idPath("peerings", name)}
}

// prefixListIdentity is that of a customer's list.
func prefixListIdentity(name string, l PrefixListSpec) identity {
	return identity{"pl", name, l.ID, idPath("prefix_lists", name)}
}
