/* The reader's task half way. */
#include "io/checkpoint/reader.h"

#include <stdlib.h>

static apd_status open_training(apd_checkpoint_reader *reader, apd_error *error) {
    apd_segment which;
    apd_training_state *training = &reader->state.training;
    APD_TRY(apd_checkpoint_reader_open_group(reader, "/training", "/training", APD_SEGMENT_TRAINING, &which,
                                             error));
    free(training->tallies);
    *training = (apd_training_state){0};
    apd_training_names_clear(&reader->names);
    return apd_training_get(&reader->group, reader->state.shards, training, &reader->names, error);
}

apd_status apd_checkpoint_reader_begin_training(apd_checkpoint_reader *reader,
                                                const apd_training_names **names, apd_error *error) {
    APD_TRY(open_training(reader, error));
    *names = &reader->names;
    return APD_OK;
}

apd_status apd_checkpoint_reader_array(apd_checkpoint_reader *reader, const char *name, int64_t *rows,
                                       int64_t *width, float **values, apd_error *error) {
    return apd_training_get_array(&reader->group, name, rows, width, values, error);
}

static apd_status end_training(apd_checkpoint_reader *reader, bool trust, apd_error *error) {
    return apd_checkpoint_reader_end_group(reader, trust, reader->training, error);
}

apd_status apd_checkpoint_reader_end_training(apd_checkpoint_reader *reader, apd_error *error) {
    return end_training(reader, false, error);
}

apd_status apd_checkpoint_reader_skip_training(apd_checkpoint_reader *reader, apd_error *error) {
    APD_TRY(open_training(reader, error));
    return end_training(reader, true, error);
}
