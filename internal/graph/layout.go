package graph

import (
	"fmt"
	"strings"
)

// picture is a graph laid out.
type picture struct {
	width, height int
	frames        []*box // VPCs and subnets, the outer ones first
	boxes         []*box
	at            map[string]*box // by node
}

// mostMembers is how many instances of a subnet are drawn one by one; those on the path always are.
const mostMembers = 12

func newPicture(g *Graph) *picture {
	p := &picture{at: map[string]*box{}}
	top := margin + 30
	if g.Path != nil {
		top += len(g.Path.Caption) * line
	}
	y, vpcWidth := top, 2*padding+wide+column+wide+column+narrow
	for _, v := range g.VPCs {
		y = p.vpc(v, margin, y, vpcWidth) + gap
	}
	p.height = y
	x := margin + vpcWidth + column
	if len(g.Between) > 0 {
		p.stack(g.Between, x, top+head, narrow)
		x += narrow + column
	}
	p.stack(g.Outside, x, top+head, narrow)
	p.width = x + narrow + margin
	for _, f := range p.boxes {
		p.height = max(p.height, f.y+f.h+margin)
	}
	return p
}

// vpc lays out a VPC and returns where it ends.
func (p *picture) vpc(v *VPC, x, y, width int) (end int) {
	frame := &box{Node: &Node{ID: v.ID}, class: "vpc", x: x, y: y, w: width, title: v.Title() + "  " + v.Detail}
	p.frames = append(p.frames, frame)
	end = y + head
	left := x + padding
	for _, s := range v.Subnets {
		end = p.subnet(s, left, end) + gap
	}
	tables := p.stack(v.Tables, left+wide+column, y+head, wide)
	right := left + 2*(wide+column)
	local := p.place(v.Node, right, y+head, narrow) + gap
	gateways := p.stack(v.Gateways, right, local, narrow)
	end = max(end, tables, gateways)
	frame.h = end - y
	return end
}

func (p *picture) subnet(s *Subnet, x, y int) (end int) {
	frame := &box{Node: s.Node, class: "subnet", x: x, y: y, w: wide, title: s.Title(), texts: []text{{"detail", s.Detail}}}
	p.frames = append(p.frames, frame)
	p.at[s.ID] = frame
	end = y + head + padding
	for _, t := range reason(s.Blocked) {
		frame.texts = append(frame.texts, text{"reason", t})
		end += line
	}
	left := 0
	for n, m := range s.Members {
		if n >= mostMembers && len(m.Visits) == 0 {
			left++
			continue
		}
		end = p.place(m, x+padding, end, wide-2*padding) + padding
	}
	if left > 0 {
		end = p.place(&Node{ID: s.ID + " more", Name: fmt.Sprintf("and %d more", left)}, x+padding, end, wide-2*padding) + padding
	}
	frame.h = end - y
	return end
}

// stack places nodes below each other and returns where they end.
func (p *picture) stack(all []*Node, x, y, w int) (end int) {
	for _, n := range all {
		y = p.place(n, x, y, w) + gap
	}
	return y
}

// place makes the box of a node and returns where it ends.
func (p *picture) place(n *Node, x, y, w int) (end int) {
	f := &box{Node: n, class: "box", x: x, y: y, w: w, title: strings.TrimSpace(n.Title())}
	detail := n.Detail
	if n.Kind == KindVPC { // its frame says who it is
		f.title, detail = "local", "the VPC's own addresses"
	}
	for _, t := range lines(detail, w-2*padding) {
		f.texts = append(f.texts, text{"detail", t})
	}
	for _, r := range n.Routes {
		class := "detail"
		if r.Chosen {
			class = "chosen"
		}
		f.texts = append(f.texts, text{class, r.Destination + " → " + r.Target})
	}
	for _, t := range reason(n.Blocked) {
		f.texts = append(f.texts, text{"reason", t})
	}
	f.h = 2*padding + (1+len(f.texts))*line - 2
	p.boxes = append(p.boxes, f)
	p.at[n.ID] = f
	return y + f.h
}

// lines puts a list on as many lines as it needs.
func lines(list string, width int) (all []string) {
	for _, item := range strings.Split(list, ", ") {
		switch n := len(all) - 1; {
		case item == "":
		case n >= 0 && fits(all[n]+", "+item, width):
			all[n] += ", " + item
		default:
			all = append(all, item)
		}
	}
	return all
}

// reason puts a reason's code, which is in wide letters, on as many lines as it needs.
func reason(code string) (all []string) {
	const most = 26
	for _, word := range strings.SplitAfter(code, "_") {
		switch n := len(all) - 1; {
		case word == "":
		case n >= 0 && len(all[n])+len(word) <= most:
			all[n] += word
		default:
			all = append(all, word)
		}
	}
	return all
}

func fits(s string, width int) bool { return fit(s, width) == s }

// edge draws an edge, from the side of a box that faces the other one.
func (p *picture) edge(b *strings.Builder, e *Edge) {
	from, to := p.at[e.From], p.at[e.To]
	if from == nil || to == nil || from == to || e.Step == 0 && to.Kind == KindVPC && from.Kind == KindTable { // every table has local routes
		return
	}
	x1, y1, way1 := from.side(to)
	for n, r := range from.Routes {
		if r.To == e.To && (e.Step == 0 || r.Chosen) { // at its line
			y1 = from.y + padding + 5 + (len(from.texts)-len(from.Routes)+n+1)*line
			break
		}
	}
	x2, y2, way2 := to.side(from)
	bend := max(30, abs(x2-x1)/2)
	class, marker := "edge", "arrow"
	if e.Dashed {
		class, marker = "edge dashed", ""
	}
	if e.Step > 0 {
		class, marker = "path", "patharrow"
	}
	end := ""
	if marker != "" {
		end = fmt.Sprintf(` marker-end="url(#%s)"`, marker)
	}
	fmt.Fprintf(b, `<path class="%s" d="M%d,%d C%d,%d %d,%d %d,%d"%s/>`+"\n", class, x1, y1, x1+way1*bend, y1, x2+way2*bend, y2, x2, y2, end)
}

// side is where an edge to another box begins, and which way it goes at first: to the right (1) or to the left (-1).
func (f *box) side(other *box) (x, y, way int) {
	y = f.y + min(f.h/2, head)
	switch {
	case f.x+f.w <= other.x:
		return f.x + f.w, y, 1
	case other.x+other.w <= f.x:
		return f.x, y, -1
	}
	return f.x + f.w, y, 1 // below each other: around the right side
}

func abs(n int) int { return max(n, -n) }
