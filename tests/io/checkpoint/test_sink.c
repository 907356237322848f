/* A data set whose rows arrive a run at a time: the file and the digest of one that is written in one call, and both
 * read back by HDF5's own filters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "io/checkpoint/file.h"
#include "io/checkpoint/sink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64] = "/tmp/apd-sink-XXXXXX";

static char *path_of(const char *name) {
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* `run` rows at a time; 0: in one call of apd_checkpoint_put_data. Returns the file's bytes (free them), their number
 * and the digest of its root. */
static void *write_set(const apd_checkpoint_shape *shape, const unsigned char *bytes, int64_t run,
                       int64_t *size, uint64_t *digest) {
    apd_checkpoint_file *file = NULL;
    apd_h5_image image = {0};
    apd_error error = {0};
    int64_t rows = shape->extents[0], row = apd_checkpoint_row(shape) * apd_checkpoint_element(shape);
    assert_int_equal(apd_checkpoint_file_create(path_of("set.h5"), NULL, &file, &error), APD_OK);
    apd_checkpoint_out *root = apd_checkpoint_file_root(file);
    if (run == 0) {
        assert_int_equal(apd_checkpoint_put_data(root, "numbers", shape, bytes, &error), APD_OK);
    } else {
        apd_checkpoint_sink sink;
        apd_checkpoint_sink_begin(root, "numbers", shape, &sink);
        for (int64_t at = 0, count; at < rows; at += count) {
            count = run < rows - at ? run : rows - at;
            apd_checkpoint_sink_append(&sink, count, bytes + at * row);
        }
        assert_int_equal(apd_checkpoint_sink_end(root, &sink, &error), APD_OK);
    }
    *digest = root->digest;
    assert_int_equal(apd_checkpoint_file_take(file, &image, &error), APD_OK);
    apd_checkpoint_file_destroy(file);
    *size = image.size;
    return image.bytes;
}

/* What HDF5 itself reads, with its checksum filter, is what was written. */
static void check_read(const void *image, int64_t size, const apd_checkpoint_shape *shape, const void *bytes,
                       int64_t count) {
    FILE *file = fopen(path_of("read.h5"), "wb");
    assert_int_equal(fwrite(image, 1, (size_t)size, file), size);
    assert_int_equal(fclose(file), 0);
    hid_t opened = H5Fopen(path_of("read.h5"), H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t set = H5Dopen2(opened, "numbers", H5P_DEFAULT), type = apd_checkpoint_type(shape, 0);
    unsigned char *read = apd_allocate(count + 1, 1, "what was read");
    if (count > 0)
        assert_true(H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, read) >= 0);
    assert_memory_equal(read, bytes, (size_t)count);
    free(read);
    assert_true(H5Tclose(type) >= 0 && H5Dclose(set) >= 0 && H5Fclose(opened) >= 0);
}

static void check_shape(apd_checkpoint_shape shape) {
    static const int64_t runs[] = {1, 7, 1000, 16384, 262144, INT64_MAX};
    int64_t rows = shape.extents[0], row = apd_checkpoint_row(&shape) * apd_checkpoint_element(&shape);
    unsigned char *bytes = apd_allocate(rows * row + 1, 1, "numbers");
    for (int64_t i = 0; i < rows * row; i++)
        bytes[i] = (unsigned char)((uint64_t)(i + 5) * 2654435761u >> 13);
    int64_t size, found_size;
    uint64_t digest, found_digest;
    void *wanted = write_set(&shape, bytes, 0, &size, &digest);
    check_read(wanted, size, &shape, bytes, rows * row);
    for (size_t k = 0; k < sizeof runs / sizeof runs[0]; k++) {
        void *found = write_set(&shape, bytes, runs[k], &found_size, &found_digest);
        assert_true(found_digest == digest);
        assert_int_equal(found_size, size);
        assert_memory_equal(found, wanted, (size_t)size);
        free(found);
    }
    free(wanted);
    free(bytes);
}

static void rows_in_any_runs_give_the_file_of_one_call(void **state) {
    (void)state;
    check_shape(apd_checkpoint_vector(APD_CHECKPOINT_FLOAT32, 0));
    check_shape(apd_checkpoint_vector(APD_CHECKPOINT_FLOAT32, 8192)); /* all in the header */
    check_shape(apd_checkpoint_vector(APD_CHECKPOINT_FLOAT32, 8193));
    check_shape(apd_checkpoint_vector(APD_CHECKPOINT_INT32, 262144)); /* one full chunk */
    check_shape(apd_checkpoint_vector(APD_CHECKPOINT_INT64, 300001)); /* three, the last not full */
    check_shape(apd_checkpoint_matrix(APD_CHECKPOINT_FLOAT32, 900, 801));
    check_shape(apd_checkpoint_matrix(APD_CHECKPOINT_FLOAT32, 5, 262144)); /* a row a chunk */
    check_shape(apd_checkpoint_matrix(APD_CHECKPOINT_FLOAT32, 3, 400000)); /* rows larger than a chunk */
}

/* The first chunk cannot be written, the rows after it go nowhere, and the end says so. */
static void sink_whose_set_cannot_be_made_fails_at_its_end(void **state) {
    (void)state;
    apd_checkpoint_file *file = NULL;
    apd_error error = {0};
    apd_checkpoint_sink sink;
    apd_checkpoint_shape shape = apd_checkpoint_vector(APD_CHECKPOINT_FLOAT32, 20000);
    float *zeros = apd_allocate(20000, sizeof *zeros, "numbers");
    assert_int_equal(apd_checkpoint_file_create(path_of("twice.h5"), NULL, &file, &error), APD_OK);
    apd_checkpoint_out *root = apd_checkpoint_file_root(file);
    assert_int_equal(apd_checkpoint_put_data(root, "numbers", &shape, zeros, &error), APD_OK);
    apd_checkpoint_sink_begin(root, "numbers", &shape, &sink); /* it is there already */
    apd_checkpoint_sink_append(&sink, 20000, zeros);
    assert_int_equal(apd_checkpoint_sink_end(root, &sink, &error), APD_ERROR_INTERNAL);
    assert_non_null(strstr(error.message, "cannot write /numbers"));
    apd_checkpoint_sink_begin(root, "others", &shape, &sink);
    apd_checkpoint_sink_append(&sink, 7, zeros);
    apd_checkpoint_sink_abandon(&sink); /* nothing is left, says the leak check */
    apd_checkpoint_sink_abandon(&sink);
    apd_checkpoint_file_destroy(file);
    free(zeros);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_in_any_runs_give_the_file_of_one_call),
        cmocka_unit_test(sink_whose_set_cannot_be_made_fails_at_its_end),
    };
    if (mkdtemp(folder) == NULL)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(path_of("read.h5"));
    (void)rmdir(folder);
    return failed;
}
