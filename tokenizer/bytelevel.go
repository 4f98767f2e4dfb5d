package tokenizer

import "unicode/utf8"

// Byte-level vocabularies write every byte as one visible character: the
// printable ones of Latin-1 as themselves, the rest in order from U+0100 on.
// The table is that of GPT-2.
var byteChars, charBytes = func() (chars [256]rune, bytes [0x144]int16) {
	for i := range bytes {
		bytes[i] = -1
	}
	next := rune(0x100)
	for b := range rune(256) {
		c := b
		if !('!' <= b && b <= '~' || 0xA1 <= b && b <= 0xAC || 0xAE <= b && b <= 0xFF) {
			c = next
			next++
		}
		chars[b], bytes[c] = c, int16(b)
	}
	return chars, bytes
}()

// byteOf returns the byte that a character stands for.
func byteOf(r rune) (b byte, ok bool) {
	if r < 0 || int(r) >= len(charBytes) || charBytes[r] < 0 {
		return 0, false
	}
	return byte(charBytes[r]), true
}

// bytesOf returns the bytes that the characters of a token stand for; ok if
// they all stand for one.
func bytesOf(token string) (s string, ok bool) {
	b := make([]byte, 0, len(token))
	for i := 0; i < len(token); {
		r, n := utf8.DecodeRuneInString(token[i:])
		c, ok := byteOf(r)
		if !ok {
			return "", false
		}
		b = append(b, c)
		i += n
	}
	return string(b), true
}
