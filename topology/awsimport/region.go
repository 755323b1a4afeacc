package awsimport

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"vpcsim/topology"
)

// zoneRegion finds the region in the name of an Availability Zone or a Local Zone: us-east-1 of us-east-1a, us-west-2 of
// us-west-2-lax-1a.
var zoneRegion = regexp.MustCompile(`^[a-z]{2}(?:-[a-z]+)+?-[0-9]+`)

// regions finds the region of every VPC, by what its objects say: the zones of its subnets, the services of its endpoints, its
// peering connections; then by the folders of its files; then the one that is given, or the only one there is.
func (m *mapper) regions(given string) (errs topology.Errors) {
	for _, id := range m.dump.subnets.ids() {
		s := m.dump.subnets.get(id)
		m.says(s.VpcId, zoneRegion.FindString(s.AvailabilityZone))
		if arn := strings.Split(s.SubnetArn, ":"); len(arn) > 3 {
			m.says(s.VpcId, arn[3])
		}
	}
	for _, id := range m.dump.endpoints.ids() {
		e := m.dump.endpoints.get(id)
		if parts := strings.Split(e.ServiceName, "."); len(parts) > 3 && regionName.MatchString(parts[2]) {
			m.says(e.VpcId, parts[2])
		}
	}
	for _, id := range m.dump.peerings.ids() {
		p := m.dump.peerings.get(id)
		m.says(p.RequesterVpcInfo.VpcId, p.RequesterVpcInfo.Region)
		m.says(p.AccepterVpcInfo.VpcId, p.AccepterVpcInfo.Region)
	}
	known := map[string]bool{}
	for _, v := range m.vpcs {
		for _, p := range m.dump.vpcs.all[v.id].places {
			m.says(v.id, p.Region)
		}
		known[v.region] = true
	}
	delete(known, "")
	if only := slices.Collect(maps.Keys(known)); given == "" && len(only) == 1 {
		given = only[0]
	}
	for _, v := range m.vpcs {
		m.says(v.id, given)
		if v.region == "" {
			errs = append(errs, m.dump.vpcs.place(v.id).problem("", "nothing says in which region "+v.id+" is; give --region"))
		}
	}
	return errs
}

// says notes a region that something says of a VPC; what is said first counts.
func (m *mapper) says(vpc, region string) {
	if v := m.byID[vpc]; v != nil && v.region == "" {
		v.region = region
	}
}

// mainRegion is the region that most VPCs are in.
func (m *mapper) mainRegion() string {
	count := map[string]int{}
	for _, v := range m.vpcs {
		count[v.region]++
	}
	best := ""
	for _, region := range slices.Sorted(maps.Keys(count)) {
		if count[region] > count[best] {
			best = region
		}
	}
	return best
}

// zones are the names of Availability Zones by their ids, where those of several accounts disagree: the same zone is us-east-1a in
// one account and us-east-1c in the next. They are then called after the number in the id, use1-az3 being us-east-1c.
type zones map[string]string

var zoneNumber = regexp.MustCompile(`az([0-9]+)$`)

// zoneNames looks for accounts that disagree on the names of zones.
func zoneNames(subnets *table[Subnet]) zones {
	byName, byID := map[string]string{}, map[string]string{}
	torn := map[string]bool{} // regions
	for _, id := range subnets.ids() {
		s := subnets.get(id)
		if s.AvailabilityZone == "" || s.AvailabilityZoneId == "" {
			continue
		}
		name, zone := byID[s.AvailabilityZoneId], byName[s.AvailabilityZone]
		if name != "" && name != s.AvailabilityZone || zone != "" && zone != s.AvailabilityZoneId {
			torn[zoneRegion.FindString(s.AvailabilityZone)] = true
		}
		byID[s.AvailabilityZoneId], byName[s.AvailabilityZone] = s.AvailabilityZone, s.AvailabilityZoneId
	}
	renamed := zones{}
	for id, name := range byID {
		number := zoneNumber.FindStringSubmatch(id)
		if number == nil || !torn[zoneRegion.FindString(name)] {
			continue
		}
		if n, err := strconv.Atoi(number[1]); err == nil && n >= 1 && n <= 26 {
			renamed[id] = name[:len(name)-1] + string(rune('a'+n-1))
		}
	}
	return renamed
}

// of is the name of a subnet's zone; empty if it is the region's first, which needs no word.
func (z zones) of(s *Subnet, region string) string {
	name := s.AvailabilityZone
	if renamed := z[s.AvailabilityZoneId]; zoneRegion.FindString(renamed) == zoneRegion.FindString(name) && renamed != "" {
		name = renamed
	}
	if last := len(name) - 1; last < 0 || name == region+"a" || name[last] < 'a' || name[last] > 'z' { // of Wavelength Zones there is no word
		return ""
	}
	return name
}
