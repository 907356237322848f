#include "io/checkpoint/task.h"

#include <stdio.h>
#include <string.h>

const char *const apd_checkpoint_set_names[APD_CHECKPOINT_SETS] = {
    [APD_CHECKPOINT_MASK] = "mask",
    [APD_CHECKPOINT_BIAS] = "bias",
    [APD_CHECKPOINT_HEAD_WEIGHT] = "head/weight",
    [APD_CHECKPOINT_HEAD_BIAS] = "head/bias",
    [APD_CHECKPOINT_THETA] = "tau/theta",
    [APD_CHECKPOINT_COLUMNS] = "tau/columns",
    [APD_CHECKPOINT_ROW_OFFSETS] = "tau/row_offsets",
    [APD_CHECKPOINT_WEIGHT] = "weight",
};

bool apd_checkpoint_set_shape(const apd_layout *layout, const apd_checkpoint_facts *facts,
                              apd_checkpoint_set set, apd_checkpoint_shape *shape) {
    int64_t rows = apd_checkpoint_decomposed_rows(layout);
    int64_t head_cols = layout->blocks[layout->block_count - 1].cols;
    const struct {
        bool sparse, single;
        apd_checkpoint_shape shape;
    } table[APD_CHECKPOINT_SETS] = {
        [APD_CHECKPOINT_MASK] = {true, false, apd_checkpoint_vector(APD_CHECKPOINT_FLOAT32, rows)},
        [APD_CHECKPOINT_BIAS] = {true, true, apd_checkpoint_vector(APD_CHECKPOINT_FLOAT32, rows)},
        [APD_CHECKPOINT_HEAD_WEIGHT] = {true, true,
                                        apd_checkpoint_matrix(APD_CHECKPOINT_FLOAT32, facts->classes,
                                                              head_cols)},
        [APD_CHECKPOINT_HEAD_BIAS] = {true, true,
                                      apd_checkpoint_vector(APD_CHECKPOINT_FLOAT32, facts->classes)},
        [APD_CHECKPOINT_THETA] = {true, false, apd_checkpoint_vector(APD_CHECKPOINT_FLOAT32, facts->entries)},
        [APD_CHECKPOINT_COLUMNS] = {true, false, apd_checkpoint_vector(APD_CHECKPOINT_INT32, facts->entries)},
        [APD_CHECKPOINT_ROW_OFFSETS] = {true, false, apd_checkpoint_vector(APD_CHECKPOINT_INT64, rows + 1)},
        [APD_CHECKPOINT_WEIGHT] = {false, true,
                                   apd_checkpoint_vector(APD_CHECKPOINT_FLOAT32,
                                                         apd_checkpoint_decomposed_weights(layout))},
    };
    *shape = table[set].shape;
    return facts->single ? table[set].single : table[set].sparse;
}

void apd_checkpoint_task_name(int place, bool forgotten, char *name, size_t size) {
    (void)snprintf(name, size, "/%s/%06d", forgotten ? "forgotten" : "tasks", place);
}

void apd_checkpoint_shared_name(const apd_block *block, char *name, size_t size) {
    (void)snprintf(name, size, "/shared/%s", block->name);
}

int64_t apd_checkpoint_decomposed_rows(const apd_layout *layout) {
    int64_t rows = 0;
    for (int b = 0; b < layout->block_count; b++)
        if (layout->blocks[b].decomposed)
            rows += layout->blocks[b].rows;
    return rows;
}

int64_t apd_checkpoint_decomposed_weights(const apd_layout *layout) {
    int64_t weights = 0;
    for (int b = 0; b < layout->block_count; b++)
        if (layout->blocks[b].decomposed)
            weights += layout->blocks[b].rows * layout->blocks[b].cols;
    return weights;
}

int apd_checkpoint_channels(const apd_normalisation *normalisation) {
    const float zero = 0;
    int channels = (int)(sizeof normalisation->mean / sizeof normalisation->mean[0]);
    while (channels > 1 && memcmp(&normalisation->mean[channels - 1], &zero, sizeof zero) == 0 &&
           memcmp(&normalisation->deviation[channels - 1], &zero, sizeof zero) == 0)
        channels--;
    return channels;
}
