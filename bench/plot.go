package bench

import (
	"errors"
	"fmt"
	"image/color"
	"io"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// WriteSVG draws every compared figure as a ratio with its range, one row a
// figure, one colour and shape a runner, on a logarithmic axis around the
// reference at 1. It fails when no figure counts.
func (r *Report) WriteSVG(w io.Writer) error {
	p, height, err := r.plot()
	if err != nil {
		return fmt.Errorf("draw the results: %w", err)
	}
	c := vgsvg.New(plotWidth, height)
	p.Draw(draw.Crop(draw.New(c), plotMargin, -plotMargin, plotMargin, -plotMargin))
	if _, err := c.WriteTo(w); err != nil {
		return fmt.Errorf("write the plot: %w", err)
	}
	return nil
}

const (
	plotWidth = 18 * vg.Centimeter
	// plotMargin keeps the longest label inside the drawing.
	plotMargin = 3 * vg.Millimeter
)

// plot returns the drawing and the height that it needs.
func (r *Report) plot() (*plot.Plot, vg.Length, error) {
	rows, series := r.series()
	if len(rows) == 0 {
		return nil, 0, errors.New("no figure counts")
	}
	p := plot.New()
	p.Title.Text = "Ratio to " + r.Settings.Reference + ": median, range of all pairs"
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, ratioTicks{}
	p.X.Label.Text = "Gb/s and frames: more is better; CPU and latency: less is better"
	p.NominalY(rows...)
	p.Add(referenceLine(len(rows)))
	for i, s := range series {
		if err := s.addTo(p, i); err != nil {
			return nil, 0, err
		}
	}
	p.X.Min, p.X.Max = limits(series)
	p.Y.Min, p.Y.Max = -0.6, float64(len(rows))-0.4+legendRows
	p.Legend.Top, p.Legend.Padding = true, vg.Millimeter
	return p, vg.Length(len(rows)+legendRows)*0.8*vg.Centimeter + 2*vg.Centimeter, nil
}

// legendRows is the room above the first row that the legend takes.
const legendRows = 2

// series is what one runner contributes: points with ranges.
type series struct {
	name string
	plotter.XYs
	plotter.XErrors
}

// series collects the rows of the plot, the first figure on top, and the points.
func (r *Report) series() (rows []string, all []series) {
	row, at := map[string]int{}, map[string]int{}
	for i := len(r.Figures) - 1; i >= 0; i-- {
		f := r.Figures[i]
		if f.Ratio.N == 0 || f.Ratio.Min <= 0 {
			continue
		}
		label := f.Workload + "  " + f.Metric.Name
		if _, ok := row[label]; !ok {
			row[label] = len(rows)
			rows = append(rows, label)
		}
	}
	for _, name := range r.Settings.Candidates {
		at[name] = len(all)
		all = append(all, series{name: name})
	}
	for _, f := range r.Figures {
		y, ok := row[f.Workload+"  "+f.Metric.Name]
		i, known := at[f.Runner]
		if ok && known && f.Ratio.N > 0 && f.Ratio.Min > 0 {
			all[i].add(f.Ratio, float64(y)+offset(i, len(all)))
		}
	}
	return rows, all
}

// offset spreads the runners of one row so that their ranges do not overlap.
func offset(i, n int) float64 { return (float64(n-1)/2 - float64(i)) * 0.5 / float64(n) }

func (s *series) add(sp Spread, y float64) {
	s.XYs = append(s.XYs, plotter.XY{X: sp.Median, Y: y})
	s.XErrors = append(s.XErrors, struct{ Low, High float64 }{sp.Median - sp.Min, sp.Max - sp.Median})
}

// Colours that stay apart for colour-blind readers (Okabe and Ito), with shapes
// for print without colour.
var (
	colours = []color.Color{
		color.RGBA{0x00, 0x72, 0xb2, 0xff}, color.RGBA{0xd5, 0x5e, 0x00, 0xff},
		color.RGBA{0x00, 0x9e, 0x73, 0xff}, color.RGBA{0xcc, 0x79, 0xa7, 0xff},
	}
	shapes = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.TriangleGlyph{}, draw.PyramidGlyph{}}
)

func (s series) addTo(p *plot.Plot, i int) error {
	if len(s.XYs) == 0 {
		return nil
	}
	points, err := plotter.NewScatter(s.XYs)
	if err != nil {
		return err
	}
	bars, err := plotter.NewXErrorBars(s)
	if err != nil {
		return err
	}
	points.GlyphStyle = draw.GlyphStyle{Color: colours[i%len(colours)], Radius: vg.Points(3), Shape: shapes[i%len(shapes)]}
	bars.LineStyle.Color = points.GlyphStyle.Color
	p.Add(bars, points)
	p.Legend.Add(s.name, points)
	return nil
}

func referenceLine(rows int) *plotter.Line {
	l, err := plotter.NewLine(plotter.XYs{{X: 1, Y: -0.6}, {X: 1, Y: float64(rows) - 0.4}})
	if err != nil {
		panic(err) // two finite points
	}
	l.LineStyle.Color, l.LineStyle.Dashes = color.Gray{0x60}, []vg.Length{vg.Points(4), vg.Points(3)}
	return l
}

// limits returns an axis that shows all ranges and at least 0.5 to 2.
func limits(all []series) (low, high float64) {
	low, high = 0.5, 2
	for _, s := range all {
		for i, p := range s.XYs {
			low, high = min(low, p.X-s.XErrors[i].Low), max(high, p.X+s.XErrors[i].High)
		}
	}
	return low / 1.1, high * 1.1
}

// ratioTicks labels 1, 2 and 5 of each decade.
type ratioTicks struct{}

// Ticks implements plot.Ticker.
func (ratioTicks) Ticks(low, high float64) (ticks []plot.Tick) {
	for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high)); e++ {
		for _, m := range []float64{1, 2, 5} {
			if v := m * math.Pow(10, e); v >= low && v <= high {
				ticks = append(ticks, plot.Tick{Value: v, Label: fmt.Sprintf("%.3g", v)})
			}
		}
	}
	return ticks
}
