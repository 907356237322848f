/* One file of a commit, written and read: what comes back, which bytes there are, and what a disk may do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "folder.h"

#include "base/digest.h"
#include "base/memory.h"
#include "io/checkpoint/part_reader.h"

#include <hdf5.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* --- contents --------------------------------------------------------------------------------------------- */

static apd_shape text(int64_t bytes) {
    return (apd_shape){.number = APD_TEXT, .text = bytes};
}

static apd_shape scalar(apd_number number) {
    return (apd_shape){.number = number};
}

static apd_shape vector(apd_number number, int64_t count) {
    return (apd_shape){.number = number, .rank = 1, .extents = {count, 0}};
}

static apd_shape matrix(apd_number number, int64_t rows, int64_t cols) {
    return (apd_shape){.number = number, .rank = 2, .extents = {rows, cols}};
}

/* Byte i of array a of group g: any, but no NaN's sign to lose, as bytes are compared. A text is ASCII. */
static unsigned char byte_at(int g, int a, int64_t i, apd_number number) {
    uint32_t bits = (uint32_t)(i + 131 * a + 7919 * g + 5) * 2654435761u;
    return number == APD_TEXT ? (unsigned char)('a' + (bits >> 13) % 26) : (unsigned char)(bits >> 13);
}

static void fill(int g, int a, const apd_shape *shape, unsigned char *bytes) {
    int64_t size = apd_shape_bytes(shape);
    for (int64_t i = 0; i < size; i++)
        bytes[i] = byte_at(g, a, i, shape->number);
}

/* Bytes are appended `cut` at a time, whatever array they belong to; 0: an array at a time. */
static void append_all(apd_part_writer *writer, const apd_part_plan *plan, int64_t cut) {
    unsigned char *all = NULL;
    int64_t total = 0;
    for (int g = 0; g < plan->group_count; g++)
        for (int a = 0; a < plan->groups[g].array_count; a++)
            total += apd_shape_bytes(&plan->groups[g].arrays[a].shape);
    all = apd_allocate_bytes(total + 1, "all arrays");
    int64_t at = 0;
    for (int g = 0; g < plan->group_count; g++)
        for (int a = 0; a < plan->groups[g].array_count; a++) {
            const apd_shape *shape = &plan->groups[g].arrays[a].shape;
            fill(g, a, shape, all + at);
            if (cut == 0)
                apd_part_append(writer, all + at, apd_shape_bytes(shape));
            at += apd_shape_bytes(shape);
        }
    for (int64_t from = 0, count; cut > 0 && from < total; from += count) {
        count = cut < total - from ? cut : total - from;
        apd_part_append(writer, all + from, count);
    }
    free(all);
}

/* A file of the plan at `path`; what it returns in `record`, and digests of its groups. */
static apd_status write_file(const char *path, const apd_part_plan *plan, int64_t cut, uint64_t *digests,
                             apd_part_record *record, apd_error *error) {
    apd_part_writer *writer = NULL;
    apd_status status;
    *record = (apd_part_record){.commit = plan->commit};
    APD_GO(apd_part_create(path, plan, &writer, error));
    append_all(writer, plan, cut);
    APD_GO(apd_part_finish(writer, digests, &record->bytes, &record->digest, error));
    APD_GO(apd_part_wait(writer, error));
    apd_part_keep(writer);
out:
    apd_part_destroy(writer);
    return status;
}

static void written(const char *path, const apd_part_plan *plan, int64_t cut, uint64_t *digests,
                    apd_part_record *record) {
    apd_error error = {0};
    if (write_file(path, plan, cut, digests, record, &error) != APD_OK)
        fail_msg("%s", error.message);
}

/* Read an array `cut` bytes at a time (0: whole), and compare. */
static void check_array(apd_part_in *in, int g, int a, const apd_part_array *array, int64_t cut) {
    int64_t size = apd_shape_bytes(&array->shape);
    unsigned char *wanted = apd_allocate_bytes(size + 1, "an array"), *read = NULL;
    apd_shape shape = array->shape;
    apd_error error = {0};
    fill(g, a, &array->shape, wanted);
    if (cut == 0) {
        assert_int_equal(apd_part_read_array(in, array->name, &shape, (void **)&read, &error), APD_OK);
        assert_int_equal(read[size], 0);
    } else {
        read = apd_allocate_bytes(size + 1, "an array");
        assert_int_equal(apd_part_begin_array(in, array->name, &shape, &error), APD_OK);
        for (int64_t from = 0, count; from < size; from += count) {
            count = cut < size - from ? cut : size - from;
            assert_int_equal(apd_part_read(in, read + from, count, &error), APD_OK);
        }
        assert_int_equal(apd_part_end_array(in, &error), APD_OK);
    }
    assert_memory_equal(read, wanted, (size_t)size);
    free(read);
    free(wanted);
}

/* Everything in the file is what the plan says, and digests agree. */
static void check_file(const char *path, const apd_part_plan *plan, const uint64_t *digests,
                       const apd_part_record *record, int64_t cut) {
    apd_part_reader reader = {0};
    apd_error error = {0};
    unsigned char value[512];
    uint64_t digest;
    if (apd_part_open(path, path, record, &reader, &error) != APD_OK)
        fail_msg("%s", error.message);
    assert_true(reader.commit == plan->commit && reader.bytes == record->bytes);
    for (int g = 0; g < plan->group_count; g++) {
        const apd_part_group *group = &plan->groups[g];
        apd_part_in in;
        assert_true(group->name[0] == '\0' || apd_part_has(&reader, group->name));
        assert_int_equal(apd_part_begin_group(&reader, group->name, &in, &error), APD_OK);
        for (int a = 0; a < group->attribute_count; a++) {
            const apd_part_attribute *attribute = &group->attributes[a];
            assert_int_equal(apd_part_attribute_read(&in, attribute->name, &attribute->shape, value, &error),
                             APD_OK);
            assert_memory_equal(value, attribute->value, (size_t)apd_shape_bytes(&attribute->shape));
        }
        for (int a = 0; a < group->array_count; a++)
            check_array(&in, g, a, &group->arrays[a], cut);
        assert_int_equal(apd_part_stored_digest(&in, &digest, &error), APD_OK);
        assert_true(digest == digests[g] && in.digest == digest);
        assert_int_equal(apd_part_end_group(&in, &error), APD_OK);
    }
    apd_part_close(&reader);
}

static unsigned char *read_bytes(const char *path, int64_t *size) {
    struct stat facts;
    FILE *file = fopen(path, "rb");
    assert_true(file != NULL && fstat(fileno(file), &facts) == 0);
    unsigned char *bytes = apd_allocate_bytes((int64_t)facts.st_size + 1, "a file");
    *size = (int64_t)fread(bytes, 1, (size_t)facts.st_size, file);
    assert_true(*size == (int64_t)facts.st_size && fclose(file) == 0);
    return bytes;
}

static bool exists(const char *path) {
    return access(path, F_OK) == 0;
}

/* --- all that a part may hold: kinds of numbers, extents of 0, attributes, groups in groups ----------------- */

static const int32_t a_number = -3;
static const int64_t a_long = INT64_MIN;
static const uint64_t a_digest = UINT64_MAX;
static const double a_double = -0.0;
static const float a_vector[3] = {1.5F, -2.5F, 1e-41F};
static const char a_text[16] = "na\303\257ve";

static const apd_part_attribute mixed_attributes[] = {
    {"i32", {.number = APD_I32}, &a_number},
    {"i64", {.number = APD_I64}, &a_long},
    {"u64", {.number = APD_U64}, &a_digest},
    {"f64", {.number = APD_F64}, &a_double},
    {"f32s", {.number = APD_F32, .rank = 1, .extents = {3, 0}}, a_vector},
    {"text", {.number = APD_TEXT, .text = sizeof a_text}, a_text},
};
enum { MIXED = 5, MIXED_ATTRIBUTES = sizeof mixed_attributes / sizeof mixed_attributes[0], MOST_ARRAYS = 8 };

/* Arrays that cross the buffer of 1 MB, exactly fill it, and are larger by one; empty ones first, between and last. */
static void make_mixed(apd_part_group groups[MIXED], apd_part_array arrays[MIXED][MOST_ARRAYS]) {
    const apd_part_array first[] = {{"texts/empty", vector(APD_F32, 0)}, {"i32", vector(APD_I32, 7)},
                                    {"i64", vector(APD_I64, 1001)},      {"u64", scalar(APD_U64)},
                                    {"f32", matrix(APD_F32, 13, 5)},     {"f64", vector(APD_F64, 3)},
                                    {"none", matrix(APD_I32, 5, 0)},     {"texts/one", text(29)}};
    const apd_part_array second[] = {{"names", {APD_TEXT, 64, 1, {9, 0}}},
                                     {"fills", vector(APD_I32, 1 << 18)},
                                     {"exceeds", vector(APD_I64, (1 << 17) + 1)},
                                     {"small", vector(APD_I32, 1)},
                                     {"large", matrix(APD_F32, 700, 801)}};
    const apd_part_array third[] = {{"nothing", vector(APD_F64, 0)}};
    memcpy(arrays[0], first, sizeof first);
    memcpy(arrays[1], second, sizeof second);
    memcpy(arrays[2], third, sizeof third);
    memcpy(arrays[3], first + 1, sizeof *first);
    arrays[3][1] = third[0];
    groups[0] = (apd_part_group){"", MIXED_ATTRIBUTES, 8, mixed_attributes, arrays[0]};
    groups[1] = (apd_part_group){"tasks/000017", 2, 5, mixed_attributes + 2, arrays[1]};
    groups[2] = (apd_part_group){"tasks/000018", 0, 1, NULL, arrays[2]};
    groups[3] = (apd_part_group){"a/b/c/d", 1, 2, mixed_attributes + 5, arrays[3]};
    groups[4] = (apd_part_group){"tasks/none", 0, 0, NULL, NULL};
}

static void read_after_write_is_identical_to_the_bit(void **state) {
    (void)state;
    const int64_t cuts[] = {0, 1 << 20, (1 << 20) - 1, 4096, 777, INT64_MAX};
    apd_part_group groups[MIXED];
    apd_part_array arrays[MIXED][MOST_ARRAYS];
    apd_part_plan plan = {.commit = 12, .group_count = MIXED, .groups = groups};
    uint64_t digests[MIXED], again[MIXED];
    apd_part_record record, other;
    int64_t size, other_size;
    make_mixed(groups, arrays);
    written(in_folder("first.h5"), &plan, 0, digests, &record);
    unsigned char *bytes = read_bytes(in_folder("first.h5"), &size);
    assert_int_equal(size, record.bytes);
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        check_file(in_folder("first.h5"), &plan, digests, &record, cuts[i]);
        written(in_folder("cut.h5"), &plan, cuts[i], again, &other);
        unsigned char *cut = read_bytes(in_folder("cut.h5"), &other_size);
        assert_true(other_size == size && memcmp(bytes, cut, (size_t)size) == 0);
        assert_true(other.digest == record.digest && memcmp(again, digests, sizeof digests) == 0);
        free(cut);
        assert_int_equal(unlink(in_folder("cut.h5")), 0);
    }
    free(bytes);
    assert_int_equal(unlink(in_folder("first.h5")), 0);
}

static void append_a_byte_at_a_time_gives_the_same_file(void **state) {
    (void)state;
    apd_part_group groups[MIXED];
    apd_part_array arrays[MIXED][MOST_ARRAYS];
    uint64_t digests[1];
    apd_part_record record;
    make_mixed(groups, arrays);
    apd_part_plan plan = {.commit = 1, .group_count = 1, .groups = groups};
    for (int64_t cut = 1; cut < 20; cut++) {
        written(in_folder("bytes.h5"), &plan, cut, digests, &record);
        check_file(in_folder("bytes.h5"), &plan, digests, &record, cut);
        assert_int_equal(unlink(in_folder("bytes.h5")), 0);
    }
}

static void write_without_arrays_or_groups_is_read(void **state) {
    (void)state;
    apd_part_group root = {"", MIXED_ATTRIBUTES, 0, mixed_attributes, NULL};
    apd_part_plan plans[2] = {{.commit = 1}, {.commit = 2, .group_count = 1, .groups = &root}};
    for (int i = 0; i < 2; i++) {
        uint64_t digests[1] = {0};
        apd_part_record record;
        written(in_folder("bare.h5"), &plans[i], 0, digests, &record);
        check_file(in_folder("bare.h5"), &plans[i], digests, &record, 0);
        assert_int_equal(unlink(in_folder("bare.h5")), 0);
    }
}

/* --- so many groups, with such long names, that the first size for metadata is too small -------------------- */

enum { MANY = 800 };

static void many_groups_spill_the_metadata_and_are_read(void **state) {
    (void)state;
    static char names[MANY][64], array_names[3][64];
    static apd_part_group groups[MANY];
    static apd_part_array arrays[MANY][3];
    static uint64_t digests[MANY], again[MANY];
    apd_part_plan plan = {.commit = 5, .group_count = MANY, .groups = groups};
    apd_part_record record, other;
    const int counts[] = {1, 2, 17, 130, MANY};
    for (int a = 0; a < 3; a++)
        (void)snprintf(array_names[a], sizeof array_names[a], "a/folder/deep/in/the/group/%0*d", 20, a);
    for (int g = 0; g < MANY; g++) {
        (void)snprintf(names[g], sizeof names[g], "%06d/in/another/of/its/own/%022d", g, g);
        for (int a = 0; a < 3; a++)
            arrays[g][a] = (apd_part_array){array_names[a], vector(APD_I32, (g + a) % 4)};
        groups[g] = (apd_part_group){names[g], 0, 3, NULL, arrays[g]};
    }
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        plan.group_count = counts[i];
        written(in_folder("many.h5"), &plan, 0, digests, &record);
        check_file(in_folder("many.h5"), &plan, digests, &record, 0);
        written(in_folder("again.h5"), &plan, 0, again, &other);
        assert_true(other.digest == record.digest && other.bytes == record.bytes);
        assert_int_equal(unlink(in_folder("many.h5")), 0);
        assert_int_equal(unlink(in_folder("again.h5")), 0);
    }
}

/* Links that an image begins with, and those after it, are those that are made one by one. */
static void write_with_links_of_an_image_is_the_file_without(void **state) {
    (void)state;
    enum { LINKS = 700 };
    apd_part_link *links = apd_allocate(LINKS, sizeof *links, "links");
    apd_part_group groups[MIXED];
    apd_part_array arrays[MIXED][MOST_ARRAYS];
    make_mixed(groups, arrays);
    for (int i = 0; i < LINKS; i++) {
        (void)snprintf(links[i].object, sizeof links[i].object, "items/%06d", i);
        (void)snprintf(links[i].file, sizeof links[i].file, "segments/%06d-%d.h5", 1 + i / 9, i % 3);
    }
    for (int64_t kept = 1; kept <= LINKS; kept += 233) {
        apd_part_image image = {0};
        apd_part_plan plan = {
            .commit = 3, .group_count = 1, .groups = groups, .link_count = LINKS, .links = links};
        uint64_t digests[1];
        apd_part_record record;
        apd_error error = {0};
        assert_int_equal(apd_part_image_make(links, kept, &image, &error), APD_OK);
        assert_int_equal(image.links, kept);
        plan.begin = &image;
        written(in_folder("image.h5"), &plan, 0, digests, &record);
        check_file(in_folder("image.h5"), &plan, digests, &record, 0);
        hid_t file = H5Fopen(in_folder("image.h5"), H5F_ACC_RDONLY, H5P_DEFAULT);
        assert_true(file >= 0);
        for (int i = 0; i < LINKS; i++) {
            char value[256];
            const char *target = NULL, *object = NULL;
            unsigned flags;
            assert_true(H5Lget_val(file, links[i].object, value, sizeof value, H5P_DEFAULT) >= 0);
            assert_true(H5Lunpack_elink_val(value, sizeof value, &flags, &target, &object) >= 0);
            assert_string_equal(target, links[i].file);
            assert_true(object[0] == '/' && strcmp(object + 1, links[i].object) == 0);
        }
        assert_true(H5Fclose(file) >= 0);
        assert_int_equal(unlink(in_folder("image.h5")), 0);
        free(image.bytes);
    }
    free(links);
}

/* --- bytes ------------------------------------------------------------------------------------------------- */

/* HDF5 would note when an object was made, in seconds. */
static void write_at_another_time_gives_the_same_bytes(void **state) {
    (void)state;
    apd_part_group groups[MIXED];
    apd_part_array arrays[MIXED][MOST_ARRAYS];
    apd_part_link links[2] = {{"tasks/000001", "segments/000001-0.h5"}, {"x/y", "segments/000002-0.h5"}};
    apd_part_plan plan = {
        .commit = 12, .group_count = MIXED, .groups = groups, .link_count = 2, .links = links};
    uint64_t digests[MIXED];
    apd_part_record record, other;
    int64_t size, other_size;
    make_mixed(groups, arrays);
    written(in_folder("now.h5"), &plan, 0, digests, &record);
    const struct timespec pause = {1, 100000000};
    (void)nanosleep(&pause, NULL);
    written(in_folder("later.h5"), &plan, 0, digests, &other);
    unsigned char *now = read_bytes(in_folder("now.h5"), &size),
                  *later = read_bytes(in_folder("later.h5"), &other_size);
    assert_true(size == other_size && memcmp(now, later, (size_t)size) == 0 && record.digest == other.digest);
    free(now);
    free(later);
    assert_int_equal(unlink(in_folder("now.h5")), 0);
    assert_int_equal(unlink(in_folder("later.h5")), 0);
}

/* The lines before HDF5's bytes say what README.md says, and the digest is XXH3 of the front behind them. */
static void write_begins_with_lines_for_people(void **state) {
    (void)state;
    apd_part_group groups[MIXED];
    apd_part_array arrays[MIXED][MOST_ARRAYS];
    apd_part_plan plan = {.commit = 12, .group_count = MIXED, .groups = groups};
    uint64_t digests[MIXED], digest;
    apd_part_record record;
    int64_t size, front, total;
    int version, commit;
    make_mixed(groups, arrays);
    written(in_folder("lines.h5"), &plan, 0, digests, &record);
    unsigned char *bytes = read_bytes(in_folder("lines.h5"), &size);
    assert_int_equal(sscanf((const char *)bytes,
                            "apd-checkpoint %d\ncommit %d\nfront %" SCNd64 "\nbytes %" SCNd64
                            "\ndigest %" SCNx64 "\n",
                            &version, &commit, &front, &total, &digest),
                     5);
    assert_true(version == 5 && commit == 12 && total == size);
    assert_true(digest == record.digest);
    assert_true(digest == apd_digest(bytes + APD_PART_HEADER, (size_t)(front - APD_PART_HEADER)));
    assert_memory_equal(bytes + APD_PART_HEADER, "\211HDF\r\n\032\n", 8);
    free(bytes);
    assert_int_equal(unlink(in_folder("lines.h5")), 0);
}

/* --- other writers, and disks -------------------------------------------------------------------------------- */

static void create_where_a_file_is_leaves_it_and_says_so(void **state) {
    (void)state;
    apd_part_plan plan = {.commit = 1};
    apd_part_writer *writer = NULL;
    apd_error error = {0};
    int64_t size;
    FILE *file = fopen(in_folder("taken.h5"), "w");
    assert_true(file != NULL && fputs("another's", file) >= 0 && fclose(file) == 0);
    assert_int_equal(apd_part_create(in_folder("taken.h5"), &plan, &writer, &error), APD_ERROR_LOCKED);
    assert_null(writer);
    assert_non_null(strstr(error.message, "taken.h5: another job has made this file"));
    unsigned char *bytes = read_bytes(in_folder("taken.h5"), &size);
    assert_true(size == 9 && memcmp(bytes, "another's", 9) == 0);
    free(bytes);
    assert_int_equal(unlink(in_folder("taken.h5")), 0);
}

static void create_in_a_missing_folder_is_an_io_error(void **state) {
    (void)state;
    apd_part_plan plan = {.commit = 1};
    apd_part_writer *writer = NULL;
    apd_error error = {0};
    assert_int_equal(apd_part_create(in_folder("none/file.h5"), &plan, &writer, &error), APD_ERROR_IO);
    assert_true(writer == NULL && strstr(error.message, "No such file or directory") != NULL);
}

static void destroy_before_the_end_leaves_no_file(void **state) {
    (void)state;
    apd_part_group groups[MIXED];
    apd_part_array arrays[MIXED][MOST_ARRAYS];
    apd_part_plan plan = {.commit = 1, .group_count = MIXED, .groups = groups};
    apd_part_writer *writer = NULL;
    uint64_t digests[MIXED], digest;
    int64_t bytes;
    make_mixed(groups, arrays);
    for (int reached = 0; reached < 4; reached++) {
        assert_int_equal(apd_part_create(in_folder("half.h5"), &plan, &writer, NULL), APD_OK);
        assert_true(exists(in_folder("half.h5")));
        if (reached == 1)
            apd_part_append(writer, a_vector, 5);
        if (reached > 1)
            append_all(writer, &plan, 0);
        if (reached == 3) /* the disk may still be at work */
            assert_int_equal(apd_part_finish(writer, digests, &bytes, &digest, NULL), APD_OK);
        apd_part_destroy(writer);
        assert_false(exists(in_folder("half.h5")));
    }
    apd_part_destroy(NULL);
}

/* Files may grow to `bytes`. */
static void limit_files(rlim_t bytes) {
    struct rlimit limit = {bytes, RLIM_INFINITY};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Wherever the room ends: in the user block, the front, the first array, or the last byte. */
static void write_without_room_is_an_io_error_and_leaves_no_file(void **state) {
    (void)state;
    apd_part_group groups[MIXED];
    apd_part_array arrays[MIXED][MOST_ARRAYS];
    apd_part_plan plan = {.commit = 1, .group_count = MIXED, .groups = groups};
    uint64_t digests[MIXED];
    apd_part_record whole, record;
    make_mixed(groups, arrays);
    written(in_folder("room.h5"), &plan, 0, digests, &whole);
    assert_int_equal(unlink(in_folder("room.h5")), 0);
    const int64_t rooms[] = {0, 100, 512, 600, 5000, whole.bytes / 4, whole.bytes / 2, whole.bytes - 1};
    (void)signal(SIGXFSZ, SIG_IGN);
    for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++)
        for (int64_t cut = 0; cut <= 70000; cut += 70000) {
            apd_error error = {0};
            limit_files((rlim_t)rooms[i]);
            apd_status status = write_file(in_folder("room.h5"), &plan, cut, digests, &record, &error);
            limit_files(RLIM_INFINITY);
            assert_int_equal(status, APD_ERROR_IO);
            assert_non_null(strstr(error.message, "room.h5: cannot write"));
            assert_non_null(strstr(error.message, "File too large"));
            assert_false(exists(in_folder("room.h5")));
        }
    limit_files((rlim_t)whole.bytes);
    written(in_folder("room.h5"), &plan, 0, digests, &record); /* just enough */
    limit_files(RLIM_INFINITY);
    check_file(in_folder("room.h5"), &plan, digests, &record, 0);
    assert_int_equal(unlink(in_folder("room.h5")), 0);
}

/* --- what a reader refuses ------------------------------------------------------------------------------------ */

static void write_bytes(const char *path, const unsigned char *bytes, int64_t size) {
    FILE *file = fopen(path, "wb");
    assert_true(file != NULL && fwrite(bytes, 1, (size_t)size, file) == (size_t)size && fclose(file) == 0);
}

static void assert_open_refused(const char *path, const apd_part_record *expected, const char *words) {
    apd_part_reader reader = {0};
    apd_error error = {0};
    assert_int_equal(apd_part_open(path, "shown.h5", expected, &reader, &error), APD_ERROR_DATA);
    if (strstr(error.message, words) == NULL || strncmp(error.message, "shown.h5: ", 10) != 0)
        fail_msg("no \"%s\" in: %s", words, error.message);
    assert_null(reader.path);
}

static void open_what_is_no_whole_part_says_what_it_is(void **state) {
    (void)state;
    apd_part_group groups[MIXED];
    apd_part_array arrays[MIXED][MOST_ARRAYS];
    apd_part_plan plan = {.commit = 12, .group_count = 1, .groups = groups};
    uint64_t digests[1];
    apd_part_record record, other;
    int64_t size;
    char *path = apd_duplicate_text(in_folder("refused.h5"));
    make_mixed(groups, arrays);
    written(path, &plan, 0, digests, &record);
    unsigned char *bytes = read_bytes(path, &size);
    for (int i = 0; i < 3; i++) { /* another file under its name */
        other = record;
        other.commit += i == 0;
        other.bytes += i == 1;
        other.digest += i == 2;
        assert_open_refused(path, &other, "not the file that the checkpoint means");
    }
    write_bytes(path, bytes, size - 1);
    assert_open_refused(path, NULL, "another size");
    write_bytes(path, bytes, 300);
    assert_open_refused(path, NULL, "another size");
    write_bytes(path, bytes, 5);
    assert_open_refused(path, NULL, "not a checkpoint");
    write_bytes(path, bytes, 0);
    assert_open_refused(path, NULL, "not a checkpoint");
    write_bytes(path, bytes + APD_PART_HEADER, size - APD_PART_HEADER);
    assert_open_refused(path, NULL, "an earlier format");
    bytes[1000] ^= 4;
    write_bytes(path, bytes, size);
    assert_open_refused(path, NULL, "its front has another digest");
    bytes[1000] ^= 4;
    bytes[sizeof APD_PART_FORMAT] = '0' + APD_PART_VERSION - 1;
    write_bytes(path, bytes, size);
    assert_open_refused(path, NULL, "an earlier format");
    bytes[sizeof APD_PART_FORMAT] = '0' + APD_PART_VERSION + 1;
    write_bytes(path, bytes, size);
    assert_open_refused(path, NULL, "a checkpoint of a later format");
    free(bytes);
    assert_int_equal(unlink(path), 0);
    apd_part_reader reader = {0};
    assert_int_equal(apd_part_open(path, path, NULL, &reader, NULL), APD_ERROR_IO);
    free(path);
}

/* One bit of any byte behind the front belongs to an array, whose group's end finds it. */
static void end_group_after_a_flipped_bit_of_any_array_is_refused(void **state) {
    (void)state;
    apd_part_group groups[MIXED];
    apd_part_array arrays[MIXED][MOST_ARRAYS];
    apd_part_plan plan = {.commit = 12, .group_count = 1, .groups = groups};
    uint64_t digests[1];
    apd_part_record record;
    int64_t size;
    apd_part_reader reader = {0};
    make_mixed(groups, arrays);
    written(in_folder("bits.h5"), &plan, 0, digests, &record);
    assert_int_equal(apd_part_open(in_folder("bits.h5"), "bits.h5", NULL, &reader, NULL), APD_OK);
    int64_t front = reader.front;
    apd_part_close(&reader);
    unsigned char *bytes = read_bytes(in_folder("bits.h5"), &size);
    for (int64_t at = front; at < size;
         at += at == size - 1 ? 1 : (size - 1 - at < 97 ? size - 1 - at : 97)) {
        apd_part_in in;
        apd_error error = {0};
        bytes[at] ^= 16;
        write_bytes(in_folder("bits.h5"), bytes, size);
        bytes[at] ^= 16;
        assert_int_equal(apd_part_open(in_folder("bits.h5"), "bits.h5", &record, &reader, NULL), APD_OK);
        assert_int_equal(apd_part_begin_group(&reader, "", &in, NULL), APD_OK);
        for (int a = 0; a < groups[0].array_count; a++) {
            apd_shape shape = arrays[0][a].shape;
            void *read = NULL;
            assert_int_equal(apd_part_read_array(&in, arrays[0][a].name, &shape, &read, NULL), APD_OK);
            free(read);
        }
        assert_int_equal(apd_part_end_group(&in, &error), APD_ERROR_DATA);
        assert_non_null(strstr(error.message, "bits.h5: /: damaged"));
        apd_part_close(&reader);
    }
    free(bytes);
    assert_int_equal(unlink(in_folder("bits.h5")), 0);
}

static void begin_array_of_another_type_or_extent_is_refused(void **state) {
    (void)state;
    apd_part_group groups[MIXED];
    apd_part_array arrays[MIXED][MOST_ARRAYS];
    apd_part_plan plan = {.commit = 12, .group_count = 1, .groups = groups};
    uint64_t digests[1];
    apd_part_record record;
    apd_part_reader reader = {0};
    apd_part_in in;
    make_mixed(groups, arrays);
    written(in_folder("types.h5"), &plan, 0, digests, &record);
    assert_int_equal(apd_part_open(in_folder("types.h5"), "types.h5", &record, &reader, NULL), APD_OK);
    assert_int_equal(apd_part_begin_group(&reader, "", &in, NULL), APD_OK);
    const struct {
        const char *name;
        apd_shape shape;
        const char *words;
    } wrong[] = {
        {"i32", vector(APD_F32, 7), "/i32: has another type or extent"},
        {"i32", vector(APD_I64, 7), "/i32: has another type or extent"},
        {"i32", vector(APD_I32, 8), "/i32: has another type or extent"},
        {"i32", matrix(APD_I32, 7, 1), "/i32: has another type or extent"},
        {"u64", scalar(APD_I64), "/u64: has another type or extent"},
        {"f32", matrix(APD_F32, 5, 13), "/f32: has another type or extent"},
        {"texts/one", text(30), "/texts/one: has another type or extent"},
        {"texts/two", text(29), "/texts/two: missing"},
        {"texts", vector(APD_I32, 7), "/texts: cannot be opened as an array"},
        {"", vector(APD_I32, 7), "missing"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        apd_error error = {0};
        apd_shape shape = wrong[i].shape;
        assert_int_equal(apd_part_begin_array(&in, wrong[i].name, &shape, &error), APD_ERROR_DATA);
        if (strstr(error.message, wrong[i].words) == NULL)
            fail_msg("no \"%s\" in: %s", wrong[i].words, error.message);
    }
    apd_shape any = matrix(APD_F32, APD_ANY, APD_ANY), some_text = text(APD_ANY);
    void *read = NULL;
    assert_int_equal(apd_part_read_array(&in, "f32", &any, &read, NULL), APD_OK);
    assert_true(any.extents[0] == 13 && any.extents[1] == 5);
    free(read);
    assert_int_equal(apd_part_read_array(&in, "texts/one", &some_text, &read, NULL), APD_OK);
    assert_int_equal(some_text.text, 29);
    free(read);
    apd_part_abandon(&in);
    apd_part_close(&reader);
    assert_int_equal(unlink(in_folder("types.h5")), 0);
}

/* --- h5py ------------------------------------------------------------------------------------------------------ */

static void write_read_by_h5py_is_identical(void **state) {
    (void)state;
    if (system("/usr/bin/python3 -c 'import h5py, numpy' 2>/dev/null") != 0) {
        (void)fprintf(stderr, "skipped: /usr/bin/python3 has no h5py\n");
        skip();
    }
    apd_part_group groups[MIXED];
    apd_part_array arrays[MIXED][MOST_ARRAYS];
    apd_part_plan plan = {.commit = 12, .group_count = MIXED, .groups = groups};
    uint64_t digests[MIXED];
    apd_part_record record;
    make_mixed(groups, arrays);
    written(in_folder("python.h5"), &plan, 0, digests, &record);
    FILE *script = fopen(in_folder("check.py"), "w");
    assert_non_null(script);
    (void)fprintf(script,
                  "import h5py, numpy as np\n"
                  "def want(g, a, size, ascii):\n"
                  "    i = np.arange(size, dtype=np.uint64) + np.uint64(131 * a + 7919 * g + 5)\n"
                  "    bits = (i * np.uint64(2654435761) & np.uint64(0xffffffff)) >> np.uint64(13)\n"
                  "    return (97 + bits %% 26 if ascii else bits).astype('u1').tobytes()\n"
                  "f = h5py.File('%s', 'r')\n"
                  "assert f.userblock_size == 512\n"
                  "r = f.attrs\n"
                  "assert (r['i32'], r['i64'], r['u64']) == (-3, -2**63, 2**64 - 1)\n"
                  "assert np.signbit(r['f64']) and (r['f32s'] == np.float32([1.5, -2.5, 1e-41])).all()\n"
                  "assert r['text'].decode() == 'na\\u00efve'\n",
                  in_folder("python.h5"));
    for (int g = 0; g < MIXED; g++) {
        (void)fprintf(script, "assert f['/%s'].attrs['digest'] == 0x%" PRIx64 "\n", groups[g].name,
                      digests[g]);
        for (int a = 0; a < groups[g].array_count; a++) {
            const apd_shape *shape = &groups[g].arrays[a].shape;
            static const char *const types[] = {"<i4", "<i8", "<u8", "<f4", "<f8"};
            (void)fprintf(script, "d = f['/%s/%s']\n", groups[g].name, groups[g].arrays[a].name);
            (void)fprintf(script, "assert d.ndim == %d and d.size == %" PRId64 "\n", shape->rank,
                          apd_shape_count(shape));
            if (shape->number != APD_TEXT)
                (void)fprintf(script, "assert d.dtype == np.dtype('%s')\n", types[shape->number]);
            else
                (void)fprintf(script, "assert d.dtype == np.dtype('S%" PRId64 "')\n", shape->text);
            (void)fprintf(script, "assert np.asarray(d[()]).tobytes() == want(%d, %d, %" PRId64 ", %s)\n", g,
                          a, apd_shape_bytes(shape), shape->number == APD_TEXT ? "True" : "False");
        }
    }
    assert_int_equal(fclose(script), 0);
    char command[300];
    (void)snprintf(command, sizeof command, "/usr/bin/python3 '%s'", in_folder("check.py"));
    assert_int_equal(system(command), 0);
    assert_int_equal(unlink(in_folder("check.py")), 0);
    assert_int_equal(unlink(in_folder("python.h5")), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_after_write_is_identical_to_the_bit),
        cmocka_unit_test(append_a_byte_at_a_time_gives_the_same_file),
        cmocka_unit_test(write_without_arrays_or_groups_is_read),
        cmocka_unit_test(many_groups_spill_the_metadata_and_are_read),
        cmocka_unit_test(write_with_links_of_an_image_is_the_file_without),
        cmocka_unit_test(write_at_another_time_gives_the_same_bytes),
        cmocka_unit_test(write_begins_with_lines_for_people),
        cmocka_unit_test(create_where_a_file_is_leaves_it_and_says_so),
        cmocka_unit_test(create_in_a_missing_folder_is_an_io_error),
        cmocka_unit_test(destroy_before_the_end_leaves_no_file),
        cmocka_unit_test(write_without_room_is_an_io_error_and_leaves_no_file),
        cmocka_unit_test(open_what_is_no_whole_part_says_what_it_is),
        cmocka_unit_test(end_group_after_a_flipped_bit_of_any_array_is_refused),
        cmocka_unit_test(begin_array_of_another_type_or_extent_is_refused),
        cmocka_unit_test(write_read_by_h5py_is_identical),
    };
    if (make_folder(NULL) != 0)
        return 1;
    int failed = cmocka_run_group_tests_name("part", tests, NULL, NULL);
    (void)rmdir(folder);
    return failed;
}
