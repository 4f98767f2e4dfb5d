package page

import (
	"encoding/binary"
	"hash/crc32"
)

// crcSize is the size of a CRC's field.
const crcSize = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// The CRCs of chunks and index begin with that of the header, so that parts of
// two pages do not pass as one.

// chunkCRC is the CRC-32C of the header's CRC, the chunk's number and its
// payload.
func chunkCRC(header uint32, chunk int, payload []byte) uint32 {
	var prefix [12]byte
	binary.LittleEndian.PutUint32(prefix[:], header)
	binary.LittleEndian.PutUint64(prefix[4:], uint64(chunk))
	return crc32.Update(crc32.Checksum(prefix[:], castagnoli), castagnoli, payload)
}

// indexCRC is the CRC-32C of the header's CRC and the index, the fields of the
// footer included that precede this CRC.
func indexCRC(header uint32, index []byte) uint32 {
	var prefix [4]byte
	binary.LittleEndian.PutUint32(prefix[:], header)
	return crc32.Update(crc32.Checksum(prefix[:], castagnoli), castagnoli, index)
}
