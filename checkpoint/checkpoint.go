// Package checkpoint reads a trained model as named tensors of any type, from a
// folder or by byte range from the Hub: only what is asked for is read.
package checkpoint
