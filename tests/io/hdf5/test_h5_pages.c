/* What a file must hold, noted write by write: found again, and every damage told. */
#include "io/hdf5/pages.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cmocka.h>

enum { PAGE = 16384, SIZE = 70 * PAGE + 100 };

/* A file, and what was noted of it. */
typedef struct bed {
    char path[64];
    int file;
    apd_h5_pages pages;
} bed;

static void bed_open(bed *b) {
    *b = (bed){.path = "/tmp/apd-pages-XXXXXX"};
    b->file = mkstemp(b->path);
    assert_true(b->file >= 0);
}

static void bed_close(bed *b) {
    (void)close(b->file);
    (void)unlink(b->path);
    apd_h5_pages_clear(&b->pages);
    assert_int_equal(b->pages.count, 0);
}

/* Bytes that depend on where they lie and on `turn`. */
static unsigned char byte_at(int64_t address, int turn) {
    return (unsigned char)((uint64_t)(address + 1) * 2654435761u >> 11 ^ (unsigned)turn * 37u);
}

static void write_at(bed *b, int64_t address, int64_t size, int turn) {
    unsigned char *bytes = malloc((size_t)size + 1);
    for (int64_t i = 0; i < size; i++)
        bytes[i] = byte_at(address + i, turn);
    assert_int_equal(pwrite(b->file, bytes, (size_t)size, address), size);
    apd_h5_pages_note(&b->pages, b->file, address, size, bytes);
    free(bytes);
    struct stat facts;
    assert_int_equal(fstat(b->file, &facts), 0);
    b->pages.size = facts.st_size;
}

static void check_good(const bed *b) {
    apd_error error = {0};
    if (apd_h5_pages_check(&b->pages, b->file, true, b->path, &error) != APD_OK)
        fail_msg("%s", error.message);
}

static void check_bad(const bed *b, const char *text) {
    apd_error error = {0};
    assert_int_equal(apd_h5_pages_check(&b->pages, b->file, true, b->path, &error), APD_ERROR_IO);
    assert_memory_equal(error.message, b->path, strlen(b->path));
    if (strstr(error.message, text) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", text, error.message);
}

/* Flip a bit there: found, and told with its page. */
static void check_flip(bed *b, int64_t address) {
    unsigned char byte;
    char text[64];
    assert_int_equal(pread(b->file, &byte, 1, address), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(b->file, &byte, 1, address), 1);
    (void)snprintf(text, sizeof text, "holds other bytes at %lld than", (long long)(address / PAGE * PAGE));
    check_bad(b, text);
    byte ^= 0x10;
    assert_int_equal(pwrite(b->file, &byte, 1, address), 1);
    check_good(b);
}

/* Pages that one write covers, their ragged ends, small pieces, some of them twice. */
static void fill(bed *b) {
    write_at(b, 0, 96, 0);
    write_at(b, 1000, 3 * PAGE, 0);
    write_at(b, 5 * PAGE, 60 * PAGE, 0);
    write_at(b, 65 * PAGE, SIZE - 65 * PAGE, 0);
    write_at(b, 40, 200, 1);
    write_at(b, 2 * PAGE - 5, 10, 1);
}

static void check_finds_what_was_written(void **state) {
    (void)state;
    bed b;
    bed_open(&b);
    check_good(&b); /* nothing */
    fill(&b);
    check_good(&b);
    bed_close(&b);
}

static void check_tells_any_flipped_byte(void **state) {
    (void)state;
    static const int64_t places[] = {0,
                                     41,
                                     1000,
                                     PAGE - 1,
                                     PAGE,
                                     2 * PAGE,
                                     2 * PAGE + 5,
                                     3 * PAGE + 999,
                                     5 * PAGE,
                                     30 * PAGE + 77,
                                     64 * PAGE + PAGE - 1,
                                     65 * PAGE,
                                     70 * PAGE,
                                     SIZE - 1};
    bed b;
    bed_open(&b);
    fill(&b);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        check_flip(&b, places[i]);
    bed_close(&b);
}

static void check_tells_a_cut_and_a_longer_file(void **state) {
    (void)state;
    bed b;
    bed_open(&b);
    fill(&b);
    static const int64_t sizes[] = {0, PAGE, 64 * PAGE, 70 * PAGE, SIZE - 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(ftruncate(b.file, sizes[i]), 0);
        check_bad(&b, "were written");
    }
    bed_close(&b);
    bed_open(&b);
    fill(&b);
    assert_int_equal(ftruncate(b.file, SIZE + 1), 0);
    check_bad(&b, "were written");
    bed_close(&b);
}

/* A page that is known by its digest, then written in part; and the other way round. */
static void later_writes_count(void **state) {
    (void)state;
    bed b;
    bed_open(&b);
    write_at(&b, 0, 4 * PAGE, 0);
    write_at(&b, PAGE + 10, 20, 1);
    write_at(&b, 2 * PAGE + 1, 5, 1);
    write_at(&b, 2 * PAGE, PAGE, 2);
    check_good(&b);
    check_flip(&b, PAGE + 15);
    check_flip(&b, PAGE + 500);
    check_flip(&b, 2 * PAGE + 3);
    bed_close(&b);
}

static void gaps_may_hold_anything(void **state) {
    (void)state;
    bed b;
    bed_open(&b);
    write_at(&b, 3 * PAGE, PAGE, 0);
    assert_int_equal(pwrite(b.file, "x", 1, PAGE + 7), 1);
    check_good(&b);
    bed_close(&b);
}

static void check_of_an_unreadable_file_says_so(void **state) {
    (void)state;
    bed b;
    bed_open(&b);
    write_at(&b, 0, PAGE, 0);
    (void)close(b.file);
    b.file = open(b.path, O_WRONLY);
    check_bad(&b, "cannot read it back: Bad file descriptor");
    bed_close(&b);
}

/* How many pages of the file are in memory once the check has asked the system to drop them; -1: it has not. */
static long resident = -1;

int __real_posix_fadvise(int descriptor, off_t begin, off_t length, int advice);
int __wrap_posix_fadvise(int descriptor, off_t begin, off_t length, int advice);
int __wrap_posix_fadvise(int descriptor, off_t begin, off_t length, int advice) {
    static unsigned char in_memory[SIZE / 4096 + 2];
    int answer = __real_posix_fadvise(descriptor, begin, length, advice);
    void *bytes = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, descriptor, 0);
    resident = 0;
    if (bytes == MAP_FAILED || mincore(bytes, SIZE, in_memory) != 0)
        return answer;
    for (long page = 0; page < (SIZE + sysconf(_SC_PAGESIZE) - 1) / sysconf(_SC_PAGESIZE); page++)
        resident += in_memory[page] & 1;
    (void)munmap(bytes, SIZE);
    return answer;
}

static void check_of_a_synced_file_reads_past_the_page_cache(void **state) {
    (void)state;
    bed b;
    struct statfs facts;
    bed_open(&b);
    fill(&b);
    assert_int_equal(fsync(b.file), 0);
    resident = -1;
    check_good(&b);
    assert_int_equal(fstatfs(b.file, &facts), 0);
    if (facts.f_type != TMPFS_MAGIC)
        assert_int_equal(resident, 0);
    bed_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_finds_what_was_written),
        cmocka_unit_test(check_tells_any_flipped_byte),
        cmocka_unit_test(check_tells_a_cut_and_a_longer_file),
        cmocka_unit_test(later_writes_count),
        cmocka_unit_test(gaps_may_hold_anything),
        cmocka_unit_test(check_of_an_unreadable_file_says_so),
        cmocka_unit_test(check_of_a_synced_file_reads_past_the_page_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
