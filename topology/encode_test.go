package topology_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/topology"
)

// full returns a Spec with every kind of value in it, texts that YAML must quote among them.
func full() *topology.Spec {
	no := false
	return &topology.Spec{
		Name: "1e3", Region: "us-east-1", Preset: "null",
		VPCs: map[string]topology.VPCSpec{
			"yes": {
				CIDR: "10.0.0.0/16", SecondaryCIDRs: []string{}, IPv6CIDR: "2001:db8::/56",
				SecurityGroups: map[string]topology.SecurityGroupSpec{
					"left out": {}, "none": {Ingress: []topology.RuleSpec{}, Egress: []topology.RuleSpec{}},
					"some": {Description: "d", Ingress: []topology.RuleSpec{{Protocol: "6", Ports: "443", ICMP: "3/4", Peer: "::/0"}}},
				},
				NetworkACLs: map[string]topology.NetworkACLSpec{"acl": {Egress: []topology.ACLEntrySpec{{Number: 1, Action: "deny", CIDR: "::/0"}}}},
				Subnets:     map[string]topology.SubnetSpec{"a": {}, "~": {CIDR: "x"}},
				NATGateways: map[string]topology.NATGatewaySpec{"n": {
					Private: true, SecondaryAddresses: []string{}, SecondaryPublicIPs: []string{"auto"}, IdleTimeout: 1500 * time.Millisecond,
				}},
				RouteTables: map[string]topology.RouteTableSpec{"t": {Main: true, Routes: []topology.RouteSpec{{Destination: "::/0"}, {}}}},
				Endpoints: map[string]topology.EndpointSpec{"e": {Policy: map[string]any{
					"Version": "2012-10-17", "n": []any{1, -1, 1.5, 1e21, 2.0, uint64(1 << 63), true, nil, "true", map[string]any{}}, "<<": "*",
				}}},
				Instances: map[string]topology.InstanceSpec{"i": {
					InterfaceSpec: topology.InterfaceSpec{
						Subnet: "a", SourceDestCheck: &no, IPv6Addresses: []string{"auto"}, SecurityGroups: []string{"some"},
						ConnectionTracking: topology.ConnectionTrackingSpec{Nitro: "v6", TCPEstablished: 432000 * time.Second, UDP: 1},
					},
					Interfaces: []topology.InterfaceSpec{{SecondaryAddresses: []string{"10.0.0.9"}}},
				}},
			},
			"empty": {},
		},
		Peerings: map[string]topology.PeeringSpec{"x": {}, "y": {Requester: "a"}},
		TransitGateways: map[string]topology.TransitGatewaySpec{"g": {
			Attachments: map[string]topology.TransitAttachmentSpec{"a": {VPC: "~", Subnets: []string{"0x1"}}},
			RouteTables: map[string]topology.TransitTableSpec{"r": {
				Associations: []string{"a"}, Propagations: []string{}, Routes: []topology.TransitRouteSpec{{}, {Destination: "::/0", Blackhole: true}},
			}},
		}},
		PrefixLists: map[string]topology.PrefixListSpec{"p": {Entries: []string{}, MaxEntries: 3}},
		S3: topology.S3Spec{Buckets: map[string]topology.BucketSpec{"b": {Objects: map[string]string{
			"": "", "size": "size:1MiB", "lines": "a\nb\n", "no end": "a\nb", "indented": "  a\n b\n", "many ends": "a\n\n\n",
			"tab": "\ta", "tab in lines": "a\n\tb\n", "bell": "\a", "nul": "\x00", "space": " ", "end space": "a ", "newline": "\n", "cr": "a\r\nb",
			"nel": "a\u0085b\u2028c", "bom": "\ufeff", "emoji": "😀", "quote": `"'`, "colon": "a: b # c", "dash": "- a", "doc": "---\n...\n", "percent": "%a\n",
		}}}},
	}
}

func TestYAMLReadsBackAsTheSameSpec(t *testing.T) {
	for name, spec := range map[string]*topology.Spec{"full": full(), "zero but for its name": {Name: "x"}} {
		text, err := spec.YAML()
		require.NoError(t, err)
		got, _, err := topology.Parse("f", text)
		require.NoError(t, err, "%s", text)
		if !reflect.DeepEqual(got, spec) {
			t.Errorf("%s: got %+v\nwant %+v\ntext:\n%s", name, got, spec, text)
		}
	}
}

func TestYAMLIsCanonical(t *testing.T) {
	text := `name: lab
region: us-east-1
vpcs:
  a:
    cidr: 10.0.0.0/16
    internet_gateway: igw
    subnets:
      s:
        cidr: 10.0.1.0/24
    security_groups:
      closed:
        egress: []
      open: {}
    instances:
      web:
        subnet: s
        secondary_addresses:
          - 10.0.1.9
        source_dest_check: true
        connection_tracking:
          tcp_established: 5m50s
  b: {}
s3:
  buckets:
    photos:
      objects:
        a.txt: |
          two
          lines
        b.bin: size:1MiB
`
	spec, _, err := topology.Parse("f", []byte(text))
	require.NoError(t, err)
	got, err := spec.YAML()
	require.NoError(t, err)
	if string(got) != text {
		t.Errorf("got\n%s\nwant\n%s", got, text)
	}
}

func TestCloneSharesNothing(t *testing.T) {
	spec := full()
	clone := spec.Clone()
	if !reflect.DeepEqual(clone, spec) {
		t.Fatalf("got %+v\nwant %+v", clone, spec)
	}
	v := clone.VPCs["yes"]
	v.Subnets["new"] = topology.SubnetSpec{}
	v.RouteTables["t"].Routes[0].Target = "changed"
	v.NATGateways["n"].SecondaryPublicIPs[0] = "changed"
	clone.Peerings["x"] = topology.PeeringSpec{Requester: "changed"}
	clone.TransitGateways["g"].RouteTables["r"].Routes[0].Blackhole = true
	clone.TransitGateways["g"].Attachments["a"].Subnets[0] = "changed"
	v.Endpoints["e"].Policy.(map[string]any)["n"].([]any)[0] = "changed"
	*v.Instances["i"].SourceDestCheck = true
	v.SecurityGroups["some"].Ingress[0].Peer = "changed"
	clone.S3.Buckets["b"].Objects["new"] = ""
	if !reflect.DeepEqual(spec, full()) {
		t.Errorf("a change of the clone changed the original: %+v", spec)
	}
}
