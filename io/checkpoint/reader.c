#include "io/checkpoint/reader.h"

#include "base/half.h"
#include "base/memory.h"
#include "io/checkpoint/code.h"
#include "io/checkpoint/root.h"
#include "io/checkpoint/store.h"
#include "io/hdf5/guard.h"
#include "io/hdf5/read_driver.h"
#include "io/system/durable.h"
#include "io/system/file.h"
#include "io/system/memory_limit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct apd_reader {
    char *path;
    apd_run_state state;
    apd_layout layout;
    apd_part_reader root; /* open in a packed commit alone, whose items lie in it */
    apd_part_reader part; /* the last one that was opened */
    int32_t part_number;
};

/* `file`: where checkpoint.h5's bytes are. */
static apd_status open_reader(const char *path, const char *file, apd_reader **out, apd_error *error) {
    apd_reader *reader = apd_allocate(1, sizeof *reader, "a checkpoint's reader");
    reader->path = apd_duplicate_text(path);
    const char *former = apd_h5_guard_begin(reader->path);
    apd_status status = apd_part_open(file, path, NULL, &reader->root, error);
    if (status == APD_OK && !apd_part_has(&reader->root, "layout") && apd_part_has(&reader->root, "results"))
        status = apd_fail(error, APD_ERROR_DATA,
                          "%s: holds results alone (apd pack --results-only); a checkpoint is needed", path);
    if (status == APD_OK)
        status = apd_root_read(&reader->root, &reader->state, &reader->layout, error);
    if (status != APD_OK)
        status = apd_h5_check_refused(status, error);
    apd_h5_guard_end(former);
    if (status == APD_OK)
        *out = reader;
    else
        apd_reader_destroy(reader);
    return status;
}

apd_status apd_reader_open(const char *path, apd_reader **out, apd_error *error) {
    return open_reader(path, path, out, error);
}

apd_status apd_reader_open_bytes(const char *path, const char *bytes, int64_t count, apd_reader **out,
                                 apd_error *error) {
    char name[64];
    int file = memfd_create("checkpoint.h5", MFD_CLOEXEC); /* a file that lies in memory */
    if (file < 0)
        return apd_fail_errno(error, errno, "%s: cannot keep it in memory", path);
    (void)snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    apd_status status = apd_write_all(file, bytes, count)
                            ? open_reader(path, name, out, error)
                            : apd_fail_errno(error, errno, "%s: cannot keep it in memory", path);
    (void)close(file);
    return status;
}

void apd_reader_close(apd_reader *reader) {
    apd_part_close(&reader->part);
    apd_part_close(&reader->root);
}

void apd_reader_destroy(apd_reader *reader) {
    if (reader == NULL)
        return;
    apd_reader_close(reader);
    apd_run_state_clear(&reader->state);
    apd_layout_clear(&reader->layout);
    free(reader->path);
    free(reader);
}

apd_run_state *apd_reader_state(apd_reader *reader) {
    return &reader->state;
}

const apd_layout *apd_reader_layout(const apd_reader *reader) {
    return &reader->layout;
}

const apd_part_reader *apd_reader_root(const apd_reader *reader) {
    return reader->root.path != NULL ? &reader->root : NULL;
}

/* The open part that an item lies in. */
static apd_status find_part(apd_reader *reader, const apd_home *home, const apd_part_reader **part,
                            apd_error *error) {
    *part = home->part < 0 ? &reader->root : &reader->part;
    if (home->part < 0 || (reader->part.path != NULL && reader->part.commit == home->commit &&
                           reader->part_number == home->part))
        return APD_OK;
    apd_part_close(&reader->part);
    char *path = apd_store_part(reader->path, home->commit, home->part);
    bool exists = false;
    apd_status status = apd_file_exists(path, &exists, error);
    if (status == APD_OK && !exists) /* proven: the commit is not whole */
        status = apd_fail(error, APD_ERROR_DATA, "%s: missing, and %s needs it", path, reader->path);
    if (status == APD_OK)
        status = apd_part_open(path, path, apd_find_part(&reader->state, home->commit, home->part),
                               &reader->part, error);
    free(path);
    reader->part_number = home->part;
    return status;
}

bool apd_reader_sees(apd_reader *reader, apd_item_key key) {
    const apd_part_reader *part = NULL;
    const char *former = apd_h5_guard_begin(reader->path);
    apd_error ignored = {0};
    bool sees = find_part(reader, apd_item_home(&reader->state, key), &part, &ignored) == APD_OK;
    (void)apd_h5_check_refused(APD_ERROR_DATA, &ignored);
    apd_h5_guard_end(former);
    return sees;
}

/* --- an item ---------------------------------------------------------------------------------------------- */

/* The rows of a block from their code, which *at begins with and `end` ends, by way of `room`; no more entries than `most`. */
static bool read_rows(const apd_item *item, const apd_item_array *array, int block, const unsigned char **at,
                      const unsigned char *end, int64_t most, apd_sparse_writer *room) {
    apd_sparse *sparse = &array->view[block - array->first].tau;
    const float *masks = apd_item_masks(item, block);
    int64_t rows = item->layout->blocks[block].rows, cols = item->layout->blocks[block].cols;
    int64_t *offsets = apd_allocate(rows + 1, sizeof *offsets, "where rows end");
    bool sound = true;
    room->count = 0;
    for (int64_t r = 0; r < rows && sound; r++) {
        sound = apd_code_read(at, end, cols, masks != NULL ? masks[r] : 0.0f, most - room->count, room);
        offsets[r + 1] = room->count;
    }
    if (sound) {
        apd_sparse_resize(sparse, rows, room->count);
        memcpy(sparse->offsets, offsets, (size_t)(rows + 1) * sizeof *offsets);
        memcpy(sparse->columns, room->sparse.columns, (size_t)room->count * sizeof *sparse->columns);
        memcpy(sparse->values, room->sparse.values, (size_t)room->count * sizeof *sparse->values);
    }
    free(offsets);
    return sound;
}

static apd_status read_code(apd_part_in *in, const apd_home *home, const apd_item *item,
                            const apd_item_array *array, apd_error *error) {
    int64_t left = home->entries;
    bool sound = left / 8 <= home->code; /* a bit an entry at least */
    apd_status status = APD_OK;
    apd_sparse_writer room = {0};
    unsigned char *bytes = apd_allocate_bytes(home->code + APD_CODE_SPARE, array->name);
    const unsigned char *at = bytes, *end = bytes + home->code;
    APD_GO(apd_part_read(in, bytes, home->code, error));
    if (sound)
        APD_GO(apd_memory_limit_check(in->reader->path, "entries", 2 * left, sizeof(float) + sizeof(int32_t),
                                      error));
    room.sparse.capacity = sound ? left : 0;
    room.sparse.columns = apd_allocate_bytes(room.sparse.capacity * (int64_t)sizeof(int32_t), array->name);
    room.sparse.values = apd_allocate_bytes(room.sparse.capacity * (int64_t)sizeof(float), array->name);
    for (int b = array->first; b < array->end && sound; b++) {
        sound = read_rows(item, array, b, &at, end, left, &room);
        left -= room.count;
    }
    if (!sound || at != end || left != 0)
        APD_GO(apd_part_fail(in, array->name, "not the code of as many rows and entries", error));
out:
    apd_sparse_clear(&room.sparse);
    free(bytes);
    return status;
}

/* Before there is memory for rows with a number in every column: a number takes a bit of code at least. */
static apd_status check_dense(const apd_part_in *in, const apd_home *home, const apd_item *item,
                              const apd_item_array *array, apd_error *error) {
    int64_t numbers = 0;
    for (int b = array->first; b < array->end; b++)
        numbers += item->layout->blocks[b].rows * item->layout->blocks[b].cols;
    if (numbers / 8 > home->code)
        return apd_part_fail(in, array->name, "not the code of as many rows and columns", error);
    return apd_memory_limit_check(in->reader->path, array->name, numbers, sizeof(float), error);
}

static apd_status read_dense(apd_part_in *in, const apd_home *home, const apd_item *item,
                             const apd_item_array *array, apd_error *error) {
    unsigned char *bytes = apd_allocate_bytes(home->code + APD_CODE_SPARE, array->name);
    const unsigned char *at = bytes, *end = bytes + home->code;
    apd_sparse_writer room = {0};
    bool sound = true;
    apd_status status;
    APD_GO(apd_part_read(in, bytes, home->code, error));
    for (int b = array->first; b < array->end; b++) {
        const int64_t rows = item->held[b].end - item->held[b].begin, cols = item->layout->blocks[b].cols;
        float *dense = apd_item_at(array, b);
        for (int64_t r = 0; r < rows && sound; r++) {
            room.count = 0;
            sound = apd_code_read(&at, end, cols, 0.0f, cols, &room) && room.count == cols;
            if (sound)
                memcpy(dense + r * cols, room.sparse.values, (size_t)cols * sizeof *dense);
        }
    }
    if (!sound || at != end)
        APD_GO(apd_part_fail(in, array->name, "not the code of as many rows and columns", error));
out:
    apd_sparse_clear(&room.sparse);
    free(bytes);
    return status;
}

/* The bits behind a row's last column are 0. */
static apd_status check_bits(const apd_part_in *in, const apd_item *item, const apd_item_array *array,
                             apd_error *error) {
    for (int b = array->first; b < array->end; b++) {
        apd_rows rows = apd_item_rows(item, b, item->held[b]);
        int64_t cols = item->layout->blocks[b].cols, bytes = apd_bit_bytes(cols);
        const uint8_t *bits = array->view[b - array->first].bits;
        for (int64_t r = 0; r < rows.end - rows.begin && cols % 8 != 0; r++)
            if ((bits[(r + 1) * bytes - 1] & (0xff >> (cols % 8))) != 0)
                return apd_part_fail(in, array->name, "a row has more bits than columns", error);
    }
    return APD_OK;
}

/* Numbers of 16 bits. */
static apd_status read_halves(apd_part_in *in, float *out, int64_t count, apd_error *error) {
    uint16_t halves[4096];
    const int64_t most = (int64_t)(sizeof halves / sizeof *halves);
    for (int64_t done = 0; done < count;) {
        int64_t some = count - done < most ? count - done : most;
        APD_TRY(apd_part_read(in, halves, some * (int64_t)sizeof *halves, error));
        for (int64_t i = 0; i < some; i++)
            out[done + i] = apd_half_value(halves[i]);
        done += some;
    }
    return APD_OK;
}

static apd_status read_numbers(apd_part_in *in, const apd_item *item, const apd_item_array *array,
                               apd_error *error) {
    for (int b = array->first; b < array->end; b++) {
        apd_rows rows = apd_item_rows(item, b, item->held[b]);
        int64_t count = apd_item_numbers(item, array, b, rows.end - rows.begin, 0);
        if (count == 0)
            continue;
        if (in->array.shape.number == APD_F16)
            APD_TRY(read_halves(in, apd_item_at(array, b), count, error));
        else
            APD_TRY(apd_part_read(in, apd_item_at(array, b), count * apd_number_bytes(array->array.number, 0),
                                  error));
    }
    return APD_OK;
}

static apd_status read_array(apd_part_in *in, const apd_home *home, const apd_item *item, int index,
                             apd_error *error) {
    const apd_item_array *array = &item->arrays[index];
    apd_shape shape = apd_item_shape(item, index, home->code);
    APD_TRY(apd_part_begin_array(in, array->name, &shape, error));
    APD_TRY(apd_memory_limit_check(in->reader->path, array->name, apd_shape_bytes(&shape), 1, error));
    if (array->array.encoding == APD_CODE) {
        APD_TRY(read_code(in, home, item, array, error));
    } else {
        const bool coded = apd_item_encoding(item, array) == APD_ROWS;
        if (coded)
            APD_TRY(check_dense(in, home, item, array, error));
        if (item->owns)
            apd_item_allocate(item, array);
        APD_TRY(coded ? read_dense(in, home, item, array, error) : read_numbers(in, item, array, error));
    }
    APD_TRY(apd_part_end_array(in, error));
    return array->array.extent == APD_BITS ? check_bits(in, item, array, error) : APD_OK;
}

static apd_status read_group(const apd_part_reader *part, const apd_home *home, const apd_item *item,
                             apd_error *error) {
    apd_part_in in;
    apd_status status;
    APD_GO(apd_part_begin_group(part, item->group, &in, error));
    for (int a = 0; a < item->count; a++)
        if (item->arrays[a].array.encoding != APD_PART)
            APD_GO(read_array(&in, home, item, a, error));
    if (in.digest != home->digest)
        APD_GO(apd_part_fail(&in, NULL, "damaged: its contents have another digest than the checkpoint says",
                             error));
    return apd_part_end_group(&in, error);
out:
    apd_part_abandon(&in);
    return status;
}

apd_status apd_reader_item(apd_reader *reader, apd_item *item, apd_error *error) {
    const apd_home *home = apd_item_home(&reader->state, item->key);
    const apd_part_reader *part = NULL;
    const char *former = apd_h5_guard_begin(reader->path);
    apd_status status = find_part(reader, home, &part, error);
    if (status == APD_OK)
        status = read_group(part, home, item, error);
    if (status != APD_OK)
        status = apd_h5_check_refused(status, error);
    apd_h5_guard_end(former);
    return status;
}

/* --- into a file ------------------------------------------------------------------------------------------ */

void apd_item_describe(const apd_item *item, const apd_run_state *state, int64_t code, apd_part_group *group,
                       void **storage) {
    struct {
        apd_part_attribute attributes[2];
        apd_part_array arrays[];
    } *room =
        apd_allocate(1, sizeof *room + (size_t)item->count * sizeof room->arrays[0], "an item's arrays");
    *group = (apd_part_group){.name = item->group, .attributes = room->attributes, .arrays = room->arrays};
    if (item->key.kind == APD_ITEM_TASK) {
        const apd_task_record *record = &state->records[item->key.of];
        room->attributes[0] = (apd_part_attribute){"id", {.number = APD_I32}, &record->id};
        room->attributes[1] =
            (apd_part_attribute){"name", {.number = APD_TEXT, .text = sizeof record->name}, record->name};
        group->attribute_count = 2;
    }
    for (int a = 0; a < item->count; a++)
        if (item->arrays[a].array.encoding != APD_PART)
            room->arrays[group->array_count++] =
                (apd_part_array){item->arrays[a].name, apd_item_shape(item, a, code)};
    *storage = room;
}

/* `numbers` (count) are floats, perhaps not aligned as such. */
static void append_halves(apd_part_writer *writer, const unsigned char *numbers, int64_t count) {
    enum { CHUNK = 2048 };
    float floats[CHUNK];
    uint16_t halves[CHUNK];
    for (int64_t done = 0; done < count;) {
        int64_t some = count - done < CHUNK ? count - done : CHUNK;
        memcpy(floats, numbers + done * (int64_t)sizeof *floats, (size_t)some * sizeof *floats);
        for (int64_t i = 0; i < some; i++)
            halves[i] = apd_half_bits(floats[i]);
        apd_part_append(writer, halves, some * (int64_t)sizeof *halves);
        done += some;
    }
}

/* Rows of a piece: sparse, with offsets that count from 0 and masks or NULL; or, without offsets and columns, dense. */
typedef struct coded_rows {
    const int64_t *ends;
    const int32_t *columns;
    const float *values, *masks;
    int64_t count, cols;
} coded_rows;

static void append_code(apd_part_writer *writer, const coded_rows *rows) {
    enum { CHUNK = 1 << 16 };
    unsigned char *bytes = apd_allocate_bytes(CHUNK + apd_code_most(rows->cols), "code"), *at = bytes;
    float *room = apd_allocate_bytes(2 * rows->cols * (int64_t)sizeof *room, "a row");
    for (int64_t r = 0, first = 0, end; r < rows->count; r++, first = end) {
        end = rows->ends != NULL ? rows->ends[r] : first + rows->cols;
        at = apd_code_write(&(apd_code_row){rows->columns != NULL ? rows->columns + first : NULL,
                                            rows->values + first, end - first, rows->cols,
                                            rows->masks != NULL ? rows->masks[r] : 0.0f},
                            room, at);
        if (at - bytes >= CHUNK) {
            apd_part_append(writer, bytes, at - bytes);
            at = bytes;
        }
    }
    apd_part_append(writer, bytes, at - bytes);
    free(room);
    free(bytes);
}

/* Where the numbers of each array, block and piece lie: (count, B, pieces). Moves packed[p]. */
static const void **find_numbers(const apd_item *item, int pieces, const apd_rows *rows,
                                 const unsigned char **packed) {
    int blocks = item->layout->block_count;
    int64_t *entries = apd_allocate((int64_t)pieces * blocks, sizeof *entries, "entries of pieces");
    const void **all = apd_allocate((int64_t)item->count * blocks * pieces, sizeof *all, "pieces");
    for (int a = 0; a < item->count; a++) {
        const apd_item_array *array = &item->arrays[a];
        for (int b = array->first; b < array->end; b++)
            for (int p = 0; p < pieces; p++) {
                const void *at = packed != NULL ? packed[p] : apd_item_at(array, b);
                apd_rows part = apd_item_rows(item, b, rows[p * blocks + b]);
                int64_t *own = &entries[p * blocks + b];
                int64_t count = apd_item_numbers(item, array, b, part.end - part.begin, *own);
                if (array->array.extent == APD_ENDS)
                    *own = count > 0 ? ((const int64_t *)at)[count - 1] : 0;
                if (packed != NULL)
                    packed[p] += count * apd_number_bytes(array->array.number, 0);
                all[((int64_t)a * blocks + b) * pieces + p] = at;
            }
    }
    free(entries);
    return all;
}

void apd_item_append(const apd_item *item, int pieces, const apd_rows *rows, const unsigned char **packed,
                     apd_part_writer *writer) {
    int blocks = item->layout->block_count;
    int64_t stride = (int64_t)blocks * pieces; /* from an array to the next */
    const void **all = find_numbers(item, pieces, rows, packed);
    for (int a = 0; a < item->count; a++) {
        const apd_item_array *array = &item->arrays[a];
        for (int i = array->first * pieces; i < array->end * pieces; i++) {
            int b = i / pieces;
            const void **at = &all[a * stride + i];
            apd_rows part = apd_item_rows(item, b, rows[i % pieces * blocks + b]);
            int64_t count = part.end - part.begin;
            int64_t numbers = apd_item_numbers(item, array, b, count, 0);
            const apd_encoding encoding = apd_item_encoding(item, array);
            if (encoding == APD_ROWS)
                append_code(writer,
                            &(coded_rows){NULL, NULL, *at, NULL, count, item->layout->blocks[b].cols});
            else if (encoding == APD_CODE)
                append_code(writer, &(coded_rows){at[-2 * stride], at[-stride], *at,
                                                  apd_item_masks(item, b) != NULL ? all[i] : NULL, count,
                                                  item->layout->blocks[b].cols});
            else if (encoding == APD_HALF)
                append_halves(writer, *at, numbers);
            else if (encoding != APD_PART)
                apd_part_append(writer, *at, numbers * apd_number_bytes(array->array.number, 0));
        }
    }
    free((void *)all);
}
