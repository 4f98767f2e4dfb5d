// Package machine says how much memory and disk there is to use, where the system
// tells.
package machine
