#include "io/checkpoint/training.h"

#include "base/memory.h"
#include "io/checkpoint/sink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TALLY = 3 };

static void add_name(apd_training_names *names, const apd_layout *layout, const apd_solver_array *array,
                     const char *ending) {
    (void)snprintf(names->names[names->count++], APD_TRAINING_NAME, "%s/%s%s",
                   layout->blocks[array->block].name, array->name, ending);
}

apd_training_names apd_training_names_of(const apd_solver *solver, const apd_layout *layout) {
    int count = apd_solver_array_count(solver);
    apd_training_names names = {0, apd_allocate(2 * (int64_t)count, APD_TRAINING_NAME, "names of arrays")};
    for (int i = 0; i < count; i++) {
        const apd_solver_array *array = apd_solver_array_at(solver, i);
        add_name(&names, layout, array, "");
        if (array->snapshot != NULL)
            add_name(&names, layout, array, ".kept");
    }
    return names;
}

void apd_training_names_clear(apd_training_names *names) {
    free(names->names);
    *names = (apd_training_names){0};
}

static apd_checkpoint_shape names_shape(int64_t count) {
    apd_checkpoint_shape shape = apd_checkpoint_vector(APD_CHECKPOINT_TEXT, count);
    shape.text = APD_TRAINING_NAME;
    return shape;
}

/* A folder for every block that has arrays. */
static apd_status put_folders(const apd_checkpoint_out *out, const apd_training_names *names,
                              apd_error *error) {
    char folder[APD_TRAINING_NAME];
    for (int64_t i = 0; i < names->count; i++) {
        const char *name = names->names[i], *slash = strchr(name, '/');
        (void)snprintf(folder, sizeof folder, "%.*s", (int)(slash - name), name);
        if (H5Lexists(out->id, folder, H5P_DEFAULT) <= 0)
            APD_TRY(apd_checkpoint_put_folder(out, folder, error));
    }
    return APD_OK;
}

apd_status apd_training_put(apd_checkpoint_out *out, const apd_training_state *training, int shards,
                            const apd_training_names *names, apd_error *error) {
    apd_checkpoint_shape tallies = apd_checkpoint_matrix(APD_CHECKPOINT_FLOAT64, shards, TALLY);
    apd_checkpoint_shape list = names_shape(names->count);
    APD_ASSERT(training->tally_count == shards * TALLY);
    APD_TRY(apd_checkpoint_put_fields(out, apd_checkpoint_training_fields,
                                      apd_checkpoint_training_field_count, training, error));
    APD_TRY(apd_checkpoint_put_data(out, "tallies", &tallies, training->tallies, error));
    APD_TRY(apd_checkpoint_put_data(out, "arrays", &list, names->names, error));
    return put_folders(out, names, error);
}

static apd_status check_training(const apd_checkpoint_in *in, const apd_training_state *training,
                                 apd_error *error) {
    if (training->id < 0 || training->epochs < 1 || training->epoch < 0 ||
        training->epoch > training->epochs || training->step < 0 || training->progress.steps < 0)
        return apd_checkpoint_get_fail(in, "epoch", "epochs, epoch, step and steps do not fit", error);
    return APD_OK;
}

apd_status apd_training_get(apd_checkpoint_in *in, int shards, apd_training_state *training,
                            apd_training_names *names, apd_error *error) {
    apd_checkpoint_shape tallies = apd_checkpoint_matrix(APD_CHECKPOINT_FLOAT64, shards, TALLY);
    apd_checkpoint_shape list = names_shape(APD_CHECKPOINT_ANY);
    APD_TRY(apd_checkpoint_get_fields(in, apd_checkpoint_training_fields, apd_checkpoint_training_field_count,
                                      training, error));
    APD_TRY(check_training(in, training, error));
    APD_TRY(apd_checkpoint_get_data(in, "tallies", &tallies, (void **)&training->tallies, error));
    training->tally_count = shards * TALLY;
    APD_TRY(apd_checkpoint_get_data(in, "arrays", &list, (void **)&names->names, error));
    names->count = list.extents[0];
    for (int64_t i = 0; i < names->count; i++)
        if (memchr(names->names[i], 0, APD_TRAINING_NAME) == NULL)
            return apd_checkpoint_get_fail(in, "arrays", "a name has no end", error);
    return APD_OK;
}

apd_status apd_training_get_array(apd_checkpoint_in *in, const char *name, int64_t *rows, int64_t *width,
                                  float **values, apd_error *error) {
    apd_checkpoint_shape shape = apd_checkpoint_matrix(APD_CHECKPOINT_FLOAT32, *rows, *width);
    APD_TRY(apd_checkpoint_get_data(in, name, &shape, (void **)values, error));
    *rows = shape.extents[0];
    *width = shape.extents[1];
    return APD_OK;
}
