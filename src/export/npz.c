#include "export/npz.h"

#include "base/memory.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { MOST_ARRAYS = 512 };

/* A finished member of the archive, for its directory. */
typedef struct zip_member {
    char name[64];
    uint32_t crc, bytes, offset;
} zip_member;

typedef struct npz_writer {
    FILE *file;
    int count;
    zip_member *members; /* (MOST_ARRAYS) */
    uint64_t written;
} npz_writer;

static void put(npz_writer *writer, const void *bytes, size_t count) {
    writer->written += fwrite(bytes, 1, count, writer->file);
}

/* Numbers of 2 or 4 bytes, little-endian; a width of 0 ends them. */
typedef struct zip_number {
    int width;
    uint32_t value;
} zip_number;

static void put_numbers(npz_writer *writer, const zip_number *numbers) {
    for (; numbers->width != 0; numbers++)
        for (int i = 0; i < numbers->width; i++) {
            uint8_t byte = (uint8_t)(numbers->value >> 8 * i);
            put(writer, &byte, 1);
        }
}

/* The fields that the header of a member and its entry in the directory share: version, flags, method (stored), time, date
 * (1980-01-01), check sum, sizes, lengths of name and extra field. */
static void put_member(npz_writer *writer, const zip_member *member) {
    put_numbers(writer, (const zip_number[]){{2, 20},
                                             {2, 0},
                                             {2, 0},
                                             {2, 0},
                                             {2, 33},
                                             {4, member->crc},
                                             {4, member->bytes},
                                             {4, member->bytes},
                                             {2, (uint32_t)strlen(member->name)},
                                             {2, 0},
                                             {0, 0}});
}

/* NumPy's format 1.0: magic, version, length of a header that is a Python dictionary, padded to 64 bytes. */
static size_t npy_header(const char *type, int rank, const int64_t *sizes, char header[128]) {
    char shape[64];
    if (rank == 1)
        (void)snprintf(shape, sizeof shape, "(%" PRId64 ",)", sizes[0]);
    else
        (void)snprintf(shape, sizeof shape, "(%" PRId64 ", %" PRId64 ")", sizes[0], sizes[1]);
    memset(header, ' ', 128);
    memcpy(header, "\x93NUMPY\x01\x00\x76\x00", 10); /* 118 bytes follow */
    int length =
        snprintf(header + 10, 118, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", type, shape);
    header[10 + length] = ' ';
    header[127] = '\n';
    return 128;
}

static void add_array(npz_writer *writer, const char *name, const char *part, const char *type, int rank,
                      const int64_t *sizes, const void *data) {
    APD_ASSERT(writer->count < MOST_ARRAYS);
    zip_member *member = &writer->members[writer->count++];
    char header[128];
    size_t length = npy_header(type, rank, sizes, header), bytes = 4 * (size_t)sizes[0];
    bytes *= rank == 2 ? (size_t)sizes[1] : 1;
    (void)snprintf(member->name, sizeof member->name, "%.32s%s.npy", name, part);
    uLong crc = crc32_z(0, (const Bytef *)header, length);
    member->crc = (uint32_t)crc32_z(crc, data, bytes);
    member->bytes = (uint32_t)(length + bytes);
    member->offset = (uint32_t)writer->written;
    put(writer, "PK\x03\x04", 4);
    put_member(writer, member);
    put(writer, member->name, strlen(member->name));
    put(writer, header, length);
    put(writer, data, bytes);
}

static void end_archive(npz_writer *writer) {
    uint32_t begin = (uint32_t)writer->written, count = (uint32_t)writer->count;
    for (int i = 0; i < writer->count; i++) {
        const zip_member *member = &writer->members[i];
        put(writer, "PK\x01\x02", 4);
        put_numbers(writer, (const zip_number[]){{2, 20}, {0, 0}});
        put_member(writer, member);
        put_numbers(writer,
                    (const zip_number[]){{2, 0}, {2, 0}, {2, 0}, {4, 0}, {4, member->offset}, {0, 0}});
        put(writer, member->name, strlen(member->name));
    }
    uint32_t bytes = (uint32_t)writer->written - begin;
    put(writer, "PK\x05\x06", 4);
    put_numbers(writer, (const zip_number[]){
                            {2, 0}, {2, 0}, {2, count}, {2, count}, {4, bytes}, {4, begin}, {2, 0}, {0, 0}});
}

apd_status apd_export_npz(const apd_trained *trained, FILE *file, apd_error *error) {
    const apd_layout *layout = apd_network_layout(trained->network);
    if (layout->size * (int64_t)sizeof(float) > UINT32_MAX - (1 << 20) ||
        2 * layout->block_count + 4 > MOST_ARRAYS)
        return apd_fail(error, APD_ERROR_USAGE, "--npz: the network is larger than the 4 GiB of an archive");
    npz_writer writer = {
        .file = file, .members = apd_allocate(MOST_ARRAYS, sizeof *writer.members, "an archive's directory")};
    for (int b = 0; b < layout->block_count; b++) {
        const apd_block *block = &layout->blocks[b];
        const int64_t sizes[] = {block->rows, block->cols};
        add_array(&writer, block->name, "_weights", "<f4", 2, sizes, trained->theta + block->weight);
        add_array(&writer, block->name, "_bias", "<f4", 1, sizes, trained->theta + block->bias);
    }
    apd_image_shape shape = trained->file->shape;
    const int64_t channels[] = {shape.channels}, classes[] = {trained->record->class_count};
    const int64_t pixel_count[] = {(int64_t)shape.channels * shape.height * shape.width};
    int32_t *pixels = apd_trained_pixels(trained);
    add_array(&writer, "mean", "", "<f4", 1, channels, trained->normalisation.mean);
    add_array(&writer, "deviation", "", "<f4", 1, channels, trained->normalisation.deviation);
    if (pixels != NULL)
        add_array(&writer, "pixels", "", "<i4", 1, pixel_count, pixels);
    add_array(&writer, "classes", "", "<i4", 1, classes, trained->record->classes);
    end_archive(&writer);
    free(pixels);
    free(writer.members);
    return APD_OK;
}
