package main

// The rows of kernel.boxTable, 64 bytes each, in the order of package kernel,
// where it says what they hold.
const (
	rowMagic = iota
	rowAbs
	rowSign
	rowIntOne
	rowHalf
	rowMinusHalf
	rowOne
	row3Halves
	rowTwo
	rowMinus2
	rowQ
	rowMinusQ
	rowBound
	rowLowest
	rowHighest
	rowN
	rowN2
	rowN4
	rowBase
	rowBaseLowerHalf
	rowBaseUpperHalf
	rowLow32
	rowWordMask
	rowHalfMask
	rowLongOne
	rowPerN4
	rowLastN4
	rowPerN2
	rowLastN2
	rowPerN
	rowDigitHalf
	rowDigitLast
	rowHalfWidth
	rowLastRank
	rowTwo52
	rowTwo84
	rowTwo84And52
	rowOffsets
	rowPack                  // 12 rows
	rowUnpack = rowPack + 12 // 8 rows
)
