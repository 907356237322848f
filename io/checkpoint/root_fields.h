/* root_fields: the tables of what checkpoint.h5 holds of its own; private to root.c and describe.c. */
#ifndef APD_IO_CHECKPOINT_ROOT_FIELDS_H
#define APD_IO_CHECKPOINT_ROOT_FIELDS_H

#include "io/checkpoint/number.h"
#include "io/checkpoint/state.h"

#include <stddef.h>

/* A member of a struct, as an attribute or as a column of an array with a row a struct. */
typedef struct field {
    const char *name;
    apd_number number;
    size_t offset;
    int64_t text;
    const char *contents; /* for people */
} field;

/* The members that are stored of a struct of `size` bytes. */
typedef struct table {
    const field *fields;
    int count;
    size_t size;
} table;

#define COUNT(array) ((int)(sizeof(array) / sizeof(array)[0]))
#define FIELD(type, kind, m, contents) \
    { #m, kind, offsetof(type, m), 0, contents }
#define TEXT(type, m, contents) \
    { #m, APD_TEXT, offsetof(type, m), sizeof((type *)0)->m, contents }
#define INNER(type, kind, m, name, contents) \
    { name, kind, offsetof(type, m), 0, contents }
#define TABLE(fields, type) \
    { fields, COUNT(fields), sizeof(type) }

static const field run_fields[] = {
    FIELD(apd_run_state, APD_I32, commit, "grows by one with each"),
    FIELD(apd_run_state, APD_I32, alone, "1: tasks were forgotten, and no earlier commit may be kept"),
    FIELD(apd_run_state, APD_U64, config_digest, "of what results depend on in the description"),
    FIELD(apd_run_state, APD_U64, data_digest, "of the data file"),
    FIELD(apd_run_state, APD_U64, seed, "the description's"),
    FIELD(apd_run_state, APD_I32, shards, "S"),
    FIELD(apd_run_state, APD_I32, half, "1: numbers below that are float32 or 16 have 16 bits; 0: 32"),
    FIELD(apd_run_state, APD_I32, sigma_coded,
          "1: sigma has fewer, and its rows are in code; 0: as half says"),
    FIELD(apd_run_state, APD_I32, task_count, "T"),
    FIELD(apd_run_state, APD_I32, consolidations, "how many have been done"),
    FIELD(apd_run_state, APD_I32, ending,
          "0; or the last task is 1: trained, 2: consolidated, too, and not yet evaluated"),
    FIELD(apd_run_state, APD_I32, half_way, "1: a task is in training"),
    TEXT(apd_run_state, program, "that made the commit"),
    TEXT(apd_run_state, kernels, "that it computed with"),
};
static const field layout_fields[] = {
    TEXT(apd_block, name, "the blocks in order; the head is the last"),
    FIELD(apd_block, APD_I64, rows, "R; of the head: the most classes that a task has"),
    FIELD(apd_block, APD_I64, cols, "C"),
};
static const field record_fields[] = {
    FIELD(apd_task_record, APD_I32, id, "the task at each place of the stream"),
    TEXT(apd_task_record, name, "its name"),
    FIELD(apd_task_record, APD_F64, accuracy, "when it was learned, 0..1; NaN: forgotten"),
    FIELD(apd_task_record, APD_F64, seconds, "that it trained"),
    FIELD(apd_task_record, APD_I32, epochs, "that it trained"),
    INNER(apd_task_record, APD_I32, storage, "single",
          "how it is stored; 0: decomposed, 1: a network of its own, 2: sigma is its body, 3: a subnetwork "
          "of sigma"),
    FIELD(apd_task_record, APD_I32, class_count, "0: forgotten"),
};
static const field index_fields[] = {
    FIELD(apd_home, APD_I32, commit, "whose part has the item"),
    FIELD(apd_home, APD_I32, part, "of that commit, from 0; -1: this very file"),
    FIELD(apd_home, APD_I64, entries, "of its tau, or of a cluster; else 0"),
    FIELD(apd_home, APD_I64, code, "bytes of their code; else 0"),
    FIELD(apd_home, APD_U64, digest, "of its group"),
};
static const field shared_fields[] = {
    TEXT(apd_shared_name, name, "the arrays beside sigma in `/shared/NAME`; only where there are some"),
};
static const field key_fields[] = {
    INNER(apd_run_state, APD_I32, key_width, "width", "2 K, bytes of a class's key; only with stream.keys"),
};
static const field part_fields[] = {
    FIELD(apd_part_record, APD_I32, commit, "that wrote the part"),
    FIELD(apd_part_record, APD_I32, part, "of that commit, from 0"),
    FIELD(apd_part_record, APD_I32, items, "in it when it was written"),
    FIELD(apd_part_record, APD_I64, bytes, "its size"),
    FIELD(apd_part_record, APD_U64, digest, "of its front"),
};
static const field training_fields[] = {
    FIELD(apd_training_state, APD_I32, id, "the task"),
    FIELD(apd_training_state, APD_I32, epochs, "it is to have"),
    FIELD(apd_training_state, APD_I32, epoch, "the next"),
    FIELD(apd_training_state, APD_I32, step, "the next"),
    FIELD(apd_training_state, APD_F64, best, "validation accuracy of the best epoch so far; -1: none"),
    FIELD(apd_training_state, APD_F64, seconds, "that it has trained so far"),
    FIELD(apd_training_state, APD_F64, epoch_loss, "sum over the epoch, up to the last logged step"),
    FIELD(apd_training_state, APD_F64, epoch_correct, "the same"),
    FIELD(apd_training_state, APD_F64, epoch_images, "the same"),
    INNER(apd_training_state, APD_I64, progress.steps, "steps", "of the solver"),
    INNER(apd_training_state, APD_I32, progress.polishing, "polishing", "1: in the polishing epochs"),
    INNER(apd_training_state, APD_I32, progress.has_snapshot, "snapshot", "1: there is a best epoch"),
};
static const field array_fields[] = {
    FIELD(apd_training_array, APD_I32, block, "of each of the solver's arrays"),
    FIELD(apd_training_array, APD_I64, width, "numbers a row"),
    TEXT(apd_training_array, name, "below `/training/NAME`; `.best`: the copy of the best epoch"),
};

static const table run_table = TABLE(run_fields, apd_run_state);
static const table layout_table = TABLE(layout_fields, apd_block);
static const table record_table = TABLE(record_fields, apd_task_record);
static const table index_table = TABLE(index_fields, apd_home);
static const table shared_table = TABLE(shared_fields, apd_shared_name);
static const table key_table = TABLE(key_fields, apd_run_state);
static const table part_table = TABLE(part_fields, apd_part_record);
static const table training_table = TABLE(training_fields, apd_training_state);
static const table array_table = TABLE(array_fields, apd_training_array);

/* Arrays that are not columns. */
typedef struct list {
    const char *group, *name;
    apd_number number;
    const char *shape, *contents;
} list;

static const list lists[] = {
    {"", "run_yaml", APD_TEXT, "", "the resolved description"},
    {"", "about", APD_TEXT, "",
     "YAML: input, scaling, layers, with the key `init` the run whose sigma came first, and the classes' "
     "names"},
    {"records", "classes", APD_I32, "(sum of class_count)", "labels in the data file, task after task"},
    {"records", "normalisation", APD_F32, "(T, 2 channels)", "means, then deviations"},
    {"records", "groups", APD_I32, "(T, B - 1)", "cluster of the task in each block; -1: none"},
    {"accuracy", "ends", APD_I64, "(T)", "where the changes end that came with each task"},
    {"accuracy", "task", APD_I32, "(changes)", "whose accuracy changed, by place"},
    {"accuracy", "value", APD_F64, "(changes)", "its new value, 0..1; NaN: forgotten, or not yet measured"},
    {"clusters", "count", APD_I32, "(B)", "clusters of each block"},
    {"half_way", "tallies", APD_F64, "(S, 3)", "loss, correct, images by shard since the last logged step"},
};
enum { TALLY = 3, CHANNELS = sizeof((apd_normalisation *)0)->mean / sizeof(float) };

#endif
