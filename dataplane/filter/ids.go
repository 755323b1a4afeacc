package filter

// IDs returns the IDs of the rules of both directions, by their numbers.
func (g *SecurityGroups) IDs() (ingress, egress []string) { return g.ingress.ids(), g.egress.ids() }

// IDs returns the IDs of the entries of both directions, by their numbers.
func (a *NetworkACL) IDs() (ingress, egress []string) { return a.ingress.ids(), a.egress.ids() }

func (l *list) ids() []string {
	all := make([]string, len(l.labels))
	for n, label := range l.labels {
		all[n] = label.id
	}
	return all
}
