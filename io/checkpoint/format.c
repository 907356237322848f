#include "io/checkpoint/format.h"

#include "io/checkpoint/checkpoint.h"

#include <hdf5.h>
#include <string.h>

#define WINDOW       65536
#define COUNT(array) ((int)(sizeof(array) / sizeof(array)[0]))

const apd_checkpoint_field apd_checkpoint_root_fields[] = {
    {"commit", APD_CHECKPOINT_INT32, offsetof(apd_run_state, commit), 0},
    {"config_digest", APD_CHECKPOINT_UINT64, offsetof(apd_run_state, config_digest), 0},
    {"data_digest", APD_CHECKPOINT_UINT64, offsetof(apd_run_state, data_digest), 0},
    {"shards", APD_CHECKPOINT_INT32, offsetof(apd_run_state, shards), 0},
    {"seed", APD_CHECKPOINT_UINT64, offsetof(apd_run_state, seed), 0},
    {"task_count", APD_CHECKPOINT_INT32, offsetof(apd_run_state, task_count), 0},
    {"alone", APD_CHECKPOINT_INT32, offsetof(apd_run_state, alone), 0},
};
const int apd_checkpoint_root_field_count = COUNT(apd_checkpoint_root_fields);

const apd_checkpoint_field apd_checkpoint_record_fields[] = {
    {"id", APD_CHECKPOINT_INT32, offsetof(apd_task_record, id), 0},
    {"name", APD_CHECKPOINT_TEXT, offsetof(apd_task_record, name), sizeof((apd_task_record *)0)->name},
    {"accuracy", APD_CHECKPOINT_FLOAT64, offsetof(apd_task_record, accuracy), 0},
    {"seconds", APD_CHECKPOINT_FLOAT64, offsetof(apd_task_record, seconds), 0},
    {"epochs", APD_CHECKPOINT_INT32, offsetof(apd_task_record, epochs), 0},
};
#define TRAINING(field) offsetof(apd_training_state, field)
const apd_checkpoint_field apd_checkpoint_training_fields[] = {
    {"id", APD_CHECKPOINT_INT32, TRAINING(id), 0},
    {"epochs", APD_CHECKPOINT_INT32, TRAINING(epochs), 0},
    {"epoch", APD_CHECKPOINT_INT32, TRAINING(epoch), 0},
    {"step", APD_CHECKPOINT_INT32, TRAINING(step), 0},
    {"best", APD_CHECKPOINT_FLOAT64, TRAINING(best), 0},
    {"seconds", APD_CHECKPOINT_FLOAT64, TRAINING(seconds), 0},
    {"epoch_loss", APD_CHECKPOINT_FLOAT64, TRAINING(epoch_loss), 0},
    {"epoch_correct", APD_CHECKPOINT_FLOAT64, TRAINING(epoch_correct), 0},
    {"epoch_images", APD_CHECKPOINT_FLOAT64, TRAINING(epoch_images), 0},
    {"steps", APD_CHECKPOINT_INT64, TRAINING(progress.steps), 0},
    {"polishing", APD_CHECKPOINT_INT32, TRAINING(progress.polishing), 0},
    {"kept", APD_CHECKPOINT_INT32, TRAINING(progress.has_snapshot), 0},
};
const int apd_checkpoint_training_field_count = COUNT(apd_checkpoint_training_fields);

const int apd_checkpoint_record_field_count = COUNT(apd_checkpoint_record_fields);

apd_checkpoint_shape apd_checkpoint_scalar(apd_checkpoint_kind kind) {
    return (apd_checkpoint_shape){.kind = kind};
}

apd_checkpoint_shape apd_checkpoint_text(int64_t bytes) {
    return (apd_checkpoint_shape){.kind = APD_CHECKPOINT_TEXT, .text = bytes};
}

apd_checkpoint_shape apd_checkpoint_vector(apd_checkpoint_kind kind, int64_t count) {
    return (apd_checkpoint_shape){.kind = kind, .rank = 1, .extents = {count, 0}};
}

apd_checkpoint_shape apd_checkpoint_matrix(apd_checkpoint_kind kind, int64_t rows, int64_t cols) {
    return (apd_checkpoint_shape){.kind = kind, .rank = 2, .extents = {rows, cols}};
}

int64_t apd_checkpoint_element(const apd_checkpoint_shape *shape) {
    static const int64_t bytes[] = {4, 8, 8, 4, 8};
    return shape->kind == APD_CHECKPOINT_TEXT ? shape->text : bytes[shape->kind];
}

int64_t apd_checkpoint_row(const apd_checkpoint_shape *shape) {
    return shape->rank == 2 ? shape->extents[1] : 1;
}

int64_t apd_checkpoint_shape_bytes(const apd_checkpoint_shape *shape) {
    int64_t rows = shape->rank == 0 ? 1 : shape->extents[0];
    return rows * apd_checkpoint_row(shape) * apd_checkpoint_element(shape);
}

int64_t apd_checkpoint_space(const apd_checkpoint_shape *shape) {
    hsize_t extents[2] = {(hsize_t)shape->extents[0], (hsize_t)shape->extents[1]};
    return shape->rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(shape->rank, extents, NULL);
}

int64_t apd_checkpoint_type(const apd_checkpoint_shape *shape, int in_file) {
    if (shape->kind == APD_CHECKPOINT_TEXT) {
        hid_t text = H5Tcopy(H5T_C_S1);
        if (text >= 0 &&
            (H5Tset_size(text, (size_t)shape->text) < 0 || H5Tset_strpad(text, H5T_STR_NULLPAD) < 0)) {
            (void)H5Tclose(text);
            return -1;
        }
        return text;
    }
    const hid_t types[][2] = {{H5T_NATIVE_INT32, H5T_STD_I32LE},
                              {H5T_NATIVE_INT64, H5T_STD_I64LE},
                              {H5T_NATIVE_UINT64, H5T_STD_U64LE},
                              {H5T_NATIVE_FLOAT, H5T_IEEE_F32LE},
                              {H5T_NATIVE_DOUBLE, H5T_IEEE_F64LE}};
    return H5Tcopy(types[shape->kind][in_file != 0]);
}

static void end_window(apd_checkpoint_digest *digest) {
    digest->sequence = apd_digest_join(digest->sequence, apd_digest_end(digest->window));
    digest->window = NULL;
    digest->filled = 0;
}

void apd_checkpoint_digest_add(apd_checkpoint_digest *digest, const void *bytes, size_t count) {
    const unsigned char *next = bytes;
    for (size_t take; count > 0; next += take, count -= take) {
        take = WINDOW - digest->filled < count ? WINDOW - digest->filled : count;
        if (take == WINDOW) {
            digest->sequence = apd_digest_join(digest->sequence, apd_digest(next, take));
            continue;
        }
        if (digest->window == NULL)
            digest->window = apd_digest_begin();
        apd_digest_add(digest->window, next, take);
        digest->filled += take;
        if (digest->filled == WINDOW)
            end_window(digest);
    }
}

uint64_t apd_checkpoint_digest_end(apd_checkpoint_digest *digest) {
    if (digest->window != NULL)
        end_window(digest);
    uint64_t sequence = digest->sequence;
    *digest = (apd_checkpoint_digest){0};
    return sequence;
}

uint64_t apd_checkpoint_digest_of(const void *bytes, size_t count) {
    apd_checkpoint_digest digest = {0};
    apd_checkpoint_digest_add(&digest, bytes, count);
    return apd_checkpoint_digest_end(&digest);
}

uint64_t apd_checkpoint_fold(uint64_t group, const char *name, const apd_checkpoint_shape *shape,
                             uint64_t bytes) {
    int64_t facts[4] = {(int64_t)shape->kind, shape->rank, shape->rank > 0 ? shape->extents[0] : 0,
                        shape->rank > 1 ? shape->extents[1] : 0};
    group = apd_digest_join(group, apd_digest(name, strlen(name)));
    group = apd_digest_join(group, apd_digest(facts, sizeof facts));
    return apd_digest_join(group, bytes);
}
