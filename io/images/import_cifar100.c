/* CIFAR-100's binary version: records of 1 byte coarse label, 1 byte fine label, 3 planes of 32x32 bytes. */
#include "base/log.h"
#include "base/memory.h"
#include "io/images/import_folder.h"
#include "io/images/import_formats.h"
#include "io/images/inflate.h"
#include "io/system/file.h"
#include "io/system/memory_limit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIXELS       (3 * 32 * 32)
#define RECORD       (2 + PIXELS)
#define FINE         100
#define COARSE       20
#define MOST_RECORDS 1000000

static const struct {
    const char *stem;
    int64_t expected;
} splits[APD_SPLITS] = {{"train", 50000}, {"test", 10000}};

/* The length of `name` without .gz or .xz when it is STEM.bin or STEMpart.bin, else 0. */
static size_t part_length(const char *name, const char *stem) {
    size_t length = strlen(name);
    if (apd_ends_in(name, ".gz") || apd_ends_in(name, ".xz"))
        length -= 3;
    bool fits =
        strncmp(name, stem, strlen(stem)) == 0 && length > 4 && strncmp(name + length - 4, ".bin", 4) == 0;
    return fits ? length : 0;
}

/* The files of a split, in order: STEM.bin if it is there, else its parts. Of a file that is there both compressed and not,
 * the first by name is taken. */
static apd_status find_parts(const char *path, const char *stem, apd_names *parts, apd_error *error) {
    apd_names files = {0};
    APD_TRY(apd_list_files(path, "", &files, error));
    const char *last = "";
    size_t whole = strlen(stem) + 4, last_length = 0;
    for (int pass = 0; pass < 2 && parts->count == 0; pass++)
        for (int64_t i = 0; i < files.count; i++) {
            const char *name = files.names[i];
            size_t length = part_length(name, stem);
            bool again = length == last_length && strncmp(name, last, length) == 0;
            if (length == 0 || again || (pass == 0 && length != whole))
                continue;
            apd_names_add(parts, name);
            last = name;
            last_length = length;
        }
    apd_names_clear(&files);
    if (parts->count == 0)
        return apd_fail(
            error, APD_ERROR_IO,
            "%s: there is no %s.bin, %s.bin.gz or %s.bin.xz (nor parts such as %s-1.bin); it must be "
            "the folder of CIFAR-100's binary version, unpacked",
            path, stem, stem, stem, stem);
    return APD_OK;
}

static void grow(apd_dataset_content *content, apd_split split, int64_t count) {
    int64_t old = content->count[split];
    content->images[split] = apd_reallocate(content->images[split], old, count, PIXELS, "images");
    content->labels[split] = apd_reallocate(content->labels[split], old, count, sizeof(int32_t), "labels");
    content->coarse[split] =
        apd_reallocate(content->coarse[split], old, count, sizeof(int32_t), "coarse labels");
    content->count[split] = count;
}

static apd_status take_records(const char *path, const uint8_t *bytes, int64_t count, int64_t first,
                               apd_dataset_content *content, apd_split split, apd_error *error) {
    for (int64_t i = 0; i < count; i++) {
        const uint8_t *record = bytes + i * RECORD;
        if (record[0] >= COARSE || record[1] >= FINE)
            return apd_fail(
                error, APD_ERROR_DATA,
                "%s: record %" PRId64
                ": has coarse label %d and fine label %d, not below %d and %d: the file is damaged or not of "
                "CIFAR-100's binary version; download it again",
                path, i, record[0], record[1], COARSE, FINE);
        content->coarse[split][first + i] = record[0];
        content->labels[split][first + i] = record[1];
        memcpy(content->images[split] + (first + i) * PIXELS, record + 2, PIXELS);
    }
    return APD_OK;
}

static apd_status read_part(const char *path, apd_dataset_content *content, apd_split split,
                            apd_error *error) {
    uint8_t *bytes;
    int64_t size;
    apd_progress("reading %s", path);
    APD_TRY(apd_inflate_file(path, (int64_t)MOST_RECORDS * RECORD, &bytes, &size, error));
    apd_status status;
    if (size == 0 || size % RECORD != 0) {
        status = apd_fail(error, APD_ERROR_DATA,
                          "%s: its size in bytes is %" PRId64
                          "; it must be a multiple of %d, a record's, and above 0",
                          path, size, RECORD);
    } else {
        int64_t first = content->count[split], count = size / RECORD;
        status = apd_memory_limit_check(path, "images", first + count, PIXELS, error);
        if (status == APD_OK) {
            grow(content, split, first + count);
            status = take_records(path, bytes, count, first, content, split, error);
        }
    }
    free(bytes);
    return status;
}

static apd_status read_split(const char *path, apd_dataset_content *content, apd_split split,
                             apd_error *error) {
    apd_names parts = {0};
    apd_status status = find_parts(path, splits[split].stem, &parts, error);
    for (int64_t i = 0; i < parts.count && status == APD_OK; i++) {
        char *part = apd_join_path(path, parts.names[i]);
        status = read_part(part, content, split, error);
        free(part);
    }
    apd_names_clear(&parts);
    if (status == APD_OK && content->count[split] != splits[split].expected)
        apd_warn("%s: the number of %s images is %" PRId64 "; the published data set has %" PRId64, path,
                 splits[split].stem, content->count[split], splits[split].expected);
    return status;
}

static apd_status read_names(const char *path, const char *file, int count, char ***names, apd_error *error) {
    char *whole = apd_inflate_find(path, file);
    if (whole == NULL)
        return APD_OK;
    apd_names lines = {0};
    apd_status status = apd_read_lines(whole, count, &lines, error);
    free(whole);
    *names = lines.names;
    return status;
}

apd_status apd_import_cifar100(const char *path, apd_dataset_content *content, apd_error *error) {
    *content = (apd_dataset_content){.source = "cifar100",
                                     .shape = {.channels = 3, .height = 32, .width = 32},
                                     .classes = FINE,
                                     .coarse_classes = COARSE};
    for (int split = 0; split < APD_SPLITS; split++)
        APD_TRY(read_split(path, content, (apd_split)split, error));
    APD_TRY(read_names(path, "fine_label_names.txt", FINE, &content->class_names, error));
    return read_names(path, "coarse_label_names.txt", COARSE, &content->coarse_names, error);
}
