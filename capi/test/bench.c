/* What a call into the library costs, and from how many vectors on that does not
 * matter: run.sh bench. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../kakeya.h"

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The least time of a call over short runs, in ns. */
#define LEAST(call) __extension__({ \
	double least = INFINITY; \
	for (int run = 0; run < 30; run++) { \
		int calls = 0; \
		double begin = now(), spent; \
		do { for (int i = 0; i < 8; i++) { call; } calls += 8; } while ((spent = now() - begin) < 2e-3); \
		if (spent / calls < least) least = spent / calls; \
	} \
	1e9 * least; \
})

int main(void) {
	static const char *specs[] = {"fp8-v4", "e8:q=38", "e8-gs:delta=0.09"};
	enum { dim = 512, most = 1024 };
	static float x[most * dim], y[most * dim];
	static uint8_t b[most * dim * 4];
	kakeya_codec codec;
	kakeya_error err;
	size_t n = 0;
	for (int i = 0; i < most * dim; i++) x[i] = (float)sin(0.37 * i * i);
	if (kakeya_open("bf16", dim, &codec, &err)) return fprintf(stderr, "%s\n", err.message), 1;
	printf("a call that does nothing: %.0f ns; from C to Go and back: %.0f ns\n", LEAST(kakeya_abi()), LEAST(kakeya_size(codec, 1, &n, NULL, &err)));
	printf("ns per vector of %d float32, one thread\n%-18s %8s %8s %8s\n", dim, "codec", "vectors", "encode", "decode");
	for (size_t s = 0; s < sizeof specs / sizeof *specs; s++) {
		if (kakeya_open(specs[s], dim, &codec, &err)) return fprintf(stderr, "%s\n", err.message), 1;
		for (int64_t vectors = 1; vectors <= most; vectors *= 4) {
			kakeya_array in = {x, KAKEYA_F32, 0, {vectors, 1, dim}, {dim, dim, 1}}, out = in;
			out.data = y;
			double encode = LEAST(kakeya_encode(codec, &in, b, sizeof b, &n, 1, &err));
			double decode = LEAST(kakeya_decode(codec, b, n, &out, NULL, 1, &err));
			printf("%-18s %8d %8.0f %8.0f\n", specs[s], (int)vectors, encode / (double)vectors, decode / (double)vectors);
		}
	}
	return 0;
}
