package codec

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Spec names a codec and its parameters in canonical form: parameters in the
// family's order, defaults filled in, numbers in shortest form.
type Spec struct {
	Name   string
	Params []Param
}

// Param is one parameter of a spec; a switch that is on has the value "".
type Param struct{ Key, Value string }

// String is the canonical text; Parse reads it back to an equal Spec.
func (s Spec) String() string {
	var b strings.Builder
	b.WriteString(s.Name)
	for i, p := range s.Params {
		b.WriteByte(":,"[min(i, 1)])
		b.WriteString(p.Key)
		if p.Value != "" {
			b.WriteByte('=')
			b.WriteString(p.Value)
		}
	}
	return b.String()
}

// Simulated says whether the spec has no bytes: see [Simulator].
func (s Spec) Simulated() bool {
	f, err := lookup(s.Name)
	return err == nil && f.sim != nil
}

// With returns the spec with one parameter set, in canonical form.
func (s Spec) With(key, value string) (Spec, error) {
	given := slices.DeleteFunc(slices.Clone(s.Params), func(p Param) bool { return p.Key == key })
	return canonical(s.Name, append(given, Param{key, value}))
}

// value returns the text of a parameter and whether it is set.
func (s Spec) value(key string) (string, bool) {
	for _, p := range s.Params {
		if p.Key == key {
			return p.Value, true
		}
	}
	return "", false
}

// integer returns an integer parameter of a canonical spec; 0 where it is not
// set or a word.
func (s Spec) integer(key string) int {
	v, _ := s.value(key)
	n, _ := strconv.Atoi(v)
	return n
}

// number returns a float parameter of a canonical spec; 0 where it is not set.
func (s Spec) number(key string) float32 {
	v, _ := s.value(key)
	f, _ := strconv.ParseFloat(v, 32)
	return float32(f)
}

// paramKind says what a parameter's value may be.
type paramKind int

const (
	isInt    paramKind = iota // a whole number in [min, max]
	isFloat                   // a float32 in [min, max], or any positive finite one where max is 0
	isSwitch                  // no value
)

// paramDef defines one parameter of a family.
type paramDef struct {
	key      string
	kind     paramKind
	def      string // canonical text of the default; empty: absent unless given
	min, max float64
	word     string // what an isInt may say in place of a number; empty: nothing
	about    string
}

// check returns the canonical text of a value.
func (d paramDef) check(value string) (string, error) {
	refuse := func() (string, error) { return "", fmt.Errorf("%s=%s: want %s", d.key, value, d.wants()) }
	switch d.kind {
	case isSwitch:
		if value != "" {
			return "", fmt.Errorf("%s is a switch and takes no value", d.key)
		}
		return "", nil
	case isInt:
		if d.word != "" && value == d.word {
			return value, nil
		}
		n, err := strconv.Atoi(value)
		if err != nil || float64(n) < d.min || float64(n) > d.max {
			return refuse()
		}
		return strconv.Itoa(n), nil
	default:
		f, err := strconv.ParseFloat(value, 32)
		inside := f > 0 && !math.IsInf(f, 0)
		if d.max != 0 {
			inside = float32(f) >= float32(d.min) && float32(f) <= float32(d.max)
		}
		if err != nil || !inside {
			return refuse()
		}
		return strconv.FormatFloat(f, 'g', -1, 32), nil
	}
}

// wants says what values of a number are.
func (d paramDef) wants() string {
	switch {
	case d.kind == isFloat && d.max == 0:
		return "a positive number"
	case d.kind == isFloat:
		return fmt.Sprintf("a number from %.10g to %.10g", d.min, d.max)
	case d.word != "":
		return fmt.Sprintf("a whole number from %.10g to %.10g, or %s", d.min, d.max, d.word)
	}
	return fmt.Sprintf("a whole number from %.10g to %.10g", d.min, d.max)
}

// Parse reads one spec, "name[:key[=value],...]", and returns its canonical form.
func Parse(text string) (Spec, error) {
	name, rest, hasParams := strings.Cut(text, ":")
	var params []Param
	if hasParams {
		for _, part := range strings.Split(rest, ",") {
			key, value, _ := strings.Cut(part, "=")
			if strings.HasSuffix(part, "=") {
				return Spec{}, fmt.Errorf("codec %q: %s= lacks a value", text, key)
			}
			params = append(params, Param{key, value})
		}
	}
	s, err := canonical(name, params)
	if err != nil {
		return Spec{}, fmt.Errorf("codec %q: %w", text, err)
	}
	return s, nil
}

// canonical checks the parameters against the family's and puts them in order.
func canonical(name string, given []Param) (Spec, error) {
	f, err := lookup(name)
	if err != nil {
		return Spec{}, err
	}
	for i, g := range given {
		if !slices.ContainsFunc(f.params, func(d paramDef) bool { return d.key == g.Key }) {
			return Spec{}, fmt.Errorf("%s has no parameter %q; it has %s", name, g.Key, f.keys())
		}
		if slices.ContainsFunc(given[:i], func(p Param) bool { return p.Key == g.Key }) {
			return Spec{}, fmt.Errorf("%s is given twice", g.Key)
		}
	}
	s := Spec{Name: name}
	raw := Spec{Params: given}
	for _, d := range f.params {
		value, ok := raw.value(d.key)
		if !ok {
			if d.def != "" {
				s.Params = append(s.Params, Param{d.key, d.def})
			}
			continue
		}
		if value, err = d.check(value); err != nil {
			return Spec{}, err
		}
		s.Params = append(s.Params, Param{d.key, value})
	}
	return s, nil
}

// maxSweep bounds the specs that one sweep may expand to.
const maxSweep = 10_000

// ParseList reads specs separated by white space or ";". An integer or float
// parameter may be a range, "e8:q=10..76/2", which expands to one spec a step.
// Specs that are listed twice are kept once.
func ParseList(text string) ([]Spec, error) {
	var specs []Spec
	seen := map[string]bool{}
	fields := strings.FieldsFunc(text, func(r rune) bool { return r == ';' || r == ' ' || r == '\t' || r == '\n' || r == '\r' })
	for _, field := range fields {
		expanded, err := expand(field)
		if err != nil {
			return nil, err
		}
		for _, s := range expanded {
			if !seen[s.String()] {
				seen[s.String()] = true
				specs = append(specs, s)
			}
		}
	}
	return specs, nil
}

// expand turns one spec with at most one range into its specs.
func expand(text string) ([]Spec, error) {
	before, after, ok := strings.Cut(text, "..")
	if !ok {
		s, err := Parse(text)
		if err != nil {
			return nil, err
		}
		return []Spec{s}, nil
	}
	bad := func(why string) ([]Spec, error) {
		return nil, fmt.Errorf("codec %q: %s; a sweep is written key=FROM..TO or key=FROM..TO/STEP", text, why)
	}
	eq := strings.LastIndexByte(before, '=')
	if eq < 0 {
		return bad("the range has no key")
	}
	rng, tail := after, ""
	if comma := strings.IndexByte(after, ','); comma >= 0 {
		rng, tail = after[:comma], after[comma:]
	}
	toText, stepText, hasStep := strings.Cut(rng, "/")
	from, err1 := strconv.ParseFloat(before[eq+1:], 64)
	to, err2 := strconv.ParseFloat(toText, 64)
	step, err3 := 1.0, error(nil)
	if hasStep {
		step, err3 = strconv.ParseFloat(stepText, 64)
	}
	switch {
	case err1 != nil || err2 != nil || err3 != nil:
		return bad("the range is not of numbers")
	case !(from <= to) || !(step > 0) || math.IsInf(to-from, 0):
		return bad("the range is empty or its step is not positive")
	case (to-from)/step > maxSweep:
		return bad(fmt.Sprintf("the range has more than %d values", maxSweep))
	}
	// A half step of slack: 0.06..0.10/0.005 ends at 0.10 although the sum of
	// steps does not hit it exactly.
	count := int(math.Floor((to-from)/step+1e-9)) + 1
	var specs []Spec
	for i := range count {
		v := strconv.FormatFloat(from+float64(i)*step, 'g', 10, 64)
		s, err := Parse(before[:eq+1] + v + tail)
		if err != nil {
			return nil, err
		}
		specs = append(specs, s)
	}
	return specs, nil
}

// Continuous returns the parameter that trades rate for error continuously,
// and its range; not ok where the codec has none.
func (s Spec) Continuous() (key string, lo, hi float64, ok bool) {
	f := find(s.Name)
	if f == nil {
		return "", 0, 0, false
	}
	for _, d := range f.params {
		if d.kind == isFloat && d.max != 0 {
			return d.key, d.min, d.max, true
		}
	}
	return "", 0, 0, false
}

// Family is what codecs share that differ only in numbers: the name with the
// switches that are on, such as "e8" or "int6:hadamard".
func (s Spec) Family() string {
	switches := slices.DeleteFunc(slices.Clone(s.Params), func(p Param) bool { return p.Value != "" })
	return Spec{s.Name, switches}.String()
}
