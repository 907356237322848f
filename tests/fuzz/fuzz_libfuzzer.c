/* A harness under libFuzzer: its own mutator half of the time, the harness' the other half. */
#include "base/log.h"
#include "base/status.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t room, unsigned number);
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t size, size_t room);

static void on_fatal(int exit_code) {
    (void)exit_code;
    abort();
}

int LLVMFuzzerInitialize(int *count, char ***arguments) {
    (void)count;
    (void)arguments;
    apd_log_enable(false);
    apd_fatal_install(0, on_fatal);
    fuzz_start();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    if (size <= FUZZ_ROOM)
        (void)fuzz_one(bytes, size);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t room, unsigned number) {
    static uint8_t work[FUZZ_ROOM], made[FUZZ_ROOM];
    fuzz_random random = {number};
    if (room > FUZZ_ROOM || fuzz_draw(&random, 2) == 0)
        return LLVMFuzzerMutate(bytes, size, room);
    memcpy(work, bytes, size);
    if (fuzz_draw(&random, 64) == 0) { /* back to a seed */
        size_t fresh = fuzz_seed((int)fuzz_draw(&random, 16), made);
        if (fresh > 0)
            memcpy(work, made, size = fresh);
    }
    for (uint32_t changes = 1 + fuzz_draw(&random, 4); changes > 0; changes--)
        size = fuzz_mutate(work, size, &random);
    size = size < room ? size : room;
    memcpy(bytes, work, size);
    return size;
}
