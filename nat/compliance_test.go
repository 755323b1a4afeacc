package nat

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write docs/nat-compliance.md")

// status says how a gateway stands to a requirement.
type status string

const (
	meets   status = "tested"
	differs status = "deviates" // as AWS does, which the test asserts
	partly  status = "partly"   // what is missing the statement says
	absent  status = "not done"
	none    status = "n/a"
)

// requirement is one line of docs/nat-compliance.md.
type requirement struct {
	ID        string
	Statement string
	IGW, NGW  status
	Tests     []string
	Source    string
}

const againstGold = "TestAgainstGold"

var compliance = []requirement{
	{"INV-1", "nothing leaves with a source that is not the gateway's own or public", meets, meets, []string{"TestAWS_INV1_OddPacketsAreTranslatedToo", againstGold}, "aws-semantics 4"},
	{"INV-2", "nothing comes in for a destination that is not an inside host's private address", meets, meets, []string{"TestCross", "TestAWS_IGW1_AddressesAreMappedOneToOneWithoutState", againstGold}, "aws-semantics 4"},
	{"INV-3", "checksums are as right, as wrong or as absent as they were", meets, meets, []string{"TestAWS_INV1_OddPacketsAreTranslatedToo", againstGold}, "RFC 1624, RFC 768"},
	{"INV-4", "translated there and back a packet is as it was; payloads never change", meets, meets, []string{"TestThereAndBack", "TestRFC5508_REQ4_ErrorsFromOutside", againstGold}, "RFC 4787"},
	{"INV-5", "no two live sessions have the same protocol, outside socket and remote socket", none, meets, []string{"TestRFC4787_REQ3_NeverTwoSessionsOnOneTuple", againstGold}, "RFC 4787 REQ-3"},
	{"INV-6", "packets in are packets out and packets dropped", none, meets, []string{"TestAWS_NGW7_MetricsAreWhatPassed", againstGold}, "aws-semantics 5.5"},
	{"INV-7", "sessions and memory are bounded", none, meets, []string{"TestRFC6888_REQ4_TheNumberOfSessionsIsBounded", "TestRFC4787_REQ14a_HeldMemoryIsBounded"}, "RFC 6888 REQ-4"},
	{"INV-8", "time to live: one less where there is a hop; DF, DSCP, ECN and identification stay", meets, meets, []string{"TestTTLExpires", "TestAWS_TTL_TheGatewayIsAHop", againstGold}, "aws-semantics 8.4"},

	{"RFC 4787 REQ-1", "an inside socket has one outside socket whatever the remote; AWS's NAT gateway has one for each remote, the option EIM one for all", meets, differs, []string{"TestAWS_IGW1_AddressesAreMappedOneToOneWithoutState", "TestRFC4787_REQ1_MappingDependsOnTheRemoteAsAtAWS", "TestRFC4787_REQ1_EndpointIndependentMappingIsAnOption"}, "aws-semantics 5.3; RFC 7857 3"},
	{"RFC 4787 REQ-2", "an inside address keeps one outside address for TCP, UDP and ICMP while that has ports", none, meets, []string{"TestRFC4787_REQ2_AHostKeepsOneAddressForAllProtocols"}, "RFC 4787"},
	{"RFC 4787 REQ-3", "no overloading of a 5-tuple; without a free port: dropped, counted, nothing stolen", none, meets, []string{"TestRFC4787_REQ3_NeverTwoSessionsOnOneTuple", "TestAWS_NGW2_55000SessionsPerAddressAndDestination"}, "aws-semantics 5.5"},
	{"RFC 4787 REQ-3a", "well-known source ports stay well known; AWS's NAT gateway maps all to 1024-65535", meets, differs, []string{"TestAWS_IGW1_AddressesAreMappedOneToOneWithoutState", "TestRFC4787_REQ3a_PortsAreNeverWellKnown"}, "aws-semantics 5.1"},
	{"RFC 4787 REQ-4", "ports are preserved by the internet gateway; the NAT gateway draws them at random (RFC 6056)", meets, differs, []string{"TestAWS_IGW1_AddressesAreMappedOneToOneWithoutState", "TestRFC4787_REQ4_PortsAreUnpredictable"}, "aws-semantics 5.3; RFC 7857 8"},
	{"RFC 4787 REQ-5", "a UDP session lives 350 s without traffic; configurable", none, meets, []string{"TestRFC4787_REQ5_UDPLives350Seconds", "TestRFC4787_REQ5_IdleTimeIsConfigurable"}, "aws-semantics 5.4"},
	{"RFC 4787 REQ-6", "traffic of both directions refreshes, ICMP errors and resets do not", none, meets, []string{"TestRFC4787_REQ6_TrafficOfBothDirectionsRefreshes", "TestRFC7857_7_1_ResetsAndErrorsDoNotRefresh"}, "RFC 7857 7.1"},
	{"RFC 4787 REQ-7", "two VPCs may have the same addresses", meets, meets, []string{"TestRFC4787_REQ7_TwoVPCsMayHaveTheSameAddresses"}, "RFC 4787"},
	{"RFC 4787 REQ-8", "filtering: none by the internet gateway, by address and port by the NAT gateway", meets, meets, []string{"TestAWS_IGW1_AddressesAreMappedOneToOneWithoutState", "TestRFC4787_REQ8_FilteringDependsOnAddressAndPort"}, "aws-semantics 5.1"},
	{"RFC 4787 REQ-9", "hairpin: through the internet gateway from the public address; dropped by the NAT gateway", meets, differs, []string{"TestRFC4787_REQ9_IGWHairpinComesFromThePublicAddress", "TestRFC4787_REQ9_HairpinIsDroppedAndCounted"}, "aws-semantics 4, 5.3"},
	{"RFC 4787 REQ-10", "no application-level gateways", meets, meets, []string{"TestRFC4787_REQ10_IGWPayloadsAreLeftAlone", "TestRFC4787_REQ10_PayloadsAreLeftAlone"}, "RFC 4787"},
	{"RFC 4787 REQ-11", "the same behaviour at any load", meets, meets, []string{"TestRFC4787_REQ11_BehaviourDoesNotChangeWithLoad", "TestThereAndBack"}, "RFC 4787"},
	{"RFC 4787 REQ-12", "ICMP ends no mapping and may come from anybody on the way", none, meets, []string{"TestRFC4787_REQ12_ICMPEndsNoMapping"}, "RFC 4787"},
	{"RFC 4787 REQ-13", "too big with DF: ICMP 3/4, which a NAT gateway translates; without: fragments", meets, meets, []string{"dataplane.TestRFC4787_REQ13_TooBigIsAnswered", "dataplane.TestRFC4787_REQ13_FragmentedWithoutDF", "TestRFC4787_REQ12_ICMPEndsNoMapping"}, "aws-semantics 4, 5.2"},
	{"RFC 4787 REQ-14", "fragments in and out of order; a NAT gateway carries those of UDP only", meets, meets, []string{"TestRFC4787_REQ14_IGWFragmentsPass", "TestRFC4787_REQ14_FragmentsInOrder", "TestRFC4787_REQ14_FragmentsInReverse", "TestRFC4787_REQ14_DuplicatesAndOverlapsAreTheReceiversBusiness", "TestRFC4787_REQ14_WithoutTheFirstAllAreDroppedAfter30Seconds", "TestRFC4787_REQ14_AFirstFragmentNobodyWaitsForIsDropped"}, "aws-semantics 5.2"},
	{"RFC 4787 REQ-14a", "a flood of fragments is bounded and hurts no whole packet", none, meets, []string{"TestRFC4787_REQ14a_AFloodOfFragmentsIsBoundedAndHurtsNobodyElse", "TestRFC4787_REQ14a_HeldMemoryIsBounded"}, "RFC 4787"},

	{"RFC 5382 REQ-1", "mapping as RFC 4787 REQ-1", meets, differs, []string{"TestAWS_IGW1_AddressesAreMappedOneToOneWithoutState", "TestRFC5382_REQ1_TheMappingOfTCPIsThatOfUDP"}, "aws-semantics 5.3"},
	{"RFC 5382 REQ-2", "every legal sequence of segments passes", meets, meets, []string{"TestRFC5382_REQ2_IGWEverySegmentPasses", "TestRFC5382_REQ2_ThreeWayHandshakeAndClose", "TestRFC5382_REQ2_TheOutsideMayCloseFirst", "TestRFC5382_REQ2_SimultaneousOpen", "TestRFC5382_REQ2_SimultaneousClose", "TestRFC5382_REQ2_SYNIsSentAgainWithOtherOptionsAndData", "TestRFC5382_REQ2_PortsAreUsedAgainAfterResetOrClose"}, "RFC 5382"},
	{"RFC 5382 REQ-3", "filtering as RFC 4787 REQ-8", meets, meets, []string{"TestAWS_IGW1_AddressesAreMappedOneToOneWithoutState", "TestRFC5382_REQ3_FilteringDependsOnAddressAndPort"}, "aws-semantics 5.1"},
	{"RFC 5382 REQ-4", "an unsolicited SYN: to the security group by the internet gateway, dropped in silence by the NAT gateway", meets, differs, []string{"TestAWS_IGW1_AddressesAreMappedOneToOneWithoutState", "TestRFC5382_REQ4_UnsolicitedSYNIsDroppedInSilence"}, "aws-semantics 5.1"},
	{"RFC 5382 REQ-5", "an established connection lives 350 s without traffic, not 2 h 4 min", none, differs, []string{"TestRFC5382_REQ5_EstablishedLives350Seconds"}, "aws-semantics 5.4"},
	{"RFC 7857 2.1", "half-open and closing have their own time, 60 s; configurable", none, meets, []string{"TestRFC7857_2_1_HalfOpenAndClosingHaveTheirOwnTime", "TestRFC7857_2_1_HalfClosedLivesAsEstablished"}, "aws-semantics 5.4"},
	{"RFC 7857 2.2", "a reset is translated and the session lingers unless more packets come; only one at the exact sequence number counts", none, meets, []string{"TestRFC7857_2_2_ResetIsTranslatedAndTheSessionLingers", "TestRFC7857_2_2_MorePacketsAfterAResetKeepTheSession", "TestRFC7857_2_2_OnlyAResetAtTheExactSequenceNumberCloses", "TestRFC7857_2_2_ARefusedAttemptEnds"}, "RFC 7857, RFC 5961"},
	{"RFC 7857 3", "ports are shared by destinations", none, meets, []string{"TestRFC7857_3_PortsAreSharedByDestinations"}, "aws-semantics 5.1"},
	{"RFC 5382 REQ-6", "no application-level gateways", meets, meets, []string{"TestRFC4787_REQ10_IGWPayloadsAreLeftAlone", "TestRFC5382_REQ6_PayloadsAreLeftAlone"}, "RFC 5382"},
	{"RFC 5382 REQ-7", "no overloading of a 5-tuple", none, meets, []string{"TestRFC5382_REQ7_NoOverloadingOfATuple"}, "RFC 5382"},
	{"RFC 5382 REQ-8", "hairpin as RFC 4787 REQ-9", meets, differs, []string{"TestRFC4787_REQ9_IGWHairpinComesFromThePublicAddress", "TestRFC5382_REQ8_HairpinIsDropped"}, "aws-semantics 5.3"},
	{"RFC 5382 REQ-9", "ICMP type 3 is translated", meets, meets, []string{"TestICMPErrors", "TestRFC5382_REQ9_DestinationUnreachableIsTranslated"}, "RFC 5382"},
	{"RFC 5382 REQ-10", "ICMP ends no session", none, meets, []string{"TestRFC5382_REQ10_ICMPEndsNoSession"}, "RFC 5382"},

	{"RFC 5508 REQ-1", "echo: the identifier stays through the internet gateway and is translated like a port by the NAT gateway", meets, meets, []string{"TestRFC5508_REQ1_IGWKeepsTheIdentifier", "TestRFC5508_REQ1_IdentifiersAreTranslatedLikePorts"}, "RFC 5508"},
	{"RFC 5508 REQ-2", "a query lives 60 s at least: 350 s; configurable", none, meets, []string{"TestRFC5508_REQ2_QueriesLive350Seconds"}, "aws-semantics 5.4"},
	{"RFC 5508 REQ-3", "an error with a wrong ICMP checksum is dropped", meets, meets, []string{"TestRFC5508_REQ3_IGWErrorsMustBeIntact", "TestRFC5508_REQ3_WrongICMPChecksumIsDropped"}, "RFC 5508"},
	{"RFC 5508 REQ-3a", "and with a wrong checksum of the quoted IP header", meets, meets, []string{"TestRFC5508_REQ3_IGWErrorsMustBeIntact", "TestRFC5508_REQ3a_WrongChecksumOfTheQuotedHeaderIsDropped"}, "RFC 5508"},
	{"RFC 5508 REQ-3b", "options of the quoted IP header are skipped", meets, meets, []string{"TestRFC5508_REQ3_IGWErrorsMustBeIntact", "TestRFC5508_REQ3b_OptionsOfTheQuotedHeaderAreSkipped"}, "RFC 5508"},
	{"RFC 5508 REQ-3c", "the quoted transport checksum is not validated", meets, meets, []string{"TestRFC5508_REQ3_IGWErrorsMustBeIntact", "TestRFC5508_REQ3c_TheQuotedTransportChecksumIsNotValidated"}, "RFC 5508"},
	{"RFC 5508 REQ-3d", "extensions (RFC 4884) are left intact", meets, meets, []string{"TestRFC5508_REQ3d_IGWExtensionsAreLeftIntact", "TestRFC5508_REQ3d_ExtensionsAreLeftIntact"}, "RFC 5508, RFC 4884"},
	{"RFC 5508 REQ-4", "an error from outside quotes what the inside host sent; one about no session is dropped", meets, meets, []string{"TestICMPErrors", "TestRFC5508_REQ4_ErrorsFromOutside", "TestRFC5508_REQ4_ErrorsAboutNothingKnownAreDropped"}, "RFC 5508"},
	{"RFC 5508 REQ-5", "an error from inside is the mirror image, and comes from the gateway's address", meets, meets, []string{"TestICMPErrors", "TestRFC5508_REQ5_ErrorsFromInside"}, "RFC 5508"},
	{"RFC 5508 REQ-6", "an error neither refreshes nor ends a session", none, meets, []string{"TestRFC5508_REQ6_ErrorsDoNotRefreshOrDelete"}, "RFC 5508"},
	{"RFC 5508 REQ-7", "hairpinned errors", meets, differs, []string{"TestRFC5508_REQ7_IGWHairpinnedErrorsQuoteWhatWasSent", "TestRFC5508_REQ7_HairpinnedErrorsAreDropped"}, "aws-semantics 5.3"},
	{"RFC 5508 REQ-8", "without a free port: silence and a count, no ICMP 3/13", none, differs, []string{"TestRFC5508_REQ8_WithoutPortsQueriesAreDroppedInSilence"}, "aws-semantics 5.5"},
	{"RFC 5508 REQ-10", "types 3, 11, 12 and queries pass, 4, 5, 9, 10 do not; timestamps keep their identifier also through a NAT gateway", meets, meets, []string{"TestRFC5508_REQ3_IGWErrorsMustBeIntact", "TestRFC5508_REQ10_OtherTypesAreNotForwarded", "TestRFC5508_REQ10_TimestampsPassWithTheirIdentifier"}, "RFC 5508"},

	{"RFC 6888 REQ-4", "a limit of sessions: for the gateway; none for each inside host", none, partly, []string{"TestRFC6888_REQ4_TheNumberOfSessionsIsBounded"}, "RFC 6888"},
	{"RFC 6888 REQ-8", "a port does not meet the same remote again for 120 s unless TCP closed the session; for up to a quarter of the capacity, and never at the cost of a new session", none, meets, []string{"TestRFC6888_REQ8_APortRestsBeforeItMeetsTheSameRemote", "TestRFC6888_REQ8_RestNeverCostsASession"}, "RFC 6888"},
	{"RFC 6056", "ports cannot be foreseen", none, meets, []string{"TestRFC4787_REQ4_PortsAreUnpredictable"}, "RFC 6056"},
	{"RFC 6864", "the IP identification is unique after translation: it is left as it is", none, absent, nil, "RFC 6864"},

	{"AWS-1", "after 350 s the inside is answered with a reset at its own acknowledgement, the outside with silence", none, meets, []string{"TestAWS_AWS1_AfterIdleTheInsideIsAnsweredWithReset"}, "aws-semantics 5.4"},
	{"AWS-2", "IdleTimeoutCount counts that", none, meets, []string{"TestAWS_AWS2_IdleTimeoutsAreCounted", againstGold}, "aws-semantics 5.4"},
	{"AWS-3", "a segment in mid-stream is treated alike", none, meets, []string{"TestAWS_AWS3_MidstreamSegmentsAreAnsweredWithReset"}, "aws-semantics 5.4"},
	{"NGW-1", "TCP, UDP and ICMP, from the VPC's own addresses", none, meets, []string{"TestAWS_NGW1_OnlyTCPUDPAndICMP", "TestAWS_NGW1_OnlySourcesOfTheVPC"}, "aws-semantics 5.1"},
	{"NGW-2", "55,000 sessions to a destination with each address", none, meets, []string{"TestAWS_NGW2_55000SessionsPerAddressAndDestination"}, "aws-semantics 5.1"},
	{"NGW-3", "350 s, then a reset to the inside", none, meets, []string{"TestAWS_NGW3_IdleThenReset"}, "aws-semantics 5.4"},
	{"NGW-4", "fragments of UDP only", none, meets, []string{"TestAWS_NGW4_FragmentsOfTCPAndICMPAreDropped", "TestRFC4787_REQ14_FragmentsInOrder"}, "aws-semantics 5.2"},
	{"NGW-5", "no security group; its subnet's network ACL applies in both directions", none, meets, []string{"dataplane.TestAWS_NGW5_TheSubnetsACLApplies"}, "aws-semantics 5.1"},
	{"NGW-6", "the internet gateway does not accept a private NAT gateway", meets, none, []string{"TestAWS_NGW6_APrivateNATGatewayDoesNotPassTheInternetGateway"}, "aws-semantics 4"},
	{"NGW-7", "metrics by CloudWatch's names", none, meets, []string{"TestAWS_NGW7_MetricsAreWhatPassed"}, "aws-semantics 5.5"},
	{"IGW-1", "one-to-one, without state", meets, none, []string{"TestAWS_IGW1_AddressesAreMappedOneToOneWithoutState"}, "aws-semantics 4"},
	{"IGW-2", "without public address nothing passes", meets, none, []string{"TestAWS_IGW2_WithoutPublicAddressNothingPasses"}, "aws-semantics 4"},
	{"SG-1", "tracked connections outlive their rule and end by their time-outs; untracked ones do not outlive it", meets, meets, []string{"dataplane.TestRuleRemoval", "dataplane.TestIdleConnectionsNeedARuleAgain", "dataplane.TestTrackedBecauseOfNAT", "dataplane/conntrack.TestIdleFlowsAreForgotten"}, "aws-semantics 6.3, 6.4"},
	{"IPv6", "the internet gateway does not translate IPv6", meets, none, []string{"TestAWS_IGW_IPv6PassesUntranslated"}, "aws-semantics 4"},
}

// tests returns the names of this package's tests.
func tests(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	files, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	for _, f := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), f, nil, 0)
		require.NoError(t, err)
		for _, d := range parsed.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
				names[fn.Name.Name] = true
			}
		}
	}
	return names
}

// TestCompliance: docs/nat-compliance.md is the table above, whose tests are there; and each test that is named after a requirement is in it.
func TestCompliance(t *testing.T) {
	names, named := tests(t), map[string]bool{}
	for _, r := range compliance {
		if len(r.Tests) == 0 && (r.IGW != none || r.NGW != none) && r.NGW != absent {
			t.Errorf("%s: no test proves it", r.ID)
		}
		for _, name := range r.Tests {
			named[name] = true
			if !names[name] && !strings.Contains(name, ".") { // another package's: whoever checks the document checks those
				t.Errorf("%s: %s is not there", r.ID, name)
			}
		}
	}
	for name := range names {
		if (strings.HasPrefix(name, "TestRFC") || strings.HasPrefix(name, "TestAWS")) && !named[name] {
			t.Errorf("%s proves no line of the table", name)
		}
	}
	const path = "../docs/nat-compliance.md"
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(document()), 0o644))
	}
	written, err := os.ReadFile(path)
	require.NoError(t, err)
	if string(written) != document() {
		t.Errorf("%s is not what the table says: go test ./nat -run TestCompliance -update", path)
	}
}

func document() string {
	var b strings.Builder
	b.WriteString(`# NAT: what is required and what is tested

How the internet gateway (IGW) and the NAT gateway (NGW) stand to the RFCs on NAT and to what AWS documents. "Deviates" means: as
AWS does, not as the RFC asks, and the test asserts that. Written by ` + "`go test ./nat -run TestCompliance -update`" + ` from the table in
nat/compliance_test.go.

| requirement | statement | IGW | NGW | source | tests |
| --- | --- | --- | --- | --- | --- |
`)
	for _, r := range compliance {
		var names []string
		for _, name := range r.Tests {
			if !strings.Contains(name, ".") {
				name = "nat." + name
			}
			names = append(names, "`"+name+"`")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", r.ID, r.Statement, r.IGW, r.NGW, r.Source, strings.Join(names, ", "))
	}
	return b.String()
}
