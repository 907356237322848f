/* root: what checkpoint.h5 holds besides links to the items.
 *
 *   /                attributes: commit, alone, config_digest, data_digest, shards, seed, task_count, consolidations,
 *                    ending, half_way, program, kernels; run_yaml, about (texts)
 *   /layout          name, rows, cols (B): the blocks, the head last
 *   /shared_arrays   name: the arrays beside sigma, where there are some
 *   /records         a row a task, by place: id, name, accuracy, seconds, epochs, single, class_count, classes,
 *                    normalisation, groups
 *   /accuracy        ends (T), task, value: what changed in row t of the accuracies (method/accuracies.h)
 *   /clusters        count (B)
 *   /parts           commit, part, items, bytes, digest of every file that items lie in
 *   /index           commit, part, digest of every item, in the order of apd_item_list
 *   /half_way        attributes of the task in training; tallies (S, 3); block, width, name of its arrays
 *
 * root_fields.h has it as tables, from which it is written, read and documented (docs/file-formats.md). */
#ifndef APD_IO_CHECKPOINT_ROOT_H
#define APD_IO_CHECKPOINT_ROOT_H

#include "io/checkpoint/part_reader.h"
#include "io/checkpoint/schema.h"

enum { APD_ROOT_GROUPS = 10 }; /* at most */

/* The root's groups, with the bytes of their arrays in order. */
typedef struct apd_root {
    const apd_run_state *state;
    const apd_layout *layout;
    bool packed;
    int group_count;
    apd_part_group groups[APD_ROOT_GROUPS];
    int array_count;
    const void *bytes[64]; /* of array a */
    /* --- storage that the above points into --- */
    apd_part_array arrays[64];
    apd_part_attribute attributes[64];
    int attribute_count;
    void *owned[64];
    int owned_count;
} apd_root;

/* `packed`: of a file that holds all items itself. `layout` and `state` must outlive it; clear it. */
void apd_root_describe(const apd_run_state *state, const apd_layout *layout, bool packed, apd_root *root);
void apd_root_clear(apd_root *root);

/* How many groups the root of this state has. */
int apd_root_group_count(const apd_run_state *state);

/* Append the root's arrays to a file whose plan begins with its groups. */
void apd_root_append(const apd_root *root, apd_part_writer *writer);

/* Read it all. `*state` and `*layout` (apd_layout_clear) are set on success only. */
apd_status apd_root_read(const apd_part_reader *reader, apd_run_state *state, apd_layout *layout,
                         apd_error *error);

#endif
