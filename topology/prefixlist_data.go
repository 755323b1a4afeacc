package topology

// managedLists are the AWS-managed prefix lists of the four regions the S3 endpoint was launched in. The ids are those of
// public templates from 2016 to 2025 and of AWS's own examples; they are unique only inside a region.
//
//   - launch2015: us-east-1 as AWS's CLI example shows it; the other three inferred from the region's 54.231.x ranges in
//     ip-ranges.json of 2015-11-03 together with the 2018 capture. There was no DynamoDB endpoint then.
//   - capture2018: the output of describe-prefix-lists, captured between December 2017 and December 2018.
//   - current: the service's entries of ip-ranges.json as created 2026-08-22-15-17-05. They are a superset of the list
//     itself, which is not published (aws-semantics 2.3).
//
// All of it is aws-semantics 2.2. IPv6 entries are left out: nothing here forwards IPv6.
var managedLists = []managedList{
	{
		region: "us-east-1", service: "s3", id: "pl-63a5400a",
		entries: map[Preset][]string{
			Launch2015: {
				"54.231.0.0/17",
			},
			Capture2018: {
				"52.216.0.0/15", "54.231.0.0/17",
			},
			Current: {
				"1.178.4.0/24", "1.178.5.0/24", "1.178.6.0/24", "3.2.64.0/24", "3.2.65.0/24",
				"3.2.74.0/24", "3.5.0.0/19", "16.15.156.0/22", "16.15.160.0/22", "16.15.164.0/22",
				"16.15.168.0/22", "16.15.172.0/22", "16.15.176.0/20", "16.15.192.0/18", "16.182.0.0/16",
				"18.34.0.0/19", "18.34.232.0/21", "44.192.134.240/28", "44.192.140.64/28",
				"52.216.0.0/15", "54.231.0.0/16",
			},
		},
	},
	{
		region: "us-east-1", service: "dynamodb", id: "pl-02cd2c6b",
		entries: map[Preset][]string{
			Capture2018: {
				"52.94.0.0/22", "52.119.224.0/20",
			},
			Current: {
				"3.218.180.0/22", "35.71.68.0/22", "35.71.76.0/22", "52.94.0.0/22", "52.119.224.0/21",
				"52.119.232.0/21",
			},
		},
	},
	{
		region: "us-west-2", service: "s3", id: "pl-68a54001",
		entries: map[Preset][]string{
			Launch2015: {
				"54.231.160.0/19",
			},
			Capture2018: {
				"52.92.32.0/22", "52.218.128.0/17", "54.231.160.0/19",
			},
			Current: {
				"1.178.9.0/24", "1.178.65.0/24", "3.2.68.0/24", "3.5.76.0/22", "3.5.80.0/21",
				"16.12.88.0/21", "16.12.96.0/21", "16.12.104.0/21", "16.12.112.0/21", "16.15.32.0/20",
				"18.34.48.0/20", "18.34.244.0/22", "35.80.36.208/28", "35.80.36.224/28",
				"52.92.128.0/17", "52.218.128.0/17",
			},
		},
	},
	{
		region: "us-west-2", service: "dynamodb", id: "pl-00a54069",
		entries: map[Preset][]string{
			Capture2018: {
				"52.94.28.0/23",
			},
			Current: {
				"35.71.64.0/22", "52.94.10.0/24", "52.94.28.0/23", "52.119.252.0/22",
			},
		},
	},
	{
		region: "eu-west-1", service: "s3", id: "pl-6da54004",
		entries: map[Preset][]string{
			Launch2015: {
				"54.231.128.0/19",
			},
			Capture2018: {
				"52.218.0.0/17", "54.231.128.0/19",
			},
			Current: {
				"1.178.7.0/24", "3.2.79.0/24", "3.5.64.0/21", "3.5.72.0/23", "3.5.74.0/23",
				"3.5.94.0/23", "3.5.96.0/23", "3.5.98.0/23", "3.251.110.208/28", "3.251.110.224/28",
				"52.92.0.0/17", "52.218.0.0/17",
			},
		},
	},
	{
		region: "eu-west-1", service: "dynamodb", id: "pl-6fa54006",
		entries: map[Preset][]string{
			Capture2018: {
				"52.94.5.0/24", "52.94.24.0/23", "52.119.240.0/21",
			},
			Current: {
				"35.71.72.0/22", "52.94.5.0/24", "52.94.24.0/23", "52.94.26.0/23", "52.119.240.0/21",
			},
		},
	},
	{
		region: "ap-northeast-1", service: "s3", id: "pl-61a54008",
		entries: map[Preset][]string{
			Launch2015: {
				"54.231.224.0/21",
			},
			Capture2018: {
				"52.219.0.0/20", "52.219.16.0/22", "52.219.68.0/22", "54.231.224.0/21",
			},
			Current: {
				"1.178.64.0/24", "3.2.66.0/24", "3.5.152.0/21", "16.15.54.0/23", "16.15.56.0/23",
				"16.15.58.0/23", "35.72.164.240/28", "35.73.115.0/28", "52.219.0.0/20", "52.219.16.0/22",
				"52.219.20.0/24", "52.219.21.0/24", "52.219.68.0/22", "52.219.136.0/22",
				"52.219.150.0/23", "52.219.152.0/22", "52.219.162.0/23", "52.219.172.0/22",
				"52.219.195.0/24", "52.219.196.0/22", "52.219.200.0/24", "52.219.201.0/24",
			},
		},
	},
	{
		region: "ap-northeast-1", service: "dynamodb", id: "pl-78a54011",
		entries: map[Preset][]string{
			Capture2018: {
				"52.94.8.0/24",
			},
			Current: {
				"13.248.69.0/24", "13.248.70.0/24", "35.71.114.0/24", "52.94.8.0/24",
			},
		},
	},
}
