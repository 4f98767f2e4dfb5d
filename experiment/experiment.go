// Package experiment runs a plan of units: every codec on every passage of
// every stream. A journal makes a run resumable; a fixed order makes its
// result independent of the number of workers.
//
//	plan := &experiment.Plan{Source: source, Codecs: codecs, Baselines: baselines}
//	journal, err := experiment.OpenJournal(dir, settings, resume)
//	outcome, err := experiment.Run(ctx, plan, experiment.Options{Journal: journal})
//
// What is scored is what a codec's Decode returns from the bytes that its
// AppendEncode wrote, and the number of those bytes is the rate.
package experiment
