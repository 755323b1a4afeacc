package control

// minefield is a topology in which every packet can find its end: what provokes each reason for a drop is in reasons_rows_test.go.
const minefield = `
name: minefield
region: us-east-1
vpcs:
  main:
    cidr: 10.0.0.0/16
    ipv6_cidr: 2001:db8:1200::/56
    internet_gateway: igw
    egress_only_internet_gateway: eigw
    edge_route_table: edge
    outside_gateways: [vgw-00000000000000001]
    subnets:
      public: {cidr: 10.0.1.0/24, az: us-east-1a, route_table: public}
      private: {cidr: 10.0.2.0/24, ipv6_cidr: "2001:db8:1200:2::/64", az: us-east-1a, route_table: private}
      lonely: {cidr: 10.0.3.0/24, az: us-east-1a, route_table: none}
      detour: {cidr: 10.0.4.0/24, az: us-east-1a, route_table: detour}
      transit: {cidr: 10.0.5.0/24, az: us-east-1a, route_table: transit}
      behind: {cidr: 10.0.6.0/24, az: us-east-1a, route_table: public}
      walled: {cidr: 10.0.7.0/24, az: us-east-1a, route_table: public, network_acl: wall}
      far-zone: {cidr: 10.0.8.0/24, az: us-east-1b, route_table: public}
    nat_gateways: {nat: {subnet: public, address: 10.0.1.5, public_ip: 198.51.100.5}}
    endpoints: {s3: {service: s3, route_tables: [transit]}}
    route_tables:
      edge: {routes: [{destination: 10.0.6.0/24, target: firewall}]}
      public:
        main: true
        routes:
          - {destination: 0.0.0.0/0, target: igw}
          - {destination: 192.0.2.0/24, target: gone, state: blackhole}
          - {destination: 172.16.0.0/16, target: vgw-00000000000000001}
          - {destination: 10.2.0.0/15, target: pcx}
          - {destination: 10.1.0.0/16, target: tgw}
          - {destination: 10.5.0.0/16, target: tgw}
          - {destination: 10.6.0.0/16, target: tgw}
          - {destination: 10.7.0.0/16, target: tgw}
      private: {routes: [{destination: 0.0.0.0/0, target: nat}, {destination: "::/0", target: eigw}]}
      none: {}
      detour: {routes: [{destination: 0.0.0.0/0, target: web}]}
      transit: {}
    security_groups:
      open: {ingress: [{protocol: all, peer: 0.0.0.0/0}, {protocol: all, peer: "::/0"}]}
      https: {ingress: [{protocol: tcp, ports: 443, peer: 0.0.0.0/0}]}
      mute: {ingress: [{protocol: all, peer: 0.0.0.0/0}], egress: []}
    network_acls:
      wall: {egress: [{number: 100, action: allow, protocol: all, cidr: 0.0.0.0/0}]}
    instances:
      web: {subnet: public, address: 10.0.1.10, public_ip: 198.51.100.10, security_groups: [open]}
      plain: {subnet: public, address: 10.0.1.11, security_groups: [open]}
      guarded: {subnet: public, address: 10.0.1.12, public_ip: 198.51.100.12, security_groups: [https]}
      muted: {subnet: public, address: 10.0.1.13, security_groups: [mute]}
      off: {subnet: public, address: 10.0.1.14, security_groups: [open]}
      firewall: {subnet: public, address: 10.0.1.20, source_dest_check: false, security_groups: [open]}
      app: {subnet: private, address: 10.0.2.10, ipv6_addresses: ["2001:db8:1200:2::10"], security_groups: [open]}
      router: {subnet: private, address: 10.0.2.11, source_dest_check: false, security_groups: [open]}
      lone: {subnet: lonely, address: 10.0.3.10, security_groups: [open]}
      led: {subnet: detour, address: 10.0.4.10, security_groups: [open]}
      inner: {subnet: transit, address: 10.0.5.10, security_groups: [open]}
      hidden: {subnet: behind, address: 10.0.6.10, public_ip: 198.51.100.60, security_groups: [open]}
      prisoner: {subnet: walled, address: 10.0.7.10, security_groups: [open]}
      zoned: {subnet: far-zone, address: 10.0.8.10, security_groups: [open]}
    network_interfaces:
      nlb: {type: network_load_balancer, subnet: public, address: 10.0.1.30, security_groups: [open]}
  hub:
    cidr: 10.1.0.0/16
    subnets: {s: {cidr: 10.1.1.0/24, az: us-east-1a}}
    route_tables: {hub: {main: true, routes: [{destination: 0.0.0.0/0, target: tgw}]}}
    security_groups: {open: {ingress: [{protocol: all, peer: 0.0.0.0/0}]}}
    instances: {spoke: {subnet: s, address: 10.1.1.10, security_groups: [open]}}
  peer:
    cidr: 10.2.0.0/16
    subnets: {s: {cidr: 10.2.1.0/24}}
peerings: {pcx: {requester: main, accepter: peer}}
transit_gateways:
  tgw:
    attachments: {to-main: {vpc: main, subnets: [transit]}, to-hub: {vpc: hub, subnets: [s]}, to-loop: {peer: loop}}
    route_tables:
      of-main:
        associations: [to-main, to-loop]
        propagations: [to-hub]
        routes: [{destination: 10.6.0.0/16, blackhole: true}, {destination: 10.7.0.0/16, attachment: to-loop}]
      of-hub: {associations: [to-hub], routes: [{destination: 0.0.0.0/0, attachment: to-main}]}
  loop:
    attachments: {to-tgw: {peer: tgw}}
    route_tables: {back: {associations: [to-tgw], routes: [{destination: 10.7.0.0/16, attachment: to-tgw}]}}
internet:
  hosts:
    client: {address: 203.0.113.10, ipv6_address: "2001:db8:ffff::10"}
s3:
  buckets: {demo: {objects: {hello.txt: hello}}}
`
