#include "io/checkpoint/schema.h"

#include "base/memory.h"
#include "base/status.h"
#include "io/checkpoint/code.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The comparison costs nothing and refuses a member of another type. */
#define MEMBER(type, m) offsetof(apd_task_block, m) + 0 * sizeof((type **)0 == &((apd_task_block *)0)->m)
#define RAW(m)          APD_F32, APD_RAW, MEMBER(float, m)
#define HALF(m)         APD_F32, APD_HALF, MEMBER(float, m)
#define ROWS(m)         APD_F32, APD_ROWS, MEMBER(float, m)
#define BITS(m)         APD_U8, APD_RAW, MEMBER(uint8_t, m)
#define KEY(m)          APD_U8, APD_RAW, MEMBER(uint8_t, m)
#define ENDS            APD_I64, APD_PART, MEMBER(int64_t, tau.offsets)
#define COLUMNS         APD_I32, APD_PART, MEMBER(int32_t, tau.columns)
#define CODE            APD_F32, APD_CODE, MEMBER(float, tau.values)

const apd_array apd_task_arrays[] = {
    /* name              blocks    a row has    tasks       numbers            contents */
    {"mask", APD_BODY, APD_ONE, APD_SPARSE, HALF(mask), "mask, in (0, 1)"},
    {"bias", APD_BODY, APD_ONE, APD_ALL, HALF(bias), "bias"},
    {"", APD_BODY, APD_ENDS, APD_SPARSE, ENDS, ""},
    {"", APD_BODY, APD_ENTRIES, APD_SPARSE, COLUMNS, ""},
    {"tau", APD_BODY, APD_ENTRIES, APD_SPARSE, CODE, "theta where tau is not zero, row after row (below)"},
    {"weight", APD_BODY, APD_COLS, APD_SINGLE, RAW(dense), "theta"},
    {"bits", APD_BODY, APD_BITS, APD_SUBNET, BITS(bits), "1: theta is sigma, 0: theta is 0"},
    {"head/weight", APD_HEAD, APD_COLS, APD_ALL, HALF(dense), "the head's weights"},
    {"head/bias", APD_HEAD, APD_ONE, APD_ALL, HALF(bias), "the head's biases"},
    {"key", APD_HEAD, APD_KEYS, APD_ALL, KEY(key),
     "what the images of each class look like (below); only with stream.keys"},
};
#define COUNT(array) ((int)(sizeof(array) / sizeof(array)[0]))
const int apd_task_array_count = COUNT(apd_task_arrays);

static const apd_array sigma_arrays[] = {
    {"sigma", APD_BODY, APD_COLS, APD_ALL, ROWS(dense), "sigma; as uint8, (bytes): row after row (below)"},
};
/* One more for each of the state's shared arrays, after sigma. */
static const apd_array shared_array = {"ARRAY", APD_BODY,   APD_COLS,
                                       APD_ALL, RAW(dense), "an array of the method's beside sigma"};
static const apd_array cluster_arrays[] = {
    {"", APD_BODY, APD_ENDS, APD_ALL, ENDS, ""},
    {"", APD_BODY, APD_ENTRIES, APD_ALL, COLUMNS, ""},
    {"sigma_g", APD_BODY, APD_ENTRIES, APD_ALL, CODE, "sigma_g where it is not zero, row after row (below)"},
};
static const apd_array training_array = {"",      APD_BODY,   APD_COLS,
                                         APD_ALL, RAW(dense), "an array of the solver"};

/* --- which items there are ------------------------------------------------------------------------------- */

apd_item_key *apd_item_list(const apd_run_state *state, int *count) {
    int64_t most = 2 * (int64_t)state->block_count + state->task_count, body = state->block_count - 1;
    int n = 0;
    for (int b = 0; b < body; b++)
        most += state->shared[b].clusters;
    apd_item_key *list = apd_allocate(most, sizeof *list, "the commit's items");
    for (int b = 0; b < body; b++)
        list[n++] = (apd_item_key){APD_ITEM_SIGMA, b, 0};
    for (int b = 0; b < body; b++)
        for (int g = 0; g < state->shared[b].clusters; g++)
            list[n++] = (apd_item_key){APD_ITEM_CLUSTER, b, g};
    for (int t = 0; t < state->task_count; t++)
        if (state->records[t].class_count > 0)
            list[n++] = (apd_item_key){APD_ITEM_TASK, t, 0};
    for (int b = 0; b < state->block_count && state->half_way; b++)
        list[n++] = (apd_item_key){APD_ITEM_TRAINING, b, 0};
    *count = n;
    return list;
}

apd_home *apd_item_home(apd_run_state *state, apd_item_key key) {
    switch (key.kind) {
    case APD_ITEM_SIGMA: return &state->shared[key.of].sigma;
    case APD_ITEM_TASK: return &state->records[key.of].home;
    case APD_ITEM_CLUSTER: return &state->shared[key.of].cluster[key.cluster];
    case APD_ITEM_TRAINING: break;
    }
    return &state->shared[key.of].training;
}

void apd_item_group(const apd_layout *layout, apd_item_key key, char group[64]) {
    switch (key.kind) {
    case APD_ITEM_SIGMA: (void)snprintf(group, 64, "shared/%s", layout->blocks[key.of].name); break;
    case APD_ITEM_TASK: (void)snprintf(group, 64, "tasks/%06d", key.of); break;
    case APD_ITEM_CLUSTER:
        (void)snprintf(group, 64, "groups/%s/%03d", layout->blocks[key.of].name, key.cluster);
        break;
    case APD_ITEM_TRAINING: (void)snprintf(group, 64, "training/%s", layout->blocks[key.of].name); break;
    }
}

int apd_item_class(apd_item_key key) {
    return key.kind == APD_ITEM_TASK ? 1 : key.kind == APD_ITEM_TRAINING ? 2 : 0;
}

/* --- an item's arrays ------------------------------------------------------------------------------------ */

typedef struct table {
    const apd_array *rows;
    int count;
} table;

static table table_of(apd_item_kind kind) {
    switch (kind) {
    case APD_ITEM_TASK: return (table){apd_task_arrays, COUNT(apd_task_arrays)};
    case APD_ITEM_CLUSTER: return (table){cluster_arrays, COUNT(cluster_arrays)};
    case APD_ITEM_SIGMA: return (table){sigma_arrays, COUNT(sigma_arrays)};
    case APD_ITEM_TRAINING: break;
    }
    return (table){NULL, 0};
}

/* An item without arrays, with room for them. */
static apd_item begin_item(apd_item_key key, const apd_layout *layout, const apd_run_state *state) {
    apd_item item = {.key = key,
                     .layout = layout,
                     .half = state->half != 0,
                     .coded = state->sigma_coded != 0,
                     .key_width = state->key_width};
    int64_t most = table_of(key.kind).count + state->shared_array_count;
    if (key.kind == APD_ITEM_TRAINING)
        most = state->training.array_count;
    item.arrays = apd_allocate(most, sizeof *item.arrays, "an item's arrays");
    apd_item_group(layout, key, item.group);
    if (key.kind == APD_ITEM_TASK)
        item.classes = state->records[key.of].class_count;
    return item;
}

static apd_item_array *add_array(apd_item *item, const apd_array *array, const char *name, int first,
                                 int end) {
    apd_item_array *added = &item->arrays[item->count++];
    *added = (apd_item_array){.array = *array, .first = first, .end = end};
    (void)snprintf(added->name, sizeof added->name, "%s", name);
    return added;
}

/* The arrays of the item's table; `blocks` are views by block, from the item's first one on. */
static void add_table(apd_item *item, apd_storage storage, apd_task_block *blocks) {
    int head = item->layout->block_count - 1, one = item->key.of;
    table from = table_of(item->key.kind);
    for (int a = 0; a < from.count; a++) {
        const apd_array *row = &from.rows[a];
        if (item->key.kind != APD_ITEM_TASK)
            add_array(item, row, row->name, one, one + 1)->view = blocks;
        else if ((row->tasks & (1u << storage)) == 0 || (row->extent == APD_KEYS && item->key_width == 0))
            continue;
        else if (row->blocks == APD_HEAD)
            add_array(item, row, row->name, head, head + 1)->view = blocks + head;
        else
            add_array(item, row, row->name, 0, head)->view = blocks;
    }
}

/* The arrays beside sigma; `views` (count) are theirs. */
static void add_shared(apd_item *item, const apd_run_state *state, apd_task_block *views) {
    for (int a = 0; a < state->shared_array_count; a++)
        add_array(item, &shared_array, state->shared_arrays[a].name, item->key.of, item->key.of + 1)->view =
            &views[a];
}

static apd_task_block *own_views(apd_item *item, int count) {
    item->own = apd_allocate(count, sizeof *item->own, "an item's views");
    item->own_count = count;
    return item->own;
}

/* The block's arrays in training; `values` (array_count) in the state's order, or NULL. */
static void add_training(apd_item *item, const apd_run_state *state, float *const *values) {
    const apd_training_state *training = &state->training;
    apd_task_block *view = own_views(item, training->array_count);
    for (int i = 0; i < training->array_count; i++) {
        const apd_training_array *array = &training->arrays[i];
        if (array->block != item->key.of)
            continue;
        apd_item_array *added = add_array(item, &training_array, array->name, array->block, array->block + 1);
        added->width = array->width;
        added->view = view++;
        added->view->dense = values != NULL ? values[i] : NULL;
    }
}

void apd_training_list(const apd_solver *solver, apd_training_state *training) {
    int count = apd_solver_array_count(solver);
    free(training->arrays);
    training->arrays = apd_allocate(2 * (int64_t)count, sizeof *training->arrays, "names of arrays");
    training->array_count = 0;
    for (int i = 0; i < count; i++) {
        const apd_solver_array *array = apd_solver_array_at(solver, i);
        for (int copy = 0; copy < (array->snapshot != NULL ? 2 : 1); copy++) {
            apd_training_array *added = &training->arrays[training->array_count++];
            *added = (apd_training_array){.block = array->block, .width = array->width};
            (void)snprintf(added->name, sizeof added->name, "%s%s", array->name, copy ? ".best" : "");
        }
    }
}

/* The solver's arrays in the order of apd_training_list; free it. */
static float **training_values(const apd_solver *solver) {
    int count = apd_solver_array_count(solver), n = 0;
    float **values = apd_allocate(2 * (int64_t)count, sizeof *values, "arrays");
    for (int i = 0; i < count; i++) {
        const apd_solver_array *array = apd_solver_array_at(solver, i);
        values[n++] = array->values;
        if (array->snapshot != NULL)
            values[n++] = array->snapshot;
    }
    return values;
}

apd_item apd_item_of(apd_item_key key, const apd_decomposition *decomposition, const apd_run_state *state,
                     const apd_solver *solver) {
    apd_item item = begin_item(key, decomposition->layout, state);
    item.held = decomposition->rows;
    if (key.kind == APD_ITEM_TASK) {
        add_table(&item, (apd_storage)state->records[key.of].storage, decomposition->tasks[key.of]->blocks);
    } else if (key.kind == APD_ITEM_TRAINING) {
        float **values = training_values(solver);
        add_training(&item, state, values);
        free(values);
    } else {
        apd_task_block *view = own_views(&item, 1 + state->shared_array_count);
        add_table(&item, APD_STORAGE_DECOMPOSED, view);
        if (key.kind == APD_ITEM_CLUSTER) {
            view->tau = decomposition->groups[key.of].shared[key.cluster];
            return item;
        }
        view->dense = decomposition->sigma[key.of];
        APD_ASSERT(decomposition->shared_count == state->shared_array_count);
        for (int a = 0; a < state->shared_array_count; a++)
            view[1 + a].dense = decomposition->shared[a].values[key.of];
        add_shared(&item, state, view + 1);
    }
    return item;
}

apd_item apd_item_whole(apd_item_key key, const apd_layout *layout, const apd_run_state *state) {
    apd_item item = begin_item(key, layout, state);
    apd_rows *all = apd_allocate(layout->block_count, sizeof *all, "all rows");
    for (int b = 0; b < layout->block_count; b++)
        all[b].end = layout->blocks[b].rows;
    item.all = all;
    item.held = all;
    bool task = key.kind == APD_ITEM_TASK;
    if (key.kind == APD_ITEM_TRAINING)
        add_training(&item, state, NULL);
    else
        add_table(&item, task ? (apd_storage)state->records[key.of].storage : APD_STORAGE_DECOMPOSED,
                  own_views(&item, task ? layout->block_count : 1 + state->shared_array_count));
    if (key.kind == APD_ITEM_SIGMA)
        add_shared(&item, state, item.own + 1);
    item.owns = true;
    return item;
}

void apd_item_keep(const apd_item *item, apd_decomposition *decomposition) {
    if (item->key.kind == APD_ITEM_CLUSTER)
        decomposition->groups[item->key.of].shared[item->key.cluster] = item->own->tau;
}

/* --- sizes and places ------------------------------------------------------------------------------------ */

apd_rows apd_item_rows(const apd_item *item, int block, apd_rows rows) {
    bool head = item->key.kind == APD_ITEM_TASK && block == item->layout->block_count - 1;
    int64_t end = head ? item->classes : item->layout->blocks[block].rows;
    rows.end = rows.end < end ? rows.end : end;
    rows.begin = rows.begin < rows.end ? rows.begin : rows.end;
    return rows;
}

static int64_t width_of(const apd_item *item, const apd_item_array *array, int block) {
    if (array->array.extent == APD_BITS)
        return apd_bit_bytes(item->layout->blocks[block].cols);
    if (array->array.extent == APD_KEYS)
        return item->key_width;
    if (array->array.extent != APD_COLS)
        return 1;
    return array->width > 0 ? array->width : item->layout->blocks[block].cols;
}

int64_t apd_item_numbers(const apd_item *item, const apd_item_array *array, int block, int64_t rows,
                         int64_t entries) {
    return array->array.extent == APD_ENTRIES ? entries : rows * width_of(item, array, block);
}

static void **member_of(const apd_item_array *array, int block) {
    return (void **)((char *)&array->view[block - array->first] + array->array.member);
}

static apd_sparse *sparse_of(const apd_item_array *array, int block) {
    return &array->view[block - array->first].tau;
}

void apd_item_clear(apd_item *item) {
    for (int a = 0; a < item->count && item->owns; a++) {
        const apd_item_array *array = &item->arrays[a];
        for (int b = array->first; b < array->end; b++)
            if (array->array.extent == APD_ENDS)
                apd_sparse_clear(sparse_of(array, b)); /* the entries' arrays, too */
            else if (array->array.extent != APD_ENTRIES)
                free(*member_of(array, b));
    }
    free(item->own);
    free(item->all);
    free(item->arrays);
    *item = (apd_item){0};
}

void *apd_item_at(const apd_item_array *array, int block) {
    unsigned char *at = *member_of(array, block);
    return array->array.extent == APD_ENDS ? at + sizeof(int64_t) : at;
}

void apd_item_allocate(const apd_item *item, const apd_item_array *array) {
    for (int b = array->first; b < array->end; b++) {
        apd_rows held = apd_item_rows(item, b, item->held[b]);
        int64_t rows = held.end - held.begin;
        if (array->array.extent == APD_ENDS)
            apd_sparse_resize(sparse_of(array, b), rows, 0);
        else if (array->array.extent != APD_ENTRIES)
            *member_of(array, b) =
                apd_allocate(rows * width_of(item, array, b),
                             (size_t)apd_number_bytes(array->array.number, 0), array->name);
    }
}

void apd_item_set_ends(const apd_item_array *array, int block, int64_t rows, const int64_t *ends,
                       int64_t base) {
    apd_sparse *sparse = sparse_of(array, block);
    apd_sparse_resize(sparse, rows, rows > 0 ? ends[rows - 1] - base : 0);
    for (int64_t r = 0; r < rows; r++)
        sparse->offsets[r + 1] = ends[r] - base;
}

/* Entries ahead of a row of the views. */
static int64_t entries_before(const apd_item_array *array, int block, int64_t row) {
    return array->array.extent == APD_ENTRIES ? sparse_of(array, block)->offsets[row] : 0;
}

static int64_t entries_of_block(const apd_item_array *array, int block) {
    const apd_sparse *sparse = sparse_of(array, block);
    return sparse->offsets != NULL ? sparse->offsets[sparse->rows] : 0;
}

int64_t apd_item_entries(const apd_item *item) {
    int64_t entries = 0;
    for (int a = 0; a < item->count; a++)
        for (int b = item->arrays[a].first; b < item->arrays[a].end; b++)
            if (item->arrays[a].array.extent == APD_ENDS)
                entries += entries_of_block(&item->arrays[a], b);
    return entries;
}

apd_encoding apd_item_encoding(const apd_item *item, const apd_item_array *array) {
    const apd_encoding encoding = array->array.encoding;
    if (encoding == APD_ROWS && item->coded)
        return APD_ROWS;
    return encoding == APD_ROWS || encoding == APD_HALF ? (item->half ? APD_HALF : APD_RAW) : encoding;
}

apd_shape apd_item_shape(const apd_item *item, int index, int64_t code) {
    const apd_item_array *array = &item->arrays[index];
    apd_shape shape = {.number = array->array.number, .rank = 1};
    int64_t numbers = 0, rows = 0;
    APD_ASSERT(array->array.encoding != APD_PART);
    for (int b = array->first; b < array->end; b++) {
        apd_rows whole = apd_item_rows(item, b, (apd_rows){0, INT64_MAX});
        rows += whole.end;
        numbers += apd_item_numbers(item, array, b, whole.end, 0);
    }
    const apd_encoding encoding = apd_item_encoding(item, array);
    if (encoding == APD_CODE || encoding == APD_ROWS)
        return (apd_shape){.number = APD_U8, .rank = 1, .extents = {code}};
    if (encoding == APD_HALF)
        shape.number = APD_F16;
    shape.extents[0] = numbers;
    if ((array->array.extent == APD_COLS || array->array.extent == APD_KEYS) &&
        array->end == array->first + 1) {
        shape.rank = 2;
        shape.extents[0] = rows;
        shape.extents[1] = width_of(item, array, array->first);
    }
    return shape;
}

const float *apd_item_masks(const apd_item *item, int block) {
    for (int a = 0; a < item->count && item->half; a++)
        if (item->arrays[a].array.member == offsetof(apd_task_block, mask))
            return item->arrays[a].view[block - item->arrays[a].first].mask;
    return NULL;
}

/* Bytes of the code of the views' rows of a block. */
static int64_t code_of_rows(const apd_item *item, const apd_item_array *array, int block) {
    const int64_t cols = item->layout->blocks[block].cols,
                  rows = item->held[block].end - item->held[block].begin;
    const bool dense = array->array.encoding == APD_ROWS;
    const float *masks = apd_item_masks(item, block);
    int64_t bytes = 0;
    float *room = apd_allocate_bytes(2 * cols * (int64_t)sizeof *room, "a row");
    for (int64_t r = 0; r < rows; r++) {
        apd_code_row row = {.cols = cols, .mask = masks != NULL ? masks[r] : 0.0f};
        if (dense) {
            row.values = (const float *)apd_item_at(array, block) + r * cols;
            row.count = cols;
        } else {
            apd_sparse_cursor entries = apd_sparse_row(sparse_of(array, block), r);
            row.columns = entries.columns;
            row.values = entries.values;
            row.count = entries.left;
        }
        bytes += apd_code_bytes(&row, room);
    }
    free(room);
    return bytes;
}

int64_t apd_item_code(const apd_item *item) {
    int64_t bytes = 0;
    for (int a = 0; a < item->count; a++) {
        const apd_encoding encoding = apd_item_encoding(item, &item->arrays[a]);
        for (int b = item->arrays[a].first; b < item->arrays[a].end; b++)
            if (encoding == APD_CODE || encoding == APD_ROWS)
                bytes += code_of_rows(item, &item->arrays[a], b);
    }
    return bytes;
}

int64_t apd_item_bytes(const apd_item *item, int64_t code) {
    int64_t bytes = 1024;
    for (int a = 0; a < item->count; a++) {
        if (item->arrays[a].array.encoding == APD_PART)
            continue;
        apd_shape shape = apd_item_shape(item, a, code);
        bytes += 512 + apd_shape_bytes(&shape);
    }
    return bytes;
}

/* --- packed rows ------------------------------------------------------------------------------------------ */

typedef struct span {
    apd_rows rows;        /* of the views */
    int64_t first, count; /* numbers */
} span;

/* Which of the views' numbers of a block belong to the rows `wanted`. */
static span span_of(const apd_item *item, const apd_item_array *array, int block, const apd_rows *wanted) {
    apd_rows held = apd_item_rows(item, block, item->held[block]);
    apd_rows rows = apd_item_rows(item, block, wanted[block]);
    span s = {.rows = {rows.begin - held.begin, rows.end - held.begin}};
    if (array->array.extent == APD_ENTRIES) {
        s.first = entries_before(array, block, s.rows.begin);
        s.count = entries_before(array, block, s.rows.end) - s.first;
    } else {
        s.first = s.rows.begin * width_of(item, array, block);
        s.count = s.rows.end * width_of(item, array, block) - s.first;
    }
    return s;
}

int64_t apd_item_packed_bytes(const apd_item *item, const apd_rows *wanted) {
    int64_t bytes = 0;
    for (int a = 0; a < item->count; a++)
        for (int b = item->arrays[a].first; b < item->arrays[a].end; b++)
            bytes += span_of(item, &item->arrays[a], b, wanted).count *
                     apd_number_bytes(item->arrays[a].array.number, 0);
    return bytes;
}

unsigned char *apd_item_pack(const apd_item *item, const apd_rows *wanted, unsigned char *bytes) {
    for (int a = 0; a < item->count; a++) {
        const apd_item_array *array = &item->arrays[a];
        int64_t size = apd_number_bytes(array->array.number, 0);
        for (int b = array->first; b < array->end; b++) {
            span s = span_of(item, array, b, wanted);
            if (array->array.extent == APD_ENDS) {
                const int64_t *offsets = sparse_of(array, b)->offsets;
                for (int64_t r = s.rows.begin; r < s.rows.end; r++, bytes += size) {
                    int64_t end = offsets[r + 1] - offsets[s.rows.begin];
                    memcpy(bytes, &end, sizeof end);
                }
            } else if (s.count > 0) {
                memcpy(bytes, (unsigned char *)apd_item_at(array, b) + s.first * size,
                       (size_t)(s.count * size));
                bytes += s.count * size;
            }
        }
    }
    return bytes;
}

const unsigned char *apd_item_unpack(const apd_item *item, const unsigned char *bytes) {
    for (int a = 0; a < item->count; a++) {
        const apd_item_array *array = &item->arrays[a];
        int64_t size = apd_number_bytes(array->array.number, 0);
        for (int b = array->first; b < array->end; b++) {
            apd_rows rows = apd_item_rows(item, b, item->held[b]);
            int64_t count = rows.end - rows.begin;
            if (array->array.extent == APD_ENDS) {
                apd_item_set_ends(array, b, count, (const int64_t *)(const void *)bytes, 0);
            } else {
                count = array->array.extent == APD_ENTRIES ? entries_before(array, b, count)
                                                           : count * width_of(item, array, b);
                if (count > 0)
                    memcpy(apd_item_at(array, b), bytes, (size_t)(count * size));
            }
            bytes += count * size;
        }
    }
    return bytes;
}

/* --- for people ------------------------------------------------------------------------------------------- */

/* `several`: one block after the other */
static const char *shape_of(const apd_array *array, bool several) {
    static const char *const shapes[2][3] = {
        {"(R)", "(R, C)", "(R ceil(C/8))"},
        {"(sum of R)", "(sum of R C)", "(sum of R ceil(C/8))"},
    };
    if (array->encoding == APD_CODE)
        return "(bytes)";
    if (array->extent == APD_KEYS)
        return "(classes, 2 K)";
    return array->blocks == APD_HEAD ? array->extent == APD_ONE ? "(classes)" : "(classes, C)"
                                     : shapes[several][array->extent];
}

static void print_table(FILE *file, const char *group, table from, bool tasks) {
    static const char *const of[] = {[APD_SPARSE] = "decomposed",
                                     [APD_SINGLE] = "single",
                                     [APD_SHARED] = "shared",
                                     [APD_SUBNET] = "subnetwork",
                                     [APD_ALL] = "all"};
    for (int a = 0; a < from.count; a++) {
        const apd_array *array = &from.rows[a];
        if (array->encoding == APD_PART)
            continue;
        (void)fprintf(file, "| `%s/%s` | %s | %s | %s | %s |\n", group, array->name,
                      array->encoding == APD_CODE   ? "uint8"
                      : array->encoding == APD_HALF ? "float32 or 16"
                      : array->encoding == APD_ROWS ? "float32 or 16, or uint8"
                                                    : apd_number_name(array->number),
                      shape_of(array, tasks), tasks ? of[array->tasks] : "", array->contents);
    }
}

void apd_schema_print(FILE *file) {
    (void)fputs("| object | numbers | shape | tasks | contents |\n| --- | --- | --- | --- | --- |\n", file);
    print_table(file, "/shared/NAME", table_of(APD_ITEM_SIGMA), false);
    print_table(file, "/shared/NAME", (table){&shared_array, 1}, false);
    print_table(file, "/tasks/000017", table_of(APD_ITEM_TASK), true);
    print_table(file, "/groups/NAME/003", table_of(APD_ITEM_CLUSTER), false);
    (void)fprintf(file, "| `/training/NAME/ARRAY` | %s | (R, width) | | %s |\n",
                  apd_number_name(training_array.number), training_array.contents);
}
