package routing_test

import (
	"fmt"
	"net/netip"

	"vpcsim/routing"
)

// s3 is a VPC's route table with a gateway endpoint.
func s3() *routing.Table[string] {
	var b routing.Builder[string]
	b.Add(netip.MustParsePrefix("10.0.0.0/16"), routing.Local, "local")
	b.Add(netip.MustParsePrefix("0.0.0.0/0"), routing.Static, "igw")
	b.Add(netip.MustParsePrefix("52.216.0.0/15"), routing.PrefixList, "vpce")
	b.Add(netip.MustParsePrefix("52.216.0.0/15"), routing.Propagated, "vgw")
	b.Add(netip.MustParsePrefix("::/0"), routing.Static, "eigw")
	table, err := b.Build()
	if err != nil {
		panic(err)
	}
	return table
}

func ExampleTable_Lookup() {
	table := s3()
	for _, a := range []string{"10.0.1.10", "52.216.9.9", "8.8.8.8", "2001:db8::1", "::ffff:10.0.1.10"} {
		target, ok := table.Lookup(netip.MustParseAddr(a))
		fmt.Println(a, target, ok)
	}
	// Output:
	// 10.0.1.10 local true
	// 52.216.9.9 vpce true
	// 8.8.8.8 igw true
	// 2001:db8::1 eigw true
	// ::ffff:10.0.1.10 eigw true
}

func ExampleTable_LookupBatch4() {
	table := s3()
	addrs := []uint32{10<<24 | 1<<8 | 10, 52<<24 | 216<<16, 8<<24 | 8}
	answers := make([]routing.Answer, len(addrs))
	table.LookupBatch4(addrs, answers)
	for _, x := range answers {
		fmt.Println(table.Value(x))
	}
	// Output:
	// local true
	// vpce true
	// igw true
}

func ExampleTable_Match() {
	route, ok := s3().Match(netip.MustParseAddr("52.217.0.1"))
	fmt.Println(route.Prefix, route.Origin, route.Value, ok)
	// Output: 52.216.0.0/15 prefix-list vpce true
}

func ExampleTable_Explain() {
	for _, c := range s3().Explain(netip.MustParseAddr("52.217.0.1")) {
		fmt.Println(c.Prefix, c.Value+":", c.Loss)
	}
	// Output:
	// 52.216.0.0/15 vpce: longest prefix
	// 52.216.0.0/15 vgw: same prefix, origin of lower priority
	// 0.0.0.0/0 igw: less specific
}

func ExampleTable_All() {
	for prefix, target := range s3().All() {
		fmt.Println(prefix, target)
	}
	// Output:
	// 0.0.0.0/0 igw
	// 10.0.0.0/16 local
	// 52.216.0.0/15 vpce
	// ::/0 eigw
}

func ExampleLive_Update() {
	to := func(prefix, target string) routing.Entry[string] {
		return routing.Entry[string]{Prefix: netip.MustParsePrefix(prefix), Origin: routing.Static, Value: target}
	}
	live, err := routing.NewLive([]routing.Entry[string]{to("0.0.0.0/0", "igw"), to("10.1.0.0/16", "tgw")})
	if err != nil {
		panic(err)
	}
	err = live.Update([]routing.Entry[string]{to("10.2.0.0/16", "pcx")}, []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")})
	if err != nil {
		panic(err)
	}
	for _, a := range []string{"10.1.0.1", "10.2.0.1"} {
		target, _ := live.Lookup(netip.MustParseAddr(a))
		fmt.Println(a, target)
	}
	// Output:
	// 10.1.0.1 igw
	// 10.2.0.1 pcx
}
