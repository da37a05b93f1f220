/*
 * What a fuzz target is: one file, tests/fuzz/fuzz_<name>.c, and its corpus in
 * tests/fuzz/corpus/<name>/.  Tokens for the fuzzer may stand in tests/fuzz/<name>.dict.
 *
 * `make fuzz` runs every target under libFuzzer; `make unit` runs every file of every corpus
 * through its target as a plain test.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/** The target's name: that of its corpus. */
extern const char fuzz_name[];

/** Try one input; aborts when the target's property does not hold.  The name is libFuzzer's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif /* FUZZ_FUZZ_H */
