/* hostile: malicious files are refused with one line: values and links that lead to other files, small files that need
 * gigabytes, pipes in place of files, structures with which HDF5 leaves its own memory. Each case was once a crash, a hang
 * or a process killed for lack of memory, or could have been. */
#include "io/data/dataset.h"
#include "io/hdf5/guard.h"
#include "io/hdf5/h5.h"
#include "io/images/import.h"
#include "io/images/inflate.h"
#include "io/images/png.h"
#include "io/system/memory_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "folder.h"

static char data_path[128];

static int set_up(void **state) {
    (void)alarm(60); /* ends a test that waits for a pipe */
    int status = make_folder(state);
    (void)snprintf(data_path, sizeof data_path, "%s/data.h5", folder);
    return status;
}

static int remove_folder(void **state) {
    (void)state;
    (void)alarm(0);
    run("rm -r '%s'", folder);
    return (int)H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL);
}

/* Limit the address space to `bytes` more than now; -1 removes the limit. Skipped under the sanitizers, which use it all. */
static void limit_memory(int64_t bytes) {
#ifdef __SANITIZE_ADDRESS__
    skip();
#endif
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu", &pages), 1);
    (void)fclose(file);
    rlim_t most = bytes < 0 ? RLIM_INFINITY : pages * (rlim_t)sysconf(_SC_PAGESIZE) + (rlim_t)bytes;
    struct rlimit limit = {most, RLIM_INFINITY};
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
}

/* --- data files -------------------------------------------------------------------------------------------- */

enum { IMAGES = 4, PIXELS = 3 * 5, TEXTS = 3000, LONG_TEXT = 200000 };

static void write_good_file(const char *path) {
    static uint8_t images[IMAGES * PIXELS];
    static int32_t labels[IMAGES] = {0, 1, 0, 1};
    apd_dataset_content content = {.source = "a test",
                                   .shape = {1, 3, 5},
                                   .count = {IMAGES, IMAGES},
                                   .images = {images, images},
                                   .labels = {labels, labels},
                                   .classes = 2};
    apd_error error = {0};
    assert_int_equal(apd_dataset_write(path, &content, NULL, &error), APD_OK);
}

/* Open the good file without `name`, to put something else there. */
static hid_t open_without(const char *name) {
    write_good_file(data_path);
    hid_t list = H5Pcreate(H5P_FILE_ACCESS);
    assert_true(list >= 0 && H5Pset_libver_bounds(list, H5F_LIBVER_V110, H5F_LIBVER_LATEST) >= 0);
    hid_t file = H5Fopen(data_path, H5F_ACC_RDWR, list);
    assert_true(file >= 0 && H5Ldelete(file, name, H5P_DEFAULT) >= 0);
    assert_true(H5Adelete(file, "digest") >= 0);
    (void)H5Pclose(list);
    return file;
}

static void close_file(hid_t file) {
    assert_true(H5Fclose(file) >= 0);
}

/* Replace the training labels: `count` of them, created with the property list `list`, which is closed. */
static void write_labels(hid_t file, hsize_t count, hid_t list) {
    hsize_t limit = H5S_UNLIMITED;
    hid_t space = H5Screate_simple(1, &count, H5Pget_layout(list) == H5D_CHUNKED ? &limit : NULL);
    hid_t set = H5Dcreate2(file, "/train/labels", H5T_STD_I32LE, space, H5P_DEFAULT, list, H5P_DEFAULT);
    assert_true(set >= 0);
    (void)H5Dclose(set);
    (void)H5Sclose(space);
    (void)H5Pclose(list);
}

static void assert_open_fails_with(apd_status status, const char *part) {
    apd_error error = {0};
    apd_dataset *dataset = NULL;
    assert_int_equal(apd_dataset_open(data_path, &dataset, &error), status);
    if (strstr(error.message, part) == NULL || strstr(error.message, data_path) == NULL)
        fail_msg("\"%s\" does not name the file and \"%s\"", error.message, part);
}

static void assert_open_fails(const char *part) {
    assert_open_fails_with(APD_ERROR_DATA, part);
}

static void open_values_in_another_file_are_refused(void **state) {
    (void)state;
    hid_t file = open_without("/train/labels"), list = H5Pcreate(H5P_DATASET_CREATE);
    assert_true(H5Pset_external(list, "/dev/zero", 0, H5F_UNLIMITED) >= 0);
    write_labels(file, IMAGES, list);
    close_file(file);
    assert_open_fails("/train/labels: its values are in other files; they must be in this one");
}

static void open_virtual_set_is_refused(void **state) {
    (void)state;
    hid_t file = open_without("/train/labels"), list = H5Pcreate(H5P_DATASET_CREATE);
    hsize_t count = IMAGES;
    hid_t space = H5Screate_simple(1, &count, NULL);
    assert_true(H5Pset_virtual(list, space, "/etc/other.h5", "/labels", space) >= 0);
    (void)H5Sclose(space);
    write_labels(file, IMAGES, list);
    close_file(file);
    assert_open_fails("/train/labels: its values are in other files; they must be in this one");
}

static void open_link_out_of_the_folder_leads_nowhere(void **state) {
    (void)state;
    char other[160], pipe[160];
    (void)snprintf(other, sizeof other, "%s/other.h5", folder);
    (void)snprintf(pipe, sizeof pipe, "%s/pipe", folder);
    write_good_file(other);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    run("mkdir '%s/sub' && cp '%s' '%s/../apd-hostile-outside.h5'", folder, other, folder);
    const char *targets[] = {other, "../apd-hostile-outside.h5", "sub/../../apd-hostile-outside.h5", "pipe",
                             "/dev/zero"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        hid_t file = open_without("/train/labels");
        assert_true(H5Lcreate_external(targets[i], "/train/labels", file, "/train/labels", H5P_DEFAULT,
                                       H5P_DEFAULT) >= 0);
        close_file(file);
        assert_open_fails("there is no /train/labels");
    }
    run("rm '%s/../apd-hostile-outside.h5'", folder);
}

static void open_link_within_the_folder_is_followed(void **state) {
    (void)state;
    char other[160];
    (void)snprintf(other, sizeof other, "%s/sub.h5", folder);
    write_good_file(other);
    hid_t file = open_without("/train/labels");
    assert_true(
        H5Lcreate_external("sub.h5", "/train/labels", file, "/train/labels", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    close_file(file);
    apd_error error = {0};
    apd_dataset *dataset = NULL;
    assert_int_equal(apd_dataset_open(data_path, &dataset, &error), APD_OK);
    apd_dataset_close(dataset);
}

static void open_unsafe_filter_is_refused(void **state) {
    (void)state;
    hid_t file = open_without("/train/labels"), list = H5Pcreate(H5P_DATASET_CREATE);
    hsize_t chunk = IMAGES;
    assert_true(H5Pset_chunk(list, 1, &chunk) >= 0 && H5Pset_nbit(list) >= 0);
    write_labels(file, IMAGES, list);
    close_file(file);
    assert_open_fails(
        "/train/labels: is packed in a way that is not read; deflate, shuffle and fletcher32 are");
}

static void open_chunk_beyond_the_file_is_refused(void **state) {
    (void)state;
    hid_t file = open_without("/train/labels"), list = H5Pcreate(H5P_DATASET_CREATE);
    hsize_t chunk = (hsize_t)1 << 29;
    assert_true(H5Pset_chunk(list, 1, &chunk) >= 0 && H5Pset_deflate(list, 1) >= 0);
    write_labels(file, IMAGES, list);
    close_file(file);
    assert_open_fails("/train/labels: its chunks are larger than a file of ");
}

/* 128 MiB of zeros as labels in a file of 140 kB, for 2^25 images of one pixel. */
static void open_more_than_the_machine_holds_is_refused(void **state) {
    (void)state;
    hsize_t count = (hsize_t)1 << 25, chunk[4] = {(hsize_t)1 << 22, 1, 1, 1}, sizes[4] = {count, 1, 1, 1};
    hid_t file = open_without("/train/labels"), list = H5Pcreate(H5P_DATASET_CREATE);
    assert_true(H5Ldelete(file, "/train/images", H5P_DEFAULT) >= 0);
    assert_true(H5Ldelete(file, "/train/image_digests", H5P_DEFAULT) >= 0);
    assert_true(H5Ldelete(file, "/test/image_digests", H5P_DEFAULT) >= 0);
    assert_true(H5Pset_deflate(list, 1) >= 0 && H5Pset_alloc_time(list, H5D_ALLOC_TIME_EARLY) >= 0);
    assert_true(H5Pset_chunk(list, 4, chunk) >= 0);
    hid_t space = H5Screate_simple(4, sizes, NULL);
    hid_t set = H5Dcreate2(file, "/train/images", H5T_STD_U8LE, space, H5P_DEFAULT, list, H5P_DEFAULT);
    assert_true(set >= 0 && H5Pset_chunk(list, 1, chunk) >= 0);
    (void)H5Dclose(set);
    (void)H5Sclose(space);
    write_labels(file, count, list);
    close_file(file);
    limit_memory(INT64_C(100) << 20);
    assert_open_fails_with(APD_REQUEUE, "/train/labels: its values take 128 MiB of memory, and ");
    limit_memory(-1);
}

/* Training images' names of variable length; returns where their elements lie. */
static long write_variable_names(char *const *names, hsize_t count) {
    hid_t file = open_without("/test/image_digests"), type = H5Tcopy(H5T_C_S1);
    hid_t space = H5Screate_simple(1, &count, NULL);
    assert_true(H5Tset_size(type, H5T_VARIABLE) >= 0);
    hid_t set = H5Dcreate2(file, "/class_names", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, names) >= 0);
    long place = (long)H5Dget_offset(set);
    (void)H5Sclose(space);
    (void)H5Tclose(type);
    (void)H5Dclose(set);
    close_file(file);
    return place;
}

static void patch(long place, const void *bytes, size_t size) {
    FILE *raw = fopen(data_path, "r+b");
    assert_true(raw != NULL && fseek(raw, place, SEEK_SET) == 0);
    assert_int_equal(fwrite(bytes, size, 1, raw), 1);
    assert_int_equal(fclose(raw), 0);
}

static void read_from(long place, void *bytes, size_t size) {
    FILE *raw = fopen(data_path, "rb");
    assert_true(raw != NULL && fseek(raw, place, SEEK_SET) == 0);
    assert_int_equal(fread(bytes, size, 1, raw), 1);
    assert_int_equal(fclose(raw), 0);
}

static void open_names_of_variable_length_are_read(void **state) {
    (void)state;
    static char *names[] = {"one", "", "\xc3\xa9l\xc3\xa9phant"};
    apd_error error = {0};
    apd_dataset *dataset = NULL;
    (void)write_variable_names(names, 3);
    hid_t file;
    char **texts = NULL;
    int64_t count = 0;
    assert_int_equal(apd_dataset_open(data_path, &dataset, &error), APD_OK);
    assert_string_equal(dataset->class_names[0], "one");
    assert_string_equal(dataset->class_names[1], "");
    apd_dataset_close(dataset);
    assert_int_equal(apd_h5_open(data_path, &file, &error), APD_OK);
    assert_int_equal(apd_h5_texts_read(file, "/class_names", &count, &texts, &error), APD_OK);
    assert_int_equal(count, 3);
    assert_string_equal(texts[2], names[2]);
    apd_h5_texts_free(count, texts);
    assert_int_equal(apd_h5_close(&file, data_path, &error), APD_OK);
}

/* Each byte of an element and of the heap's headers, with which HDF5 1.10.8 leaves its own memory. */
static void open_names_with_a_changed_heap_never_crash(void **state) {
    (void)state;
    static char *names[] = {"one", "three"};
    uint8_t element[16], heads[48];
    long place = write_variable_names(names, 2);
    read_from(place, element, sizeof element);
    long heap = (long)element[4] + 256L * element[5] + 65536L * element[6];
    read_from(heap, heads, sizeof heads);
    assert_memory_equal(heads, "GCOL", 4);
    for (int i = 0; i < 64; i++)
        for (int change = 1; change < 256; change *= 2) {
            uint8_t byte = (uint8_t)((i < 16 ? element[i] : heads[i - 16]) ^ change);
            long at = i < 16 ? place + i : heap + i - 16;
            patch(at, &byte, 1);
            apd_error error = {0};
            apd_dataset *dataset = NULL;
            apd_status status = apd_dataset_open(data_path, &dataset, &error);
            assert_true(status == APD_OK || status == APD_ERROR_DATA);
            apd_dataset_close(dataset);
            byte = i < 16 ? element[i] : heads[i - 16];
            patch(at, &byte, 1);
        }
    uint8_t length = 200;
    patch(place, &length, 1);
    assert_open_fails("/class_names: text 0 is not where the file says: it is damaged");
}

/* All names are the same long text of the file: 600 MB of names in a file of 250 kB. */
static void open_many_names_of_one_text_are_refused(void **state) {
    (void)state;
    static char long_text[LONG_TEXT + 1];
    static char *texts[TEXTS];
    uint8_t element[16];
    memset(long_text, 'a', LONG_TEXT);
    for (int i = 0; i < TEXTS; i++)
        texts[i] = i == 0 ? long_text : "b";
    long place = write_variable_names(texts, TEXTS);
    read_from(place, element, sizeof element);
    for (int i = 1; i < TEXTS; i++)
        patch(place + 16 * i, element, sizeof element);
    assert_open_fails("is too long: one can have 1048576 bytes");
}

/* A file that HDF5 cannot close, found by tests/fuzz/: the process crashed at its end. HDF5 reads memory there that it never
   wrote; what it then frees is a matter of luck, and a sanitizer's free() ends the process by itself. */
static void open_file_that_cannot_be_closed_leaves_a_good_exit(void **state) {
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    skip();
#endif
    int result = 0;
    run("tail -c +2 '%s' >'%s'", KEPT_INPUT, data_path);
    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        apd_dataset *dataset = NULL;
        exit(apd_dataset_open(data_path, &dataset, NULL) == APD_ERROR_DATA ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
}

static void open_pipe_is_refused(void **state) {
    (void)state;
    assert_int_equal(mkfifo(data_path, 0600), 0);
    assert_open_fails("is a pipe or device; a plain file is needed");
}

/* --- faults inside a library -------------------------------------------------------------------------------- */

/* Run `fault` in a child process that reads x.h5: its exit status (or -1) and its stderr. */
static int run_fault(void (*fault)(void), char *text, size_t size) {
    int ends[2], result = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        (void)signal(SIGSEGV, SIG_DFL);
        (void)signal(SIGABRT, SIG_DFL);
        (void)apd_h5_guard_begin("x.h5");
        fault();
        _exit(0);
    }
    (void)close(ends[1]);
    size_t filled = 0;
    for (ssize_t got; (got = read(ends[0], text + filled, size - 1 - filled)) > 0;)
        filled += (size_t)got;
    text[filled] = '\0';
    (void)close(ends[0]);
    assert_int_equal(waitpid(child, &result, 0), child);
    return WIFEXITED(result) ? WEXITSTATUS(result) : -1;
}

static char *volatile nowhere = (char *)8;
static volatile size_t length; /* so that the compiler keeps the calls */

static void fault_in_hdf5(void) {
    (void)H5Lexists(H5I_INVALID_HID, nowhere, H5P_DEFAULT);
    (void)H5Pexist(H5P_FILE_ACCESS, nowhere);
}

/* The C library aborts: HDF5 frees what was never allocated. */
static void abort_in_hdf5(void) {
    static _Alignas(16) char text[64];
    (void)H5free_memory(text + 32);
}

static void fault_of_our_own(void) {
    *nowhere = 1;
}

static void fault_of_our_own_in_libc(void) {
    length = strlen(nowhere);
}

static void abort_of_our_own(void) {
    abort();
}

static void fault_after_reading(void) {
    apd_h5_guard_end(NULL);
    (void)H5Pexist(H5P_FILE_ACCESS, nowhere);
}

/* Another library takes SIGSEGV alone: reading again must not make our handler its own predecessor. */
static void abort_after_another_took_a_signal(void) {
    (void)signal(SIGSEGV, SIG_DFL);
    (void)apd_h5_guard_begin("x.h5");
    apd_h5_guard_end(NULL);
    abort();
}

static void guard_fault_in_library_names_the_file(void **state) {
    (void)state;
    static const char line[] =
        "apd: x.h5: HDF5 crashed reading it: the file is damaged; make it again, or take a good copy\n";
    char text[512];
    assert_int_equal(run_fault(fault_in_hdf5, text, sizeof text), APD_ERROR_DATA);
    assert_string_equal(text, line);
#ifndef __SANITIZE_ADDRESS__ /* its free() ends the process by itself */
    assert_int_equal(run_fault(abort_in_hdf5, text, sizeof text), APD_ERROR_DATA);
    assert_non_null(strstr(text, line)); /* behind libc's own */
#else
    (void)abort_in_hdf5;
#endif
}

static void guard_our_own_fault_stays_a_crash(void **state) {
    (void)state;
    char text[512];
    assert_int_not_equal(run_fault(fault_of_our_own, text, sizeof text), APD_ERROR_DATA);
    assert_int_not_equal(run_fault(fault_of_our_own_in_libc, text, sizeof text), APD_ERROR_DATA);
    assert_int_not_equal(run_fault(abort_of_our_own, text, sizeof text), APD_ERROR_DATA);
    assert_int_not_equal(run_fault(abort_after_another_took_a_signal, text, sizeof text), APD_ERROR_DATA);
    assert_int_not_equal(run_fault(fault_after_reading, text, sizeof text), APD_ERROR_DATA);
}

/* --- importers ---------------------------------------------------------------------------------------------- */

static void assert_import_fails(const char *name, apd_status status, const char *part) {
    apd_error error = {0};
    apd_dataset_content content = {0};
    const apd_importer *row = apd_importers;
    while (strcmp(row->name, name) != 0)
        row++;
    assert_int_equal(row->read(folder, &(apd_import_options){0}, &content, &error), status);
    if (strstr(error.message, part) == NULL || strstr(error.message, folder) == NULL)
        fail_msg("\"%s\" does not name the folder and \"%s\"", error.message, part);
    apd_dataset_content_clear(&content);
}

static void import_pipes_are_passed_over(void **state) {
    (void)state;
    run("cd '%s' && mkdir a && mkfifo a/1.png a/2.png train.bin train-images-idx3-ubyte", folder);
    assert_import_fails("images", APD_ERROR_DATA, "there are no images");
    assert_import_fails("cifar100", APD_ERROR_IO, "there is no train.bin");
    assert_import_fails("mnist", APD_ERROR_DATA, "is a pipe or device; a plain file is needed");
}

static void store(const char *name, const void *bytes, size_t size) {
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* A header of 4096 x 4096 pixels of 64 bits, without pixels. */
static void import_png_of_a_header_alone_is_refused(void **state) {
    (void)state;
    static const uint8_t header[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n', 0,    0, 0,    13,
                                     'I',  'H', 'D', 'R', 0,    0,    0x10, 0,    0,    0, 0x10, 0,
                                     16,   6,   0,   0,   0,    0xA2, 0x33, 0xF8, 0x54, 0, 0,    0,
                                     0,    'I', 'D', 'A', 'T',  0x35, 0xAF, 0x06, 0x1E};
    run("mkdir '%s/a'", folder);
    store("a/1.png", header, sizeof header);
    store("a/2.png", header, sizeof header);
    assert_import_fails("images", APD_ERROR_DATA,
                        "its header says 4096 x 4096 pixels, more than its 45 bytes can hold");
}

/* 300 MB of zeros in 300 kB. */
static void import_file_that_unpacks_beyond_memory_is_refused(void **state) {
    (void)state;
    run("cd '%s' && head -c 300000000 /dev/zero | gzip -1 >train-images-idx3-ubyte.gz", folder);
    limit_memory(INT64_C(150) << 20);
    assert_import_fails("mnist", APD_REQUEUE, "train-images-idx3-ubyte.gz: its bytes take ");
    limit_memory(-1);
}

static void inflate_xz_that_wants_a_large_dictionary_is_refused(void **state) {
    (void)state;
    static const uint8_t file[] = {
        0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x01, 0x69, 0x22, 0xde, 0x36, 0x02, 0x00, 0x21, 0x01,
        0x22, 0x00, 0x00, 0x00, 0x82, 0x40, 0xac, 0xdc, 0xe0, 0x00, 0x3f, 0x00, 0x06, 0x5d, 0x00, 0x3c,
        0x6e, 0x56, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x12, 0xac, 0xd2, 0x3a, 0x00, 0x01, 0x1e, 0x40,
        0x64, 0xcb, 0x1b, 0x82, 0x90, 0x42, 0x99, 0x0d, 0x01, 0x00, 0x00, 0x00, 0x00, 0x01, 0x59, 0x5a};
    store("train-images-idx3-ubyte.xz", file, sizeof file);
    assert_import_fails("mnist", APD_ERROR_DATA, "it needs more than 256 MiB of memory to unpack");
}

/* --- room --------------------------------------------------------------------------------------------------- */

static void room_check_holds_sizes_against_the_limit(void **state) {
    (void)state;
    apd_error error = {0};
    assert_true(apd_room() > 0);
    assert_int_equal(apd_memory_limit_check("f", "images", INT64_MAX, 8, &error), APD_ERROR_DATA);
    assert_non_null(strstr(error.message, "f: its images take more memory than any machine has"));
    limit_memory(INT64_C(64) << 20);
    apd_error none = {0};
    assert_true(apd_room() <= INT64_C(64) << 20);
    assert_int_equal(apd_memory_limit_check("f", "images", 32 << 20, 1, &none), APD_OK);
    assert_int_equal(apd_memory_limit_check("f", "images", 65 << 20, 1, &none), APD_REQUEUE);
    assert_non_null(strstr(none.message, "f: its images take 65 MiB of memory, and "));
    limit_memory(-1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(open_values_in_another_file_are_refused),
        CASE(open_virtual_set_is_refused),
        CASE(open_link_out_of_the_folder_leads_nowhere),
        CASE(open_link_within_the_folder_is_followed),
        CASE(open_unsafe_filter_is_refused),
        CASE(open_chunk_beyond_the_file_is_refused),
        CASE(open_more_than_the_machine_holds_is_refused),
        CASE(open_names_of_variable_length_are_read),
        CASE(open_names_with_a_changed_heap_never_crash),
        CASE(open_many_names_of_one_text_are_refused),
        CASE(open_file_that_cannot_be_closed_leaves_a_good_exit),
        CASE(open_pipe_is_refused),
        CASE(guard_fault_in_library_names_the_file),
        CASE(guard_our_own_fault_stays_a_crash),
        CASE(import_pipes_are_passed_over),
        CASE(import_png_of_a_header_alone_is_refused),
        CASE(import_file_that_unpacks_beyond_memory_is_refused),
        CASE(inflate_xz_that_wants_a_large_dictionary_is_refused),
        CASE(room_check_holds_sizes_against_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
