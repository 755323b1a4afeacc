package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gdamore/tcell/v2"

	"vpcsim/internal/control"
)

// topScreen draws what top knows. One goroutine has it: the one that takes keys and news in turn.
type topScreen struct {
	tcell.Screen
	lab        string
	before     *control.Top
	rates      *topRates // nil until there are two looks
	order      topOrder
	part       int // which table is shown alone, from 1; 0 for all
	scroll     int
	head, bold tcell.Style
	warn       tcell.Style
}

// parts are the names of the tables.
var parts = [...]string{"all", "flows", "interfaces", "drops", "NAT"}

// news is what a look has brought.
type news struct {
	top *control.Top
	err error
}

// topLive shows rates until q, or until the lab ends.
func (a *app) topLive(ctx context.Context, client control.Client, o topOptions) error {
	tty, err := tcell.NewStdIoTty()
	if err != nil {
		return usage("top: %w; --once prints one table", err)
	}
	screen, err := tcell.NewTerminfoScreenFromTty(tty)
	if err == nil {
		err = screen.Init()
	}
	if err != nil {
		return usage("top: %w; --once prints one table", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := newTopScreen(screen, o.name, colourful())
	defer screen.Fini()
	looks, keys := make(chan news), make(chan tcell.Event, 16)
	go screen.ChannelEvents(keys, ctx.Done())
	go look(ctx, client, o.interval, func(t *control.Top, err error) {
		select {
		case looks <- news{t, err}:
		case <-ctx.Done():
		}
	})
	return s.run(ctx, looks, keys)
}

func newTopScreen(screen tcell.Screen, lab string, colours bool) *topScreen {
	s := &topScreen{Screen: screen, lab: lab, head: tcell.StyleDefault.Reverse(true), bold: tcell.StyleDefault.Bold(true), warn: tcell.StyleDefault.Bold(true)}
	if colours {
		s.head = tcell.StyleDefault.Foreground(tcell.ColorBlack).Background(tcell.ColorTeal)
		s.warn = tcell.StyleDefault.Foreground(tcell.ColorRed)
	}
	return s
}

// run takes news and keys until the end.
func (s *topScreen) run(ctx context.Context, looks <-chan news, keys <-chan tcell.Event) error {
	for {
		s.draw()
		select {
		case n := <-looks:
			if n.err != nil && s.before != nil {
				return fmt.Errorf("lab %s has ended: %w", s.lab, n.err)
			}
			if n.err != nil {
				return n.err
			}
			s.take(n.top)
		case e := <-keys:
			if s.key(e) {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *topScreen) take(t *control.Top) {
	if s.before != nil {
		s.rates = ratesOf(s.before, t)
	}
	s.before = t
}

// key does what a key asks for, and says whether that is to end.
func (s *topScreen) key(e tcell.Event) (end bool) {
	k, ok := e.(*tcell.EventKey)
	if !ok {
		if _, resized := e.(*tcell.EventResize); resized {
			s.Sync()
		}
		return false
	}
	switch k.Key() {
	case tcell.KeyEscape, tcell.KeyCtrlC:
		return true
	case tcell.KeyTab:
		s.part, s.scroll = (s.part+1)%len(parts), 0
	case tcell.KeyBacktab:
		s.part, s.scroll = (s.part+len(parts)-1)%len(parts), 0
	case tcell.KeyDown:
		s.scroll++
	case tcell.KeyUp:
		s.scroll = max(0, s.scroll-1)
	case tcell.KeyPgDn:
		s.scroll += 10
	case tcell.KeyPgUp:
		s.scroll = max(0, s.scroll-10)
	case tcell.KeyRune:
		switch k.Rune() {
		case 'q':
			return true
		case 's':
			s.order.by = (s.order.by + 1) % len(orders)
		case 'r':
			s.order.reversed = !s.order.reversed
		}
	}
	return false
}

// draw draws everything anew; the library sends what has changed.
func (s *topScreen) draw() {
	s.Clear()
	width, height := s.Size()
	s.text(0, 0, width, "vpcsim top: lab "+s.lab, s.bold)
	s.text(0, height-1, width, fmt.Sprintf(" q quit  Tab %s  s by %s  r reverse  ↑↓ scroll", parts[s.part], orders[s.order.by]), s.head)
	if s.rates == nil {
		s.text(0, 2, width, "looking …", tcell.StyleDefault)
		s.Show()
		return
	}
	r := s.rates
	s.text(0, 1, width, fmt.Sprintf("%s in (%s), %s out, %s dropped; %d flows, %d events; %s",
		perSecond(r.PacketsIn), bits(r.BytesIn), perSecond(r.PacketsOut), perSecond(r.Dropped), r.Flows, r.Events, r.Time.Format("15:04:05")), tcell.StyleDefault)
	tables := r.tables(s.order)
	if s.part > 0 {
		tables = tables[s.part-1 : s.part]
	}
	rooms := shares(tables, height-3)
	y := 3
	for n, t := range tables {
		s.table(t, y, rooms[n], width)
		y += rooms[n]
	}
	s.Show()
}

// shares deals the lines of a screen out to tables, with a heading and an empty line each: none gets more than it has rows for, and what
// one does not need is the others'.
func shares(tables []topTable, lines int) []int {
	rooms := make([]int, len(tables))
	wants := func(n int) int { return len(tables[n].rows) + 2 }
	for given := true; given; {
		given = false
		for n := range tables {
			if lines > 0 && rooms[n] < wants(n) {
				rooms[n]++
				lines--
				given = true
			}
		}
	}
	return rooms
}

// table draws a table in so many lines from line y.
func (s *topScreen) table(t topTable, y, lines, width int) {
	if lines == 0 {
		return
	}
	rows := t.rows[min(s.scroll, max(0, len(t.rows)-1)):]
	rows = rows[:min(len(rows), max(0, lines-2))]
	widths := make([]int, len(t.head))
	for _, r := range slices.Concat([][]string{t.head}, rows) {
		for n, cell := range r {
			widths[n] = max(widths[n], len([]rune(cell)))
		}
	}
	line := func(cells []string) string {
		var b strings.Builder
		for n, cell := range cells {
			if cell == "" {
				cell = "-"
			}
			fmt.Fprintf(&b, "%-*s  ", widths[n], cell)
		}
		return b.String()
	}
	head := slices.Clone(t.head)
	for n, h := range head {
		if h == "" {
			head[n] = " "
		}
	}
	s.text(0, y, width, line(head), s.head)
	for n, r := range rows {
		style := tcell.StyleDefault
		if t.head[0] == "DROPPED FOR" && r[1] != perSecond(0) {
			style = s.warn
		}
		s.text(0, y+1+n, width, line(r), style)
	}
}

// text writes one line, cut to the width, and with a heading's style fills it.
func (s *topScreen) text(x, y, width int, text string, style tcell.Style) {
	for _, c := range text {
		if x >= width {
			return
		}
		s.SetContent(x, y, c, nil, style)
		x++
	}
	for ; style == s.head && x < width; x++ {
		s.SetContent(x, y, ' ', nil, style)
	}
}
