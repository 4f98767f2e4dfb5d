/* kakeya: codecs for KV caches, from C.
 *
 * A codec is opened from a spec, such as "e8-gs:delta=0.09", and the number of values
 * in a vector. It turns arrays [tokens, heads, dim] of the caller into bytes of the
 * caller and back: one vector a token and head, in that order. docs/format.md of the
 * project says what the bytes are, docs/c-api.md how to build and link.
 *
 *   kakeya_error err;
 *   kakeya_codec codec;
 *   if (kakeya_open("e8:q=38", 128, &codec, &err) != KAKEYA_OK)
 *       fprintf(stderr, "%s\n", err.message);
 *
 * Rules for all functions:
 *  - They return KAKEYA_OK or a KAKEYA_E_ code, and then a message that names the
 *    argument in *err, unless err is NULL. After an error outputs hold anything.
 *  - Memory is the caller's and is used during the call only. Inputs are not written
 *    to. An output must not overlap an input.
 *  - They may be called from any thread at any time; a codec may be shared.
 *  - With threads at most 1 they allocate nothing once buffers are warm.
 *  - NaN and infinities are refused on input; finite values decode to finite values.
 *  - A pointer that is not what it is said to be is the one thing they cannot check.
 *
 * The library brings Go's runtime: it starts threads of its own, installs signal
 * handlers that pass on what is not Go's, and does not survive fork() without exec().
 */
#ifndef KAKEYA_H
#define KAKEYA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Changes when a function or a struct does; compare with kakeya_abi(). */
#define KAKEYA_ABI 1
#define KAKEYA_VERSION "0.1.0"

enum {
	KAKEYA_OK = 0,
	KAKEYA_E_ARGUMENT = 1, /* NULL, a negative size, a bad shape, type, stride or overlap */
	KAKEYA_E_SPEC = 2,     /* the spec cannot be read, or has no bytes (ref-...) */
	KAKEYA_E_DIM = 3,      /* the codec does not support this number of values */
	KAKEYA_E_SPACE = 4,    /* an output is too small */
	KAKEYA_E_VALUE = 5,    /* NaN, infinity, or more than a scale of the codec can hold */
	KAKEYA_E_CORRUPT = 6,  /* bytes that no encoder wrote, or too few */
	KAKEYA_E_MISMATCH = 7, /* a page of another codec, dimension or shape */
	KAKEYA_E_INTERNAL = 8  /* a fault of the library: please report it */
};

enum {
	KAKEYA_F32 = 0,
	KAKEYA_BF16 = 1,
	KAKEYA_F16 = 2
};

typedef struct kakeya_error {
	char message[256]; /* UTF-8, ends with 0 */
} kakeya_error;

/* A handle, not a pointer: one that was closed or never opened is an error. */
typedef uint64_t kakeya_codec;

/* Values in memory of the caller. data points to the value [0, 0, 0]; strides count
 * values, not bytes, and are not negative. Dense: {heads * dim, dim, 1}. */
typedef struct kakeya_array {
	void *data;
	int32_t dtype; /* KAKEYA_F32 ... */
	int32_t reserved; /* 0 */
	int64_t shape[3]; /* tokens, heads, dim */
	int64_t stride[3];
} kakeya_array;

/* What a page (.klp) holds. */
typedef struct kakeya_page {
	char spec[256];   /* of its codec */
	char tensor[256]; /* name, cut to fit */
	int64_t dim;      /* values in a vector */
	int64_t vectors;
	int64_t shape[8]; /* of the tensor; the product is vectors * dim */
	int32_t rank;     /* of the shape, at most 8; more are counted and not listed */
	int32_t reserved;
} kakeya_page;

/* The ABI number of the library, and its version as text. */
int32_t kakeya_abi(void);
const char *kakeya_version(void);

/* Opens a codec. Close it when done; calls under way end as usual. */
int kakeya_open(const char *spec, int32_t dim, kakeya_codec *codec, kakeya_error *err);
int kakeya_close(kakeya_codec codec, kakeya_error *err);

/* fp8-tensor and nvfp4 need a constant of the whole stream: writes to spec_out, of
 * capacity bytes, the spec with the constant that suits the array. */
int kakeya_fit(const char *spec, const kakeya_array *array, char *spec_out, size_t capacity, kakeya_error *err);

/* The bytes that vectors take: just so many where *fixed is 1, else at most. */
int kakeya_size(kakeya_codec codec, int64_t vectors, size_t *bytes, int32_t *fixed, kakeya_error *err);

/* Encodes an array into out and sets *written. threads: goroutines to use; 0 and 1 are
 * the calling thread alone. The bytes do not depend on it. */
int kakeya_encode(kakeya_codec codec, const kakeya_array *in, void *out, size_t capacity, size_t *written, int32_t threads, kakeya_error *err);

/* Decodes an array's vectors from the size bytes at in and sets *consumed, unless it
 * is NULL, to those that they took. */
int kakeya_decode(kakeya_codec codec, const void *in, size_t size, const kakeya_array *out, size_t *consumed, int32_t threads, kakeya_error *err);

/* Writes a whole page: header, checksums, index. tensor is a name of UTF-8, or NULL.
 * Where capacity is too small, *written is what it takes. Allocates. */
int kakeya_page_encode(kakeya_codec codec, const char *tensor, const kakeya_array *in, void *out, size_t capacity, size_t *written, int32_t threads, kakeya_error *err);

/* Reads what a page holds, its checksums of header and index checked. */
int kakeya_page_info(const void *page, size_t size, kakeya_page *info, kakeya_error *err);

/* Decodes a page, all checksums checked, into an array of as many vectors of its
 * dimension. codec: 0, or the codec that the page must be of. Allocates. */
int kakeya_page_decode(kakeya_codec codec, const void *page, size_t size, const kakeya_array *out, int32_t threads, kakeya_error *err);

#ifdef __cplusplus
}
#endif

#endif
