package experiment

import "kakeyalattice/codec"

// adopt takes over the units and constants of a journal and returns how many
// units there are. What the plan does not know, knows already or cannot use is
// left aside: such units are measured again.
func (s *schedule) adopt(entries []entry) int {
	coders, units := s.coders(), map[key]*unit{}
	for _, u := range s.units {
		units[u.key] = u
	}
	for _, e := range entries {
		if c := coders[e.key]; c != nil {
			c.adopt(e.Fitted)
		}
	}
	adopted := 0
	for _, e := range entries {
		if u := units[e.key]; u != nil && !u.done() && u.fits(e) {
			u.audit, u.code = e.Audit, e.Code
			adopted++
		}
	}
	return adopted
}

// adopt takes over the constant that an earlier run found, if it is one of
// this codec.
func (c *coder) adopt(fitted string) {
	if c.unfitted == nil || c.codec != nil {
		return
	}
	spec, err := codec.Parse(fitted)
	if err != nil || spec.Name != c.requested.Name {
		return
	}
	made, err := codec.New(spec, c.stream.Dim)
	if err != nil {
		return
	}
	if f, ok := made.(codec.Fitter); ok && f.Fitted() {
		c.codec = made
	}
}

// fits reports whether an entry of the unit's key can be its record.
func (u *unit) fits(e entry) bool {
	if u.trial == nil {
		return e.Audit != nil
	}
	if e.Code == nil || len(e.Code.Streams) != len(u.trial.coders) {
		return false
	}
	for i, c := range u.trial.coders {
		r := e.Code.Streams[i]
		switch {
		case r.Skip != "":
			if u.trial.named {
				return false
			}
		case r.Distortion.Vectors != c.stream.Vectors(u.Passage) || !c.complete():
			return false
		}
	}
	return true
}
