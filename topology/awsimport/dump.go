package awsimport

import (
	"maps"
	"slices"
	"strings"

	"vpcsim/topology"
)

// Dump is what was read: the objects by id, each with every copy of it that there was.
type Dump struct {
	vpcs             table[Vpc]
	subnets          table[Subnet]
	routeTables      table[RouteTable]
	internetGateways table[InternetGateway]
	egressOnly       table[EgressOnlyInternetGateway]
	vpnGateways      table[VpnGateway]
	natGateways      table[NatGateway]
	endpoints        table[VpcEndpoint]
	prefixLists      table[PrefixList] // by region and id
	interfaces       table[NetworkInterface]
	instances        table[Instance]
	securityGroups   table[SecurityGroup]
	networkAcls      table[NetworkAcl]
	peerings         table[VpcPeeringConnection]
	addresses        table[Address] // by address
	transitGateways  table[TransitGateway]
	attachments      table[TransitGatewayAttachment] // by id; of peering attachments by id and transit gateway
	transitTables    table[TransitGatewayRouteTable]
	transitContents  table[TransitTableContents]
	bucketPolicies   []bucketPolicy
	files            []string          // that held lists
	seen             map[string]bool   // lists, by key
	ignoredFiles     map[string]int    // by why
	unknownLists     map[string]int    // elements of lists that mean nothing to packets, by key
	warnings         []Warning         // about the files themselves
	pages            map[string]*pages // by folder and list
}

// Place is where something was read.
type Place struct {
	File, Path      string // the file from the folder, and the JSON path in it
	Region, Account string // that its folders or the keys around it are named for; empty if none is
}

// String writes the place as messages do.
func (p Place) String() string {
	if p.Path == "" {
		return p.File
	}
	return p.File + ": " + p.Path
}

// call tells the places apart that different calls printed.
func (p Place) call() string {
	list, _, _ := strings.Cut(p.Path, "[")
	return strings.Join([]string{p.File, p.Account, p.Region, list}, " ")
}

// problem is an error about the place.
func (p Place) problem(path, text string) *topology.Error {
	at := p
	if path != "" {
		at.Path = strings.TrimPrefix(p.Path+"."+path, ".")
	}
	return &topology.Error{Path: at.String(), Problem: text}
}

// table is the objects of one kind.
type table[T any] struct {
	copies map[string][]copied[T]
	all    map[string]*record[T] // once settled
}

// copied is an object as one file has it.
type copied[T any] struct {
	value T
	place Place
	text  string // canonical JSON of the value, where there are several copies
}

// record is an object, its copies merged.
type record[T any] struct {
	value  T
	places []Place
}

// add takes a copy of an object.
func (t *table[T]) add(id string, value T, place Place) {
	if t.copies == nil {
		t.copies = map[string][]copied[T]{}
	}
	t.copies[id] = append(t.copies[id], copied[T]{value: value, place: place})
}

// get returns an object, or nil.
func (t *table[T]) get(id string) *T {
	if r := t.all[id]; r != nil {
		return &r.value
	}
	return nil
}

// place is where an object was read first, in the order of the files.
func (t *table[T]) place(id string) Place {
	if r := t.all[id]; r != nil {
		return r.places[0]
	}
	return Place{}
}

// ids are those of all objects, sorted.
func (t *table[T]) ids() []string { return slices.Sorted(maps.Keys(t.all)) }

// settle merges the copies of every object of the dump. The problems are objects that can't be one.
func (d *Dump) settle() (errs topology.Errors) {
	d.listsToRegions()
	errs = append(errs, settle(d, &d.vpcs)...)
	errs = append(errs, settle(d, &d.subnets)...)
	errs = append(errs, settle(d, &d.routeTables)...)
	errs = append(errs, settle(d, &d.internetGateways)...)
	errs = append(errs, settle(d, &d.egressOnly)...)
	errs = append(errs, settle(d, &d.vpnGateways)...)
	errs = append(errs, settle(d, &d.natGateways)...)
	errs = append(errs, settle(d, &d.endpoints)...)
	errs = append(errs, settle(d, &d.prefixLists)...)
	errs = append(errs, settle(d, &d.interfaces)...)
	errs = append(errs, settle(d, &d.instances)...)
	errs = append(errs, settle(d, &d.securityGroups)...)
	errs = append(errs, settle(d, &d.networkAcls)...)
	errs = append(errs, settle(d, &d.peerings)...)
	errs = append(errs, settle(d, &d.addresses)...)
	errs = append(errs, settle(d, &d.transitGateways)...)
	errs = append(errs, settle(d, &d.attachments)...)
	errs = append(errs, settle(d, &d.transitTables)...)
	return append(errs, settle(d, &d.transitContents)...)
}

// listsToRegions joins what was read of a prefix list in a place that says no region with the list of that id, if there is one only.
func (d *Dump) listsToRegions() {
	for key, copies := range d.prefixLists.copies {
		if !strings.HasPrefix(key, "/") {
			continue
		}
		var regions []string
		for other := range d.prefixLists.copies {
			if other != key && strings.HasSuffix(other, key) {
				regions = append(regions, other)
			}
		}
		if len(regions) == 1 {
			d.prefixLists.copies[regions[0]] = append(d.prefixLists.copies[regions[0]], copies...)
			delete(d.prefixLists.copies, key)
		}
	}
}

// nameTag returns the value of the Name tag.
func nameTag(tags []Tag) string {
	for _, t := range tags {
		if t.Key == "Name" {
			return t.Value
		}
	}
	return ""
}
