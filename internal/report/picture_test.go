package report

import (
	"context"
	"fmt"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vpcsim/internal/scenario"
)

func TestTicksAreRoundAndFew(t *testing.T) {
	for end, want := range map[float64]string{
		40: "0 s 0.01 s 0.02 s 0.03 s", 1180: "0 s 0.2 s 0.4 s 0.6 s 0.8 s 1 s", 6020: "0 s 1 s 2 s 3 s 4 s 5 s", 3.6e6: "0 s 1000 s 2000 s 3000 s",
	} {
		got := ""
		for _, k := range (axis{end}).ticks() {
			got += " " + k.Label
		}
		require.Equal(t, " "+want, got)
	}
}

func TestLabelsOfCommitsDoNotLieOnOneAnother(t *testing.T) {
	commit := func(at float64) scenario.Commit { return scenario.Commit{AtMs: at, Action: "CreateVpcEndpoint"} }
	lines := axis{1000}.commits([]scenario.Commit{commit(0), commit(100), commit(500), commit(900)}, nil)
	require.Equal(t, []int{12, 30, 12, 48}, []int{lines[0].Y, lines[1].Y, lines[2].Y, lines[3].Y})
	require.True(t, lines[3].End, "there is no room to the right")
}

func TestBytesBetweenSamplesAreOnALine(t *testing.T) {
	samples := []scenario.Sample{{AtMs: 100}, {AtMs: 200, Bytes: 1000}, {AtMs: 200, Bytes: 1000}, {AtMs: 300, Bytes: 1500}}
	for at, want := range map[float64]float64{0: 0, 100: 0, 150: 500, 200: 1000, 250: 1250, 300: 1500, 1000: 1500} {
		require.Equal(t, want, bytesAt(samples, at), at)
	}
	require.Zero(t, bytesAt(nil, 100))
}

func TestTheLastMomentsOfAnOpenConnectionAreAsThoseBefore(t *testing.T) {
	h := scenario.History{Samples: []scenario.Sample{{AtMs: 0}, {AtMs: 100, Bytes: 1000}}}
	require.Equal(t, 80_000.0, rate(h, 50, 100))
	require.Equal(t, 80_000.0, rate(h, 100, 120), "not told of yet")
	require.Zero(t, rate(h, 250, 300), "idle")
	h.Marks = []scenario.Mark{{AtMs: 100, What: scenario.MarkLost}}
	require.Zero(t, rate(h, 100, 120), "lost")
}

// screenshot opens a page in a browser without a screen and returns what it shows.
func screenshot(t *testing.T, page string, dark bool, width, height int) image.Image {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "shot.png")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
		"--user-data-dir="+dir, fmt.Sprintf("--blink-settings=preferredColorScheme=%d", 1-boolean(dark)),
		fmt.Sprintf("--window-size=%d,%d", width, height), "--screenshot="+file, "file://"+page)
	cmd.Env = append(os.Environ(), "HOME="+dir)
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	f, err := os.Open(file)
	require.NoError(t, err, "%s", out)
	defer f.Close()
	picture, err := png.Decode(f)
	require.NoError(t, err)
	return picture
}

// TestBrowserShowsThePage: light and dark, wide and narrow, the page is painted: bars in the colours of their paths, on the ground that
// the scheme has.
func TestBrowserShowsThePage(t *testing.T) {
	if _, err := exec.LookPath("chromium"); err != nil {
		t.Skip("not installed: chromium")
	}
	dir := t.TempDir()
	write(t, dir, fixture(""))
	for _, row := range []struct {
		name         string
		dark         bool
		width        int
		ground, bars string
	}{
		{"light and wide", false, 1400, "f6f7f9", "3b73d9 d2690e 2a8f57"},
		{"dark and wide", true, 1400, "111418", "4f86e8 e07f2b 3ca36a"},
		{"light and narrow", false, 520, "f6f7f9", "3b73d9 d2690e 2a8f57"},
	} {
		t.Run(row.name, func(t *testing.T) {
			picture := screenshot(t, filepath.Join(dir, PageFile), row.dark, row.width, 1400)
			require.Equal(t, row.width, picture.Bounds().Dx())
			require.Equal(t, row.ground, colour(picture, 2, 2))
			seen := map[string]int{}
			for y := range picture.Bounds().Dy() {
				for x := range picture.Bounds().Dx() {
					seen[colour(picture, x, y)]++
				}
			}
			for i := 0; i < len(row.bars); i += 7 {
				require.Greater(t, seen[row.bars[i:i+6]], 300, "pixels of %s", row.bars[i:i+6])
			}
		})
	}
}

func colour(picture image.Image, x, y int) string {
	r, g, b, _ := picture.At(x, y).RGBA()
	return fmt.Sprintf("%02x%02x%02x", r>>8, g>>8, b>>8)
}
