package filter

// IDs returns the IDs of the rules of both directions, by their numbers. They are not the caller's to change.
func (g *SecurityGroups) IDs() (ingress, egress []string) { return g.ingress.ids, g.egress.ids }

// IDs returns the IDs of the entries of both directions, by their numbers. They are not the caller's to change.
func (a *NetworkACL) IDs() (ingress, egress []string) { return a.ingress.ids, a.egress.ids }
