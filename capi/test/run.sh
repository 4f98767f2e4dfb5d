#!/usr/bin/env bash
# Builds libkakeya and its tests in C under AddressSanitizer, and runs them:
# run.sh [ROUNDS of random arguments], or run.sh bench.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
go build -buildmode=c-shared -o "$out/libkakeya.so" ./capi
link=(-L"$out" -lkakeya -lm -lpthread -Wl,-rpath,"$out")
if [ "${1:-}" = bench ]; then
  gcc -O2 -o "$out/bench" capi/test/bench.c "${link[@]}"
  "$out/bench"
  exit
fi
gcc -std=c11 -D_DEFAULT_SOURCE -Wall -Wextra -Werror -pedantic -g -O1 \
  -fsanitize=address,undefined -fno-sanitize-recover=undefined -o "$out/test" capi/test/test.c "${link[@]}"
gcc -std=c11 -Wall -Werror -fsyntax-only -x c capi/kakeya.h
if command -v g++ >/dev/null; then
  g++ -std=c++17 -Wall -Werror -fsyntax-only -x c++ capi/kakeya.h
fi
# Go keeps its memory until the process ends, so no leak check, and handles its own
# signals.
ASAN_OPTIONS=detect_leaks=0:handle_segv=0 "$out/test" "$@"
