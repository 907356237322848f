/* fuzz: what a harness is, and what the harnesses share.
 *
 * A harness feeds one reader of the program with bytes that may be anything, and ends the process (abort, or a
 * sanitizer's report) when the reader does not answer with success or with one clear line and a documented
 * status. It is built twice: with fuzz_driver.c, a plain program for any compiler that replays files and runs
 * mutated inputs from a seed, the same every time; and with fuzz_libfuzzer.c under clang's libFuzzer, which is
 * led by coverage. tests/fuzz/fuzz.sh runs either.
 *
 * Seeds are the files that are named, and those that the harness makes itself (binary formats). */
#ifndef APD_FUZZ_H
#define APD_FUZZ_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FUZZ_ROOM (1 << 16) /* bytes of the longest input */

/* End the process when what must hold does not. */
#define FUZZ_CHECK(expression) ((expression) ? (void)0 : fuzz_broken(__FILE__, __LINE__, #expression))
void fuzz_broken(const char *file, int line, const char *expression) __attribute__((noreturn));

/* Numbers that depend on the state alone. */
typedef struct fuzz_random {
    uint64_t state;
} fuzz_random;

uint32_t fuzz_draw(fuzz_random *random, uint32_t below); /* 0 .. below-1; 0 when below is 0 */

/* --- what a harness gives ------------------------------------------------------------------------------- */

extern const char *const fuzz_name;

/* Whether an input may end the process with the status DATA: HDF5's own faults do (io/h5_guard). The driver
 * then runs the inputs in a child process, and makes another when it ends so. */
extern const bool fuzz_may_end;

/* Once, before the first input. */
void fuzz_start(void);

/* One input, and what the reader answers; the same whatever was run before. `bytes` is not changed; a copy of
 * it, of exactly `size` bytes, is what the driver passes. */
apd_status fuzz_one(const uint8_t *bytes, size_t size);

/* Seed `number` (from 0) to `bytes`: its size; 0 when there are no more. */
size_t fuzz_seed(int number, uint8_t *bytes);

/* Change the input in place (at most FUZZ_ROOM bytes), minding its format: the new size. */
size_t fuzz_mutate(uint8_t *bytes, size_t size, fuzz_random *random);

/* --- what it may use ------------------------------------------------------------------------------------ */

/* A change that knows no format: bits, bytes, numbers, pieces removed, doubled, moved. */
size_t fuzz_mutate_bytes(uint8_t *bytes, size_t size, fuzz_random *random);

/* Put `piece` in at `place`, or over what is there. The new size; no change where there is no room. */
size_t fuzz_insert(uint8_t *bytes, size_t size, size_t place, const void *piece, size_t length);
size_t fuzz_overwrite(uint8_t *bytes, size_t size, size_t place, const void *piece, size_t length);

/* A refusal says one line that names `part` (or NULL), with one of the statuses USAGE, DATA and IO. */
void fuzz_check_refusal(apd_status status, const apd_error *error, const char *part);

/* A folder of this process in memory where the system has such a place. Removed at a good end. */
const char *fuzz_folder(void);

/* Write `folder/name`. */
void fuzz_store(const char *name, const void *bytes, size_t size);

/* Little-endian numbers that read as 0 beyond the end. */
typedef struct fuzz_bytes {
    const uint8_t *at, *end;
} fuzz_bytes;

uint8_t fuzz_take(fuzz_bytes *bytes);
uint32_t fuzz_take_16(fuzz_bytes *bytes);

#endif
