//go:build cgo

/* The functions of kakeya.h: Go's exports cannot have const parameters. */
#include "kakeya.h"
#include "_cgo_export.h"

int32_t kakeya_abi(void) { return KAKEYA_ABI; }

const char *kakeya_version(void) { return KAKEYA_VERSION; }

int kakeya_open(const char *spec, int32_t dim, kakeya_codec *codec, kakeya_error *err) {
	return kakeyaGoOpen((char *)spec, dim, codec, err);
}

int kakeya_close(kakeya_codec codec, kakeya_error *err) { return kakeyaGoClose(codec, err); }

int kakeya_fit(const char *spec, const kakeya_array *array, char *spec_out, size_t capacity, kakeya_error *err) {
	return kakeyaGoFit((char *)spec, (kakeya_array *)array, spec_out, capacity, err);
}

int kakeya_size(kakeya_codec codec, int64_t vectors, size_t *bytes, int32_t *fixed, kakeya_error *err) {
	return kakeyaGoSize(codec, vectors, bytes, fixed, err);
}

int kakeya_encode(kakeya_codec codec, const kakeya_array *in, void *out, size_t capacity, size_t *written, int32_t threads, kakeya_error *err) {
	return kakeyaGoEncode(codec, (kakeya_array *)in, out, capacity, written, threads, err);
}

int kakeya_decode(kakeya_codec codec, const void *in, size_t size, const kakeya_array *out, size_t *consumed, int32_t threads, kakeya_error *err) {
	return kakeyaGoDecode(codec, (void *)in, size, (kakeya_array *)out, consumed, threads, err);
}

int kakeya_page_encode(kakeya_codec codec, const char *tensor, const kakeya_array *in, void *out, size_t capacity, size_t *written, int32_t threads, kakeya_error *err) {
	return kakeyaGoPageEncode(codec, (char *)tensor, (kakeya_array *)in, out, capacity, written, threads, err);
}

int kakeya_page_info(const void *page, size_t size, kakeya_page *info, kakeya_error *err) {
	return kakeyaGoPageInfo((void *)page, size, info, err);
}

int kakeya_page_decode(kakeya_codec codec, const void *page, size_t size, const kakeya_array *out, int32_t threads, kakeya_error *err) {
	return kakeyaGoPageDecode(codec, (void *)page, size, (kakeya_array *)out, threads, err);
}
