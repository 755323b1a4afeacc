package natdiff

// difference is what our NAT gateway and the kernel make of the packets of one name.
type difference struct{ name, ours, kernel string }

// Reasons that several differences share.
const (
	leak = "what the kernel's connection tracking calls invalid it forwards without translating, and so leaks a private address; " +
		"a NAT gateway sends from its own address alone"
	repairsNothing = leak + ". A router forwards a transport checksum as it is, right or wrong (RFC 1624), and so do we"
	rst            = leak + ". AWS answers a segment that it has no connection for with RST (aws-semantics 5.4)"
	protocols      = "a NAT gateway carries TCP, UDP and ICMP only (aws-semantics 5.1)"
	noFragments    = "a NAT gateway carries no fragments of TCP and ICMP (aws-semantics 5.2); the kernel reassembles all"
	asTheyCome     = "the kernel reassembles before it translates; we translate each fragment as it comes (RFC 4787 REQ-14), " +
		"and it is for the receiver to judge what they make"
	inward = "it runs out at the internet gateway, which tells nobody outside: traceroute from there never sees it (aws-semantics 8.4; undocumented, " +
		"and chosen so)"
	windows = "a NAT keeps no windows, which are for the ends to judge: RFC 5382 has it pass all that they may send"
	queries = "nobody asks that any more (RFC 6918); of the queries echo and timestamp are translated (RFC 5508 REQ-1, RFC 1122 3.2.2)"
	noHost  = "no packet on a wire may be from or to such an address (RFC 1122 3.2.1.3, RFC 1112 4); the kernel has opened part of it to hosts"
)

// differences are all there are, each with its reason.
var differences = map[difference]string{
	{"UDP with a wrong checksum", "outside: translated", "outside: untranslated"}:       repairsNothing,
	{"TCP SYN with a wrong checksum", "outside: translated", "outside: untranslated"}:   repairsNothing,
	{"ICMP echo with a wrong checksum", "outside: translated", "outside: untranslated"}: repairsNothing,
	{"UDP shorter than its datagram", "outside: translated", "outside: untranslated"}: leak +
		". UDP has a length of its own (RFC 768), over which the checksum is right; connection tracking takes that of the datagram",
	{"UDP longer than its datagram", "nothing", "outside: malformed, untranslated"}: leak + ". The header is impossible, and nobody forwards what a filter cannot judge",

	{
		"the option record route", "outside: translated, options=0707040000000000", "outside: translated, options=070708c633640400",
	}: "a router that is asked to writes its address into the option (RFC 1812 4.2.2.6); a VPC's has none on the path, and we leave options as they are",
	{"the option loose source route", "outside: translated", "nothing"}: "the kernel discards source-routed packets (accept_source_route); " +
		"to us, who never are the destination, it is an option like any other (undocumented, and chosen so)",

	{"an answer of TTL 0", "nothing", "outside: ICMP 11/0 of its own"}: inward,
	{"an answer of TTL 1", "nothing", "outside: ICMP 11/0 of its own"}: inward,
	{"an answer of TTL 2", "nothing", "inside: translated"}:            "an internet gateway and a NAT gateway are two hops on the way in (aws-semantics 8.4), the kernel is one",

	{"protocol 47", "nothing", "outside: translated"}:    protocols,
	{"protocol 50", "nothing", "outside: translated"}:    protocols,
	{"protocol 132", "nothing", "outside: untranslated"}: protocols + "; " + leak,

	{
		"fragments that overlap", "outside: translated piece 2000, outside: translated piece 204a, outside: translated piece 0096", "nothing",
	}: asTheyCome,
	{"the last fragment is missing", "outside: translated piece 2000, outside: translated piece 204b", "nothing"}: asTheyCome,
	{"fragments beyond 65,535 bytes", "outside: translated piece 2000", "nothing"}:                                asTheyCome + ". The one that reaches beyond is malformed",
	{"TCP in fragments", "nothing", "outside: translated"}:                                                        noFragments,
	{"a ping in fragments", "nothing", "outside: translated"}:                                                     noFragments,

	{"TCP ACK without a connection", "inside: RST", "outside: translated"}: "the kernel picks connections up half-way (nf_conntrack_tcp_loose); " +
		"AWS answers with RST (aws-semantics 5.4)",
	{"TCP RST without a connection", "nothing", "outside: untranslated"}: leak,
	{"TCP SYN and FIN", "inside: RST", "outside: untranslated"}:          rst,
	{"TCP without flags", "inside: RST", "outside: untranslated"}:        rst,
	{"TCP Xmas tree", "inside: RST", "outside: untranslated"}:            rst,

	{"a segment from inside far out of the window", "outside: translated", "outside: untranslated"}: leak + ". " + windows,
	{"a segment from outside far out of the window", "inside: translated", "nothing"}:               windows,
	{"a reset from outside that is not the next segment", "inside: translated", "nothing"}: "it does not end the session, and its receiver " +
		"challenges it (RFC 5961 3, RFC 7857 2.2)",

	{"to 0/8", "nothing", "outside: translated"}:                  noHost,
	{"from 0/8", "nothing", "outside: translated"}:                noHost,
	{"to class E", "nothing", "outside: translated"}:              noHost,
	{"from class E", "nothing", "outside: translated"}:            noHost,
	{"from an address outside", "nothing", "outside: translated"}: "a NAT gateway takes only sources in its VPC (aws-semantics 5.1, explanation-codes NGW_REQUIRES_SOURCE_IN_VPC)",
	{"LAND, outside", "nothing", "outside: translated"}:           "a NAT gateway takes only sources in its VPC (aws-semantics 5.1, explanation-codes NGW_REQUIRES_SOURCE_IN_VPC)",

	{"ICMP information", "nothing", "outside: translated"}:                                  queries,
	{"ICMP address mask", "nothing", "outside: translated"}:                                 queries,
	{"ICMP of an unknown type", "nothing", "outside: untranslated"}:                         leak,
	{"ICMP echo reply that nobody asked for", "nothing", "outside: untranslated"}:           leak,
	{"ICMP shorter than its header", "nothing", "outside: malformed, untranslated"}:         leak,
	{"ICMP source quench", "nothing", "inside: translated"}:                                 "translators need not carry it (RFC 5508 REQ-10), and nobody sends it any more (RFC 6633)",
	{"ICMP error whose quote has a wrong header checksum", "nothing", "inside: translated"}: "it should be dropped (RFC 5508 REQ-3a); the kernel does not look",
}
