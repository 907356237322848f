#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void fuzz_broken(const char *file, int line, const char *expression) {
    (void)fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, expression);
    abort();
}

/* splitmix64 */
uint32_t fuzz_draw(fuzz_random *random, uint32_t below) {
    uint64_t z = random->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)(((z ^ (z >> 31)) >> 32) * below >> 32);
}

size_t fuzz_insert(uint8_t *bytes, size_t size, size_t place, const void *piece, size_t length) {
    if (place > size || length > FUZZ_ROOM - size)
        return size;
    memmove(bytes + place + length, bytes + place, size - place);
    memcpy(bytes + place, piece, length);
    return size + length;
}

size_t fuzz_overwrite(uint8_t *bytes, size_t size, size_t place, const void *piece, size_t length) {
    if (place <= size && length <= size - place)
        memcpy(bytes + place, piece, length);
    return size;
}

static size_t remove_piece(uint8_t *bytes, size_t size, size_t place, size_t length) {
    length = length < size - place ? length : size - place;
    memmove(bytes + place, bytes + place + length, size - place - length);
    return size - length;
}

/* A number that is on some edge, little- or big-endian, of 1, 2, 4 or 8 bytes. */
static size_t put_number(uint8_t *bytes, size_t size, size_t place, fuzz_random *random) {
    static const uint64_t edges[] = {0,          1,          2,           0x7F,       0x80,       0xFF,
                                     0x100,      0x7FFF,     0x8000,      0xFFFF,     0x10000,    0x7FFFFFFF,
                                     0x80000000, 0xFFFFFFFF, 0x100000000, 1ULL << 40, 1ULL << 62, 1ULL << 63};
    uint64_t number = edges[fuzz_draw(random, sizeof edges / sizeof *edges)] + fuzz_draw(random, 3) - 1;
    size_t length = (size_t)1 << fuzz_draw(random, 4);
    uint8_t piece[8];
    bool big = fuzz_draw(random, 2) == 0;
    for (size_t i = 0; i < length; i++)
        piece[i] = (uint8_t)(number >> 8 * (big ? length - 1 - i : i));
    return fuzz_overwrite(bytes, size, place, piece, length);
}

size_t fuzz_mutate_bytes(uint8_t *bytes, size_t size, fuzz_random *random) {
    size_t place = fuzz_draw(random, (uint32_t)size);
    size_t length = 1 + fuzz_draw(random, 1U << fuzz_draw(random, 10));
    uint8_t byte = (uint8_t)fuzz_draw(random, 256);
    if (size == 0)
        return fuzz_insert(bytes, size, 0, &byte, 1);
    switch (fuzz_draw(random, 8)) {
    case 0: bytes[place] ^= (uint8_t)(1U << fuzz_draw(random, 8)); return size;
    case 1: bytes[place] = byte; return size;
    case 2: bytes[place] = (uint8_t)(bytes[place] + fuzz_draw(random, 33) - 16); return size;
    case 3: return put_number(bytes, size, place, random);
    case 4: return fuzz_insert(bytes, size, place, &byte, 1);
    case 5: return remove_piece(bytes, size, place, length);
    case 6: return fuzz_draw(random, 4) == 0 ? place : size; /* cut short */
    default: break;
    }
    uint8_t piece[1024];
    size_t from = fuzz_draw(random, (uint32_t)size);
    length = length < size - from ? length : size - from;
    length = length < sizeof piece ? length : sizeof piece;
    memcpy(piece, bytes + from, length);
    return byte < 128 ? fuzz_insert(bytes, size, place, piece, length)
                      : fuzz_overwrite(bytes, size, place, piece, length);
}

void fuzz_check_refusal(apd_status status, const apd_error *error, const char *part) {
    FUZZ_CHECK(status == APD_ERROR_USAGE || status == APD_ERROR_DATA || status == APD_ERROR_IO);
    FUZZ_CHECK(error->status == status && error->message[0] != '\0');
    FUZZ_CHECK(strpbrk(error->message, "\n\r") == NULL);
    FUZZ_CHECK(part == NULL || strstr(error->message, part) != NULL);
}

static char folder[64];

static int remove_entry(const char *path, const struct stat *facts, int kind, struct FTW *place) {
    (void)facts;
    (void)kind;
    (void)place;
    return remove(path);
}

static void remove_folder(void) {
    (void)nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_folder(void) {
    if (folder[0] != '\0')
        return folder;
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(folder, sizeof folder, "%s/apd-fuzz-XXXXXX", base);
    FUZZ_CHECK(mkdtemp(folder) != NULL);
    FUZZ_CHECK(atexit(remove_folder) == 0);
    return folder;
}

void fuzz_store(const char *name, const void *bytes, size_t size) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", fuzz_folder(), name);
    (void)unlink(path); /* HDF5 would answer from a former file of this inode that it failed to close */
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    FUZZ_CHECK(file >= 0);
    FUZZ_CHECK(write(file, bytes, size) == (ssize_t)size);
    FUZZ_CHECK(close(file) == 0);
}

uint8_t fuzz_take(fuzz_bytes *bytes) {
    return bytes->at < bytes->end ? *bytes->at++ : 0;
}

uint32_t fuzz_take_16(fuzz_bytes *bytes) {
    uint32_t low = fuzz_take(bytes);
    return low | (uint32_t)fuzz_take(bytes) << 8;
}
