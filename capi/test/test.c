/* Tests of the C library from C; run.sh builds it under AddressSanitizer. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../kakeya.h"

static int failures;

#define CHECK(condition, ...) \
	do { \
		if (!(condition)) { \
			failures++; \
			fprintf(stderr, "%s:%d: ", __FILE__, __LINE__); \
			fprintf(stderr, __VA_ARGS__); \
			fputc('\n', stderr); \
		} \
	} while (0)

static uint64_t state = 1;

static uint64_t next(void) { /* xorshift64*, Vigna 2016 */
	state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
	return state * 2685821657736338717u;
}

static float gaussian(void) {
	double u = ((double)(next() >> 11) + 1) / 9007199254740993.0, v = (double)(next() >> 11) / 9007199254740992.0;
	return (float)(sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
}

static kakeya_array dense(void *data, int32_t dtype, int64_t tokens, int64_t heads, int64_t dim) {
	kakeya_array a = {data, dtype, 0, {tokens, heads, dim}, {heads * dim, dim, 1}};
	return a;
}

static kakeya_codec open_codec(const char *spec, int32_t dim) {
	kakeya_error err;
	kakeya_codec codec;
	int status = kakeya_open(spec, dim, &codec, &err);
	CHECK(status == KAKEYA_OK && codec != 0, "%s: %d, %s", spec, status, err.message);
	return codec;
}

static void round_trip(const char *spec, int64_t dim, double most) {
	enum { tokens = 300, heads = 2 };
	size_t n = (size_t)(tokens * heads * dim), bytes = 0, written = 0, consumed = 0;
	int32_t fixed = -1;
	kakeya_error err;
	kakeya_codec codec = open_codec(spec, (int32_t)dim);
	float *x = malloc(n * sizeof *x), *y = malloc(n * sizeof *y);
	for (size_t i = 0; i < n; i++) x[i] = gaussian();
	kakeya_array in = dense(x, KAKEYA_F32, tokens, heads, dim), out = dense(y, KAKEYA_F32, tokens, heads, dim);

	CHECK(kakeya_size(codec, tokens * heads, &bytes, &fixed, &err) == KAKEYA_OK && bytes > 0, "%s", err.message);
	uint8_t *b = malloc(bytes);
	for (int32_t threads = 0; threads < 3; threads++) {
		memset(y, 0xff, n * sizeof *y);
		CHECK(kakeya_encode(codec, &in, b, bytes, &written, threads, &err) == KAKEYA_OK, "%s", err.message);
		CHECK(fixed ? written == bytes : written < bytes, "%zu bytes of %zu, fixed %d", written, bytes, fixed);
		CHECK(kakeya_decode(codec, b, written, &out, &consumed, threads, &err) == KAKEYA_OK && consumed == written, "%s", err.message);
		double error = 0, energy = 0;
		for (size_t i = 0; i < n; i++) error += pow(x[i] - y[i], 2), energy += pow(x[i], 2);
		CHECK(error / energy <= most, "%s, D = %d: error %g", spec, (int)dim, error / energy);
	}
	CHECK(kakeya_encode(codec, &in, b, written - 1, &written, 1, &err) == KAKEYA_E_SPACE && strstr(err.message, "out:"), "%s", err.message);

	size_t size = 0, again = 0;
	CHECK(kakeya_page_encode(codec, "k.0", &in, NULL, 0, &size, 1, &err) == KAKEYA_E_SPACE && size > written, "%s", err.message);
	uint8_t *page = malloc(size);
	kakeya_page info;
	CHECK(kakeya_page_encode(codec, "k.0", &in, page, size, &again, 2, &err) == KAKEYA_OK && again == size, "%s", err.message);
	CHECK(kakeya_page_info(page, size, &info, &err) == KAKEYA_OK, "%s", err.message);
	CHECK(!strcmp(info.spec, spec) && !strcmp(info.tensor, "k.0") && info.dim == dim && info.vectors == tokens * heads && info.rank == 3 && info.shape[0] == tokens,
		"%s %s %d %d", info.spec, info.tensor, (int)info.dim, (int)info.vectors);
	float *z = malloc(n * sizeof *z);
	kakeya_array decoded = dense(z, KAKEYA_F32, tokens, heads, dim);
	CHECK(kakeya_page_decode(codec, page, size, &decoded, 2, &err) == KAKEYA_OK && !memcmp(y, z, n * sizeof *z), "%s", err.message);
	kakeya_codec other = open_codec(strcmp(spec, "bf16") ? "bf16" : "fp16", (int32_t)dim);
	CHECK(kakeya_page_decode(other, page, size, &decoded, 1, &err) == KAKEYA_E_MISMATCH, "%s", err.message);
	page[size / 2] ^= 1;
	CHECK(kakeya_page_decode(0, page, size, &decoded, 1, &err) == KAKEYA_E_CORRUPT, "%s", err.message);
	CHECK(kakeya_close(other, &err) == KAKEYA_OK && kakeya_close(codec, &err) == KAKEYA_OK, "%s", err.message);
	CHECK(kakeya_close(codec, &err) == KAKEYA_E_ARGUMENT && strstr(err.message, "not open"), "%s", err.message);
	free(x), free(y), free(z), free(b), free(page);
}

static void bad_input(void) {
	kakeya_error err;
	kakeya_codec codec = 7, e8 = open_codec("e8:q=38", 64);
	float x[128] = {0};
	uint8_t b[1000];
	size_t n = 0;
	kakeya_array in = dense(x, KAKEYA_F32, 2, 1, 64);
	CHECK(kakeya_open(NULL, 64, &codec, &err) == KAKEYA_E_ARGUMENT && strstr(err.message, "spec"), "%s", err.message);
	CHECK(kakeya_open("e8:q=38", 64, NULL, &err) == KAKEYA_E_ARGUMENT && strstr(err.message, "codec"), "%s", err.message);
	CHECK(kakeya_open("e9", 64, &codec, &err) == KAKEYA_E_SPEC && codec == 0, "%s", err.message);
	CHECK(kakeya_open("ref-e8:q=38", 64, &codec, &err) == KAKEYA_E_SPEC, "%s", err.message);
	CHECK(kakeya_open("nvfp4", 64, &codec, &err) == KAKEYA_E_SPEC && strstr(err.message, "kakeya_fit"), "%s", err.message);
	CHECK(kakeya_open("fp8-v4", 64, &codec, &err) == KAKEYA_E_DIM, "%s", err.message);
	CHECK(kakeya_open("e8:q=38", -3, &codec, &err) == KAKEYA_E_ARGUMENT, "%s", err.message);
	CHECK(kakeya_open("e8:q=38", -3, &codec, NULL) == KAKEYA_E_ARGUMENT, "without a place for the message");
	CHECK(kakeya_encode(99, &in, b, sizeof b, &n, 1, &err) == KAKEYA_E_ARGUMENT && strstr(err.message, "not open"), "%s", err.message);
	CHECK(kakeya_encode(e8, NULL, b, sizeof b, &n, 1, &err) == KAKEYA_E_ARGUMENT && strstr(err.message, "in"), "%s", err.message);
	CHECK(kakeya_encode(e8, &in, NULL, sizeof b, &n, 1, &err) == KAKEYA_E_ARGUMENT && strstr(err.message, "out"), "%s", err.message);
	CHECK(kakeya_encode(e8, &in, b, sizeof b, NULL, 1, &err) == KAKEYA_E_ARGUMENT && strstr(err.message, "written"), "%s", err.message);
	CHECK(kakeya_encode(e8, &in, x, sizeof x, &n, 1, &err) == KAKEYA_E_ARGUMENT && strstr(err.message, "overlaps"), "%s", err.message);
	kakeya_array odd = in;
	odd.dtype = 9;
	CHECK(kakeya_encode(e8, &odd, b, sizeof b, &n, 1, &err) == KAKEYA_E_ARGUMENT && strstr(err.message, "dtype 9"), "%s", err.message);
	odd = in, odd.stride[0] = -64;
	CHECK(kakeya_encode(e8, &odd, b, sizeof b, &n, 1, &err) == KAKEYA_E_ARGUMENT && strstr(err.message, "negative"), "%s", err.message);
	odd = in, odd.shape[2] = 32;
	CHECK(kakeya_encode(e8, &odd, b, sizeof b, &n, 1, &err) == KAKEYA_E_ARGUMENT && strstr(err.message, "32"), "%s", err.message);
	odd = in, odd.stride[0] = 1;
	CHECK(kakeya_decode(e8, b, sizeof b, &odd, &n, 1, &err) == KAKEYA_E_ARGUMENT && strstr(err.message, "overlap"), "%s", err.message);
	odd = in, odd.data = NULL;
	CHECK(kakeya_decode(e8, b, sizeof b, &odd, &n, 1, &err) == KAKEYA_E_ARGUMENT && strstr(err.message, "data"), "%s", err.message);
	x[64 + 3] = NAN;
	CHECK(kakeya_encode(e8, &in, b, sizeof b, &n, 1, &err) == KAKEYA_E_VALUE && strstr(err.message, "vector 1, coordinate 3 is NaN"), "%s", err.message);
	x[64 + 3] = 0;
	CHECK(kakeya_decode(e8, b, 3, &in, &n, 1, &err) == KAKEYA_E_CORRUPT, "%s", err.message);
	CHECK(kakeya_page_info(b, 3, NULL, &err) == KAKEYA_E_ARGUMENT, "%s", err.message);
	char spec[64] = "";
	for (int i = 0; i < 128; i++) x[i] = gaussian();
	CHECK(kakeya_fit("nvfp4", &in, spec, sizeof spec, &err) == KAKEYA_OK && kakeya_open(spec, 64, &codec, &err) == KAKEYA_OK, "%s: %s", spec, err.message);
	CHECK(kakeya_fit("nvfp4", &in, spec, 3, &err) == KAKEYA_E_SPACE, "%s", err.message);
	kakeya_close(codec, NULL), kakeya_close(e8, NULL);
}

/* A [heads, tokens, dim] tensor of bfloat16, as caches have it, beside the same values
 * dense: the bytes are equal. */
static void strides(void) {
	enum { tokens = 37, heads = 3, dim = 128 };
	static uint16_t by_token[tokens][heads][dim], by_head[heads][tokens][dim], back[heads][tokens][dim];
	for (int t = 0; t < tokens; t++)
		for (int h = 0; h < heads; h++)
			for (int i = 0; i < dim; i++) {
				float v = gaussian();
				uint32_t bits;
				memcpy(&bits, &v, 4);
				by_token[t][h][i] = by_head[h][t][i] = (uint16_t)(bits >> 16);
			}
	kakeya_error err;
	kakeya_codec codec = open_codec("e8-gs:delta=0.09", dim);
	kakeya_array a = dense(by_token, KAKEYA_BF16, tokens, heads, dim);
	kakeya_array b = {by_head, KAKEYA_BF16, 0, {tokens, heads, dim}, {dim, tokens * dim, 1}};
	static uint8_t first[1 << 17], second[1 << 17];
	size_t n = 0, m = 0;
	CHECK(kakeya_encode(codec, &a, first, sizeof first, &n, 1, &err) == KAKEYA_OK, "%s", err.message);
	CHECK(kakeya_encode(codec, &b, second, sizeof second, &m, 1, &err) == KAKEYA_OK, "%s", err.message);
	CHECK(n == m && !memcmp(first, second, n), "%zu and %zu bytes", n, m);
	b.data = back;
	CHECK(kakeya_decode(codec, first, n, &b, NULL, 1, &err) == KAKEYA_OK, "%s", err.message);
	kakeya_close(codec, NULL);
}

/* Arguments at random, memory just as large as they say: nothing but a status comes
 * back, and AddressSanitizer sees no step beyond. */
static void random_arguments(int rounds) {
	static const char *specs[] = {"e8:q=38", "e8-gs:delta=0.09", "int6:group=64", "fp8-tensor:scale=1", "e8-gs:delta=0.09,slot=auto", "q8_0", "", "x", "e8:q=", "nvfp4"};
	static const int64_t odd[] = {0, 1, 2, 3, 16, 63, 64, 65, 128, -1, INT64_MAX, INT64_MIN, 1 << 20};
#define PICK(list) (list)[next() % (sizeof(list) / sizeof *(list))]
	kakeya_error err;
	for (int i = 0; i < rounds; i++) {
		kakeya_codec codec = 0;
		if (kakeya_open(PICK(specs), (int32_t)PICK(odd), &codec, &err) != KAKEYA_OK && next() % 4) continue;
		kakeya_array a = {NULL, (int32_t)(next() % 5) - 1, 0, {0}, {0}};
		size_t span = 1, most = 1;
		int valid = 1;
		for (int k = 0; k < 3; k++) {
			a.shape[k] = PICK(odd), a.stride[k] = PICK(odd);
			if (a.shape[k] < 0 || a.shape[k] > 128 || a.stride[k] < 0 || a.stride[k] > 128) valid = 0;
			if (valid && a.shape[k] > 0) span += (size_t)((a.shape[k] - 1) * a.stride[k]), most *= (size_t)a.shape[k];
		}
		if (!valid && next() % 8) { /* most arrays should be possible */
			a = dense(NULL, KAKEYA_F32, (int64_t)(next() % 70), 2, 64);
			span = (size_t)(a.shape[0] * 128 + 1);
			valid = 1;
		}
		size_t capacity = next() % 40000, n = 0;
		/* Beyond what is possible there is no memory: the call must say so first. */
		a.data = malloc(valid ? span * 4 : 1);
		if (valid) memset(a.data, (int)(next() % 2 ? 0 : 0x3f), span * 4);
		uint8_t *b = malloc(capacity + 1);
		for (size_t k = 0; k < capacity; k += 1 + next() % 64) b[k] = (uint8_t)next();
		kakeya_encode(codec, &a, b, capacity, &n, (int32_t)(next() % 4) - 1, &err);
		kakeya_decode(codec, b, next() % 2 ? n : capacity, &a, NULL, (int32_t)(next() % 4) - 1, &err);
		kakeya_page info;
		if (kakeya_page_encode(codec, NULL, &a, b, capacity, &n, 1, &err) == KAKEYA_OK && n > 0) {
			if (next() % 2) b[next() % n] ^= (uint8_t)(1 << next() % 8);
			kakeya_page_info(b, n, &info, &err);
			kakeya_page_decode(0, b, n, &a, 1, &err);
		}
		if (codec) kakeya_close(codec, NULL);
		free(a.data), free(b);
	}
}

static void *many_calls(void *argument) {
	kakeya_codec codec = *(kakeya_codec *)argument;
	static const float x[4 * 64] = {1, 2, 3};
	float y[4 * 64];
	uint8_t b[4096];
	kakeya_error err;
	for (int i = 0; i < 300; i++) {
		kakeya_array in = dense((void *)x, KAKEYA_F32, 4, 1, 64), out = dense(y, KAKEYA_F32, 4, 1, 64);
		size_t n = 0;
		if (kakeya_encode(codec, &in, b, sizeof b, &n, 1, &err) || kakeya_decode(codec, b, n, &out, NULL, 1, &err)) return "a call failed";
		kakeya_codec own;
		if (kakeya_open("bf16", 64, &own, &err) || kakeya_close(own, &err)) return "open or close failed";
	}
	return NULL;
}

int main(int argc, char **argv) {
	CHECK(kakeya_abi() == KAKEYA_ABI && kakeya_version()[0], "abi %d", kakeya_abi());
	round_trip("e8:q=38", 128, 7e-4);
	round_trip("e8-gs:delta=0.09", 64, 7e-4);
	round_trip("e8-gs:delta=0.09", 512, 7e-4);
	round_trip("bf16", 80, 3e-6);
	bad_input();
	strides();
	random_arguments(argc > 1 ? atoi(argv[1]) : 2000);
	kakeya_codec shared = open_codec("e8-gs:delta=0.09", 64);
	pthread_t threads[8];
	for (int i = 0; i < 8; i++) pthread_create(&threads[i], NULL, many_calls, &shared);
	for (int i = 0; i < 8; i++) {
		void *problem = NULL;
		pthread_join(threads[i], &problem);
		CHECK(problem == NULL, "%s", (char *)problem);
	}
	kakeya_close(shared, NULL);
	if (failures) fprintf(stderr, "%d failures\n", failures);
	else puts("ok");
	return failures != 0;
}
