package hub

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
)

// An extent is a file of the range cache: a run of bytes of a blob, at most
// maxExtent, with a checksum for every chunk of them. Little endian:
//
//	offset  size  content
//	0       8     "KYRANGE1"
//	8       8     begin, the offset of the run in the blob
//	16      4     length of the run, 1 to maxExtent
//	20      4     chunk size, 65536
//	24      4     CRC-32C of the blob's ETag
//	28      4     CRC-32C of bytes 0 to 27
//	32      4 k   CRC-32C of every chunk; k = ceil(length / chunk size)
//	32+4k   -     the run
//
// Checksums are verified whenever a chunk is read, so files need not reach the
// disk before they get their names: what a crash leaves is found out and
// fetched again.
const (
	extentMagic  = "KYRANGE1"
	extentHeader = 32
	chunkSize    = 64 << 10
	maxExtent    = 4 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errExtent = errors.New("not the extent that its name says, or damaged")

// extentSize is the size of the file of a run.
func extentSize(n int64) int64 { return extentHeader + 4*chunks(n) + n }

func chunks(n int64) int64 { return (n + chunkSize - 1) / chunkSize }

// extentName names the file of a run, so that names alone say what is there.
func extentName(r Range) string { return fmt.Sprintf("%012x-%012x", r.Begin, r.End) }

// parseExtentName is the inverse of extentName.
func parseExtentName(name string) (Range, bool) {
	from, to, _ := strings.Cut(name, "-")
	begin, err1 := strconv.ParseInt(from, 16, 64)
	end, err2 := strconv.ParseInt(to, 16, 64)
	r := Range{begin, end}
	ok := err1 == nil && err2 == nil && begin >= 0 && end > begin && r.Len() <= maxExtent && extentName(r) == name
	return r, ok
}

// encodeExtentHeader returns what comes before the run.
func encodeExtentHeader(etag string, begin int64, data []byte) []byte {
	le := binary.LittleEndian
	b := make([]byte, 0, extentHeader+4*chunks(int64(len(data))))
	b = append(b, extentMagic...)
	b = le.AppendUint64(b, uint64(begin))
	b = le.AppendUint32(b, uint32(len(data)))
	b = le.AppendUint32(b, chunkSize)
	b = le.AppendUint32(b, crc32.Checksum([]byte(etag), castagnoli))
	b = le.AppendUint32(b, crc32.Checksum(b, castagnoli))
	for i := 0; i < len(data); i += chunkSize {
		b = le.AppendUint32(b, crc32.Checksum(data[i:min(i+chunkSize, len(data))], castagnoli))
	}
	return b
}

// readExtent reads the bytes of a blob from offset off on into p, from the file
// f of the run ext, and returns how many of them the run has. It returns no
// byte that does not match its checksum.
func readExtent(f io.ReaderAt, etag string, ext Range, p []byte, off int64) (int, error) {
	n := min(int64(len(p)), ext.End-off)
	if off < ext.Begin || n <= 0 {
		return 0, nil
	}
	le := binary.LittleEndian
	head := make([]byte, extentHeader+4*chunks(ext.Len()))
	if _, err := f.ReadAt(head, 0); err != nil {
		return 0, errExtent
	}
	if string(head[:8]) != extentMagic || le.Uint64(head[8:]) != uint64(ext.Begin) || int64(le.Uint32(head[16:])) != ext.Len() ||
		le.Uint32(head[20:]) != chunkSize || le.Uint32(head[24:]) != crc32.Checksum([]byte(etag), castagnoli) ||
		le.Uint32(head[28:]) != crc32.Checksum(head[:28], castagnoli) {
		return 0, errExtent
	}
	sums, body := head[extentHeader:], int64(len(head))
	var edge []byte // holds a chunk of which only a part is wanted
	done := int64(0)
	for done < n {
		at := off + done - ext.Begin // in the run
		chunk := at / chunkSize
		from := chunk * chunkSize
		to := min(from+chunkSize, ext.Len())
		dst, whole := p[done:n], false
		if at == from && int64(len(dst)) >= to-from {
			dst, whole = dst[:to-from], true
		} else {
			if edge == nil {
				edge = make([]byte, chunkSize)
			}
			dst = edge[:to-from]
		}
		if k, _ := f.ReadAt(dst, body+from); k != len(dst) {
			return 0, errExtent
		}
		if crc32.Checksum(dst, castagnoli) != le.Uint32(sums[4*chunk:]) {
			return 0, errExtent
		}
		if whole {
			done += int64(len(dst))
		} else {
			done += int64(copy(p[done:n], dst[at-from:]))
		}
	}
	return int(n), nil
}
