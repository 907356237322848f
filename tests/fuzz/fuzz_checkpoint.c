/* Checkpoints: apd_checkpoint_verify, _read_state, _survey and _pack on runs that may hold anything.
 *
 * An input is a byte that says which good run it starts from (one file, or a checkpoint with segments), a byte of
 * flags, and changes of 8 bytes each: which file, which object, what is done to it, and 5 bytes for that. Most are
 * done by HDF5 (attributes, data sets, links), so that its checksums are right; some flip bytes. With the flag
 * REPAIR the digests are then made right too, as the reader's own messages say they must be: so the checks behind
 * them are reached. */
#include "base/memory.h"
#include "fuzz.h"
#include "io/checkpoint/checkpoint.h"
#include "io/checkpoint/links.h"
#include "io/checkpoint/parcel.h"
#include "io/checkpoint/parts.h"
#include "io/checkpoint/write.h"
#include "io/hdf5/guard.h"

#include <hdf5.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const fuzz_name = "checkpoint";
const bool fuzz_may_end = true;

enum { WHOLE, SEGMENTS, RUNS };
enum { REPAIR = 1 };
enum { CHANGE = 8, MOST_CHANGES = 12, MOST_REPAIRS = 40, MOST_OBJECTS = 128, NAME = 96 };

static const char *const file_names[] = {"checkpoint.h5", "segments/000001-tasks.h5",
                                         "segments/000001-shared.h5", "segments/000001-training.h5",
                                         "segments/000001-tasks-1.h5"};
enum { FILES = sizeof file_names / sizeof *file_names };

static char run_folder[128], path[160], packed[160];

static struct image {
    uint8_t *bytes;
    size_t size;
} images[RUNS][FILES];

/* --- a good run ------------------------------------------------------------------------------------------ */

enum { TASKS = 4, BLOCKS = 3, CLASSES = 2, SHARDS = 2, WIDTH = 4 };

static const apd_layout *good_layout(void) {
    static apd_block blocks[BLOCKS] = {{.name = "conv1", .rows = 2, .cols = WIDTH, .decomposed = true},
                                       {.name = "dense2", .rows = 3, .cols = WIDTH, .decomposed = true},
                                       {.name = "head", .rows = CLASSES, .cols = WIDTH}};
    static apd_layout layout = {.block_count = BLOCKS, .blocks = blocks, .decomposed = 5 * WIDTH};
    return &layout;
}

/* Tasks 0 and 3 are sparse, 1 is single, 2 is forgotten; task 4 is half way. */
static void good_state(apd_run_state *state, apd_task_record *records, double *accuracy, int *classes) {
    static double tallies[3 * SHARDS];
    static char yaml[] = "data: {file: a.h5}\n";
    *state =
        (apd_run_state){.commit = 1,
                        .shards = SHARDS,
                        .task_count = TASKS,
                        .consolidations = 1,
                        .records = records,
                        .accuracy = accuracy,
                        .run_yaml = yaml,
                        .half_way = true,
                        .training = {.id = 4, .epochs = 3, .tally_count = 3 * SHARDS, .tallies = tallies}};
    for (int t = 0; t < TASKS; t++) {
        records[t] = (apd_task_record){.id = t, .class_count = t == 2 ? 0 : CLASSES, .classes = classes};
        (void)snprintf(records[t].name, sizeof records[t].name, "task %d", t);
        records[t].normalisation.deviation[0] = 1;
    }
}

static apd_task_block *good_block(const apd_block *shape, bool sparse) {
    apd_task_block *block =
        apd_checkpoint_block_create(shape->rows, shape->cols, sparse, sparse ? 2 * shape->rows : 0);
    for (int64_t r = 0; sparse && r < shape->rows; r++) {
        block->mask[r] = 0.5F;
        block->tau.offsets[r + 1] = 2 * (r + 1);
        for (int i = 0; i < 2; i++) {
            block->tau.columns[2 * r + i] = 1 + i;
            block->tau.values[2 * r + i] = 1;
        }
    }
    return block;
}

#define MUST(call) FUZZ_CHECK((call) == APD_OK)

/* Into the parts, or (NULL) the whole file of the writer. */
static void write_task(apd_checkpoint_writer *writer, apd_parts *parts, int place) {
    const apd_layout *layout = good_layout();
    bool single = place == 1;
    apd_checkpoint_facts facts = {true, single, CLASSES, single ? 0 : 10};
    if (place == 2) {
        MUST(parts != NULL ? apd_parts_forgotten(parts, place, NULL)
                           : apd_checkpoint_writer_forgotten(writer, place, NULL));
        return;
    }
    MUST(parts != NULL ? apd_parts_begin_task(parts, place, &facts, NULL)
                       : apd_checkpoint_writer_begin_task(writer, place, &facts, NULL));
    for (int b = 0; b < BLOCKS; b++) {
        apd_task_block *block = good_block(&layout->blocks[b], layout->blocks[b].decomposed && !single);
        if (parts != NULL)
            apd_parts_task_block(parts, b, layout->blocks[b].rows, block);
        else
            apd_checkpoint_writer_task_block(writer, b, layout->blocks[b].rows, block);
        apd_checkpoint_block_destroy(block);
    }
    MUST(parts != NULL ? apd_parts_end_task(parts, NULL) : apd_checkpoint_writer_end_task(writer, NULL));
}

/* Two tasks a part. */
static void write_parts(apd_checkpoint_writer *writer, apd_parts *parts) {
    for (int t = 0; t < TASKS; t++) {
        if (t % 2 == 0)
            MUST(apd_parts_begin(parts, t / 2, NULL));
        write_task(writer, parts, t);
        MUST(apd_checkpoint_writer_link_task(writer, t, apd_parts_digest(parts, t), NULL));
        if (t % 2 == 1)
            MUST(apd_parts_finish(parts, NULL));
    }
    MUST(apd_parts_wait(parts, NULL));
}

static void write_clusters(apd_checkpoint_writer *writer, int block) {
    static const int32_t assignment[TASKS] = {0, -1, -1, 0};
    apd_task_block *entries = good_block(&good_layout()->blocks[block], true);
    MUST(apd_checkpoint_writer_clusters(writer, block, 1, assignment, NULL));
    MUST(apd_checkpoint_writer_cluster(writer, block, 0, &entries->tau, NULL));
    apd_checkpoint_block_destroy(entries);
}

static void write_run(bool whole) {
    static const float zeros[64];
    static char names[1][APD_TRAINING_NAME] = {"conv1/tau"};
    const apd_training_names list = {1, names};
    int classes[CLASSES] = {0, 1};
    double accuracy[TASKS * TASKS] = {0};
    apd_task_record records[TASKS];
    apd_run_state state;
    apd_checkpoint_writer *writer = NULL;
    good_state(&state, records, accuracy, classes);
    const int places[TASKS] = {0, 0, 1, 1};
    MUST(apd_checkpoint_writer_open(path, whole ? NULL : places, good_layout(), &state, &writer, NULL));
    for (int b = 0; b < 2; b++)
        MUST(apd_checkpoint_writer_sigma(writer, b, zeros, NULL));
    apd_parts *parts = whole ? NULL : apd_parts_create(path, good_layout(), &state);
    for (int t = 0; t < TASKS && whole; t++)
        write_task(writer, NULL, t);
    if (!whole)
        write_parts(writer, parts);
    for (int b = 0; b < 2; b++)
        write_clusters(writer, b);
    MUST(apd_checkpoint_writer_begin_training(writer, &list, NULL));
    MUST(apd_checkpoint_writer_array(writer, names[0], 2, WIDTH, zeros, NULL));
    MUST(apd_checkpoint_writer_commit(writer, NULL));
    if (!whole)
        apd_parts_release(parts);
    apd_parts_destroy(parts);
    apd_checkpoint_writer_destroy(writer);
    apd_checkpoint_links_destroy(state.links);
}

static void keep_image(int run, int file) {
    char name[256];
    (void)snprintf(name, sizeof name, "%s/%s", run_folder, file_names[file]);
    FILE *in = fopen(name, "rbe");
    struct image *image = &images[run][file];
    if (in == NULL)
        return;
    image->bytes = malloc(FUZZ_ROOM * 4);
    FUZZ_CHECK(image->bytes != NULL);
    image->size = fread(image->bytes, 1, FUZZ_ROOM * 4, in);
    FUZZ_CHECK(image->size > 0 && image->size < FUZZ_ROOM * 4);
    (void)fclose(in);
}

void fuzz_start(void) {
    (void)snprintf(run_folder, sizeof run_folder, "%s/run", fuzz_folder());
    (void)snprintf(path, sizeof path, "%s/checkpoint.h5", run_folder);
    (void)snprintf(packed, sizeof packed, "%s/packed.h5", fuzz_folder());
    FUZZ_CHECK(mkdir(run_folder, 0777) == 0);
    for (int run = 0; run < RUNS; run++) {
        write_run(run == WHOLE);
        for (int file = 0; file < FILES; file++)
            keep_image(run, file);
    }
}

static void restore(int run) {
    for (int file = 0; file < FILES; file++) {
        char name[128], whole[256];
        (void)snprintf(name, sizeof name, "run/%s", file_names[file]);
        (void)snprintf(whole, sizeof whole, "%s/%s", fuzz_folder(), name);
        if (images[run][file].size > 0)
            fuzz_store(name, images[run][file].bytes, images[run][file].size);
        else
            (void)unlink(whole);
    }
}

/* --- changes by HDF5: never through links into other files, which a listing of objects does not follow ---- */

typedef struct objects {
    int count;
    char names[MOST_OBJECTS][NAME];
} objects;

static herr_t add_object(hid_t file, const char *name, const H5O_info_t *facts, void *context) {
    objects *list = context;
    (void)file;
    (void)facts;
    if (list->count < MOST_OBJECTS && strlen(name) < NAME)
        (void)snprintf(list->names[list->count++], NAME, "%s", name);
    return 0;
}

static const uint64_t edges[] = {0,          1,          2,     3,         4,          0x7F,
                                 0xFF,       0x7FFF,     5000,  65535,     0x7FFFFFFF, 0x80000000,
                                 ~0ULL >> 1, 1ULL << 63, ~0ULL, 1ULL << 40};

static uint64_t edge(uint8_t choice) {
    return edges[choice % 16] + choice / 64;
}

/* Overwrite elements (of any type, byte by byte) of what was read into `values`. */
static void change_values(uint8_t *values, size_t bytes, const uint8_t *how) {
    uint64_t number = edge(how[1]);
    size_t width = (size_t)1 << how[2] % 4;
    size_t place = bytes >= width ? (how[0] + 256U * (how[3] & 7)) * width % (bytes - width + 1) : 0;
    if (bytes >= width)
        memcpy(values + place, &number, width);
}

static hid_t open_attribute(hid_t object, uint8_t choice) {
    H5O_info_t facts;
    if (H5Oget_info(object, &facts) < 0 || facts.num_attrs == 0)
        return -1;
    return H5Aopen_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_INC, choice % facts.num_attrs, H5P_DEFAULT,
                          H5P_DEFAULT);
}

static void change_attribute(hid_t object, const uint8_t *how) {
    uint8_t values[4096];
    hid_t attribute = open_attribute(object, how[4]);
    if (attribute < 0)
        return;
    hid_t type = H5Aget_type(attribute);
    size_t bytes = (size_t)H5Aget_storage_size(attribute);
    if (bytes <= sizeof values && H5Tis_variable_str(type) <= 0 && H5Aread(attribute, type, values) >= 0) {
        change_values(values, bytes, how);
        (void)H5Awrite(attribute, type, values);
    }
    (void)H5Tclose(type);
    (void)H5Aclose(attribute);
}

static hid_t strange_type(uint8_t choice) {
    static const int kinds = 7;
    hid_t type = H5Tcopy(H5T_C_S1);
    switch (choice % kinds) {
    case 0: (void)H5Tset_size(type, H5T_VARIABLE); return type;
    case 1: (void)H5Tset_size(type, 1U + choice); return type;
    default: (void)H5Tclose(type); break;
    }
    switch (choice % kinds) {
    case 2: return H5Tcopy(H5T_STD_I32LE);
    case 3: return H5Tcopy(H5T_STD_I64LE);
    case 4: return H5Tcopy(H5T_IEEE_F32LE);
    case 5: return H5Tcopy(H5T_IEEE_F64LE);
    default: return H5Tcopy(H5T_STD_U64LE);
    }
}

static hid_t strange_space(const uint8_t *how) {
    hsize_t sizes[3] = {how[1] % 32, how[2] % 16, 2};
    if (how[3] % 16 == 0)
        return H5Screate(how[3] & 16 ? H5S_NULL : H5S_SCALAR);
    return H5Screate_simple(1 + how[3] % 3, sizes, NULL);
}

static void replace_attribute(hid_t object, const uint8_t *how) {
    static const uint8_t values[1 << 16];
    char name[64] = "";
    hid_t old = open_attribute(object, how[4]);
    if (old < 0 || H5Aget_name(old, sizeof name, name) < 0)
        return;
    (void)H5Aclose(old);
    (void)H5Adelete(object, name);
    hid_t type = strange_type(how[0]), space = strange_space(how);
    hid_t made = how[0] < 230 ? H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT) : -1;
    if (made >= 0) {
        (void)H5Awrite(made, type, values);
        (void)H5Aclose(made);
    }
    (void)H5Tclose(type);
    (void)H5Sclose(space);
}

static void change_set(hid_t file, const char *name, const uint8_t *how) {
    hid_t set = H5Dopen2(file, name, H5P_DEFAULT);
    if (set < 0)
        return;
    hid_t type = H5Dget_type(set), space = H5Dget_space(set);
    size_t bytes = (size_t)H5Sget_simple_extent_npoints(space) * H5Tget_size(type);
    uint8_t *values = calloc(1, bytes > 0 ? bytes : 1);
    FUZZ_CHECK(values != NULL && bytes < 1 << 20);
    if (H5Tis_variable_str(type) <= 0 && H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0) {
        change_values(values, bytes, how);
        (void)H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    }
    free(values);
    (void)H5Sclose(space);
    (void)H5Tclose(type);
    (void)H5Dclose(set);
}

static void replace_set(hid_t file, const char *name, const uint8_t *how) {
    if (H5Ldelete(file, name, H5P_DEFAULT) < 0)
        return;
    hid_t type = strange_type(how[0]), space = strange_space(how), list = H5Pcreate(H5P_DATASET_CREATE);
    if (how[4] % 8 == 0)
        (void)H5Pset_layout(list, H5D_COMPACT);
    hid_t made = H5Dcreate2(file, name, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    if (made >= 0)
        (void)H5Dclose(made);
    (void)H5Pclose(list);
    (void)H5Sclose(space);
    (void)H5Tclose(type);
}

static void change_link(hid_t file, const char *name, const char *other, const uint8_t *how) {
    static const char *const files[] = {
        "segments/000001-tasks.h5", "segments/000002-tasks.h5", "checkpoint.h5", "../outside.h5",
        "segments/../outside.h5",   "segments/000001-shared.h5"};
    char target[NAME + 1];
    (void)snprintf(target, sizeof target, "/%s", how[1] & 1 ? name : other);
    switch (how[0] % 5) {
    case 0: (void)H5Ldelete(file, name, H5P_DEFAULT); return;
    case 1: (void)H5Lmove(file, name, file, target, H5P_DEFAULT, H5P_DEFAULT); return;
    case 2:
        (void)H5Lcopy(file, name, file, how[2] & 1 ? "/tasks/000004" : "/shared/x", H5P_DEFAULT, H5P_DEFAULT);
        return;
    default: break;
    }
    if (H5Ldelete(file, name, H5P_DEFAULT) < 0)
        return;
    if (how[0] % 5 == 3)
        (void)H5Lcreate_soft(target, file, name, H5P_DEFAULT, H5P_DEFAULT);
    else
        (void)H5Lcreate_external(files[how[2] % 6], target, file, name, H5P_DEFAULT, H5P_DEFAULT);
}

static void change_object(hid_t file, const uint8_t *change) {
    static objects list;
    list.count = 0;
    (void)H5Ovisit(file, H5_INDEX_NAME, H5_ITER_INC, add_object, &list);
    if (list.count == 0)
        return;
    const char *name = list.names[change[1] % list.count];
    const uint8_t *how = change + 3;
    hid_t object = H5Oopen(file, name, H5P_DEFAULT);
    if (object < 0)
        return;
    switch (change[2] % 8) {
    case 0: replace_attribute(object, how); break;
    case 1: change_link(file, name, list.names[how[3] % list.count], how); break;
    case 2: replace_set(file, name, how); break;
    case 3:
    case 4: change_attribute(object, how); break;
    default:
        if (H5Iget_type(object) == H5I_DATASET)
            change_set(file, name, how);
        else
            change_attribute(object, how);
    }
    (void)H5Oclose(object);
}

/* Some file is missing, cut, has a byte flipped, or is another; else HDF5 changes an object. */
static void change_file(const uint8_t *change, int run) {
    char name[256];
    int file = run == WHOLE ? 0 : change[0] % FILES;
    (void)snprintf(name, sizeof name, "%s/%s", run_folder, file_names[file]);
    if (change[2] < 240) {
        hid_t list = H5Pcreate(H5P_FILE_ACCESS);
        (void)H5Pset_libver_bounds(list, H5F_LIBVER_V110, H5F_LIBVER_V110);
        hid_t opened = H5Fopen(name, H5F_ACC_RDWR, list);
        (void)H5Pclose(list);
        if (opened < 0)
            return;
        change_object(opened, change);
        (void)H5Fclose(opened);
        return;
    }
    long place = change[3] + 256L * change[4] + 65536L * (change[5] & 3);
    FILE *raw = fopen(name, "r+be");
    if (raw == NULL)
        return;
    if (change[2] >= 254)
        (void)!ftruncate(fileno(raw), place);
    else if (fseek(raw, place % (long)images[run][file].size, SEEK_SET) == 0)
        (void)fputc(change[6], raw);
    (void)fclose(raw);
}

/* --- digests made right ---------------------------------------------------------------------------------- */

static void write_digest(const char *file_name, const char *group, const char *attribute, uint64_t digest) {
    hid_t file = H5Fopen(file_name, H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t object = file >= 0 ? H5Oopen(file, group, H5P_DEFAULT) : -1;
    hid_t opened = object >= 0 ? H5Aopen(object, attribute, H5P_DEFAULT) : -1;
    if (opened >= 0) {
        (void)H5Awrite(opened, H5T_NATIVE_UINT64, &digest);
        (void)H5Aclose(opened);
    }
    if (object >= 0)
        (void)H5Oclose(object);
    if (file >= 0)
        (void)H5Fclose(file);
}

static void write_task_digest(int place, uint64_t digest) {
    uint64_t digests[64];
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t set = file >= 0 ? H5Dopen2(file, "/digests", H5P_DEFAULT) : -1;
    hid_t space = set >= 0 ? H5Dget_space(set) : -1;
    if (space >= 0 && H5Sget_simple_extent_npoints(space) <= 64 && place < 64 &&
        H5Dread(set, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, digests) >= 0) {
        digests[place] = digest;
        (void)H5Dwrite(set, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, digests);
    }
    if (space >= 0)
        (void)H5Sclose(space);
    if (set >= 0)
        (void)H5Dclose(set);
    if (file >= 0)
        (void)H5Fclose(file);
}

/* "FILE: GROUP: damaged: its digest is X where ..." and the like; false for a message of another kind. */
static bool repair(const char *message) {
    const char *mark = strstr(message, " digest is "), *colon = strstr(message, ": /");
    char file[256], group[NAME];
    uint64_t digest;
    if (mark == NULL || colon == NULL || sscanf(mark, " digest is %" SCNx64, &digest) != 1)
        return false;
    size_t length = strcspn(colon + 2, ":");
    (void)snprintf(file, sizeof file, "%.*s", (int)(colon - message), message);
    (void)snprintf(group, sizeof group, "%.*s", (int)(length < NAME ? length : NAME - 1), colon + 2);
    if (strstr(message, "damaged:") != NULL)
        write_digest(file, group, "digest", digest);
    else if (strstr(message, "sigma or the clusters") != NULL)
        write_digest(path, "/", "shared_digest", digest);
    else if (strcmp(group, "/training") == 0)
        write_digest(path, "/", "training_digest", digest);
    else
        write_task_digest((int)strtol(strrchr(group, '/') + 1, NULL, 10), digest);
    return true;
}

/* --- what is asked of the readers ------------------------------------------------------------------------- */

static void read_all(bool is_good) {
    apd_error errors[3] = {{0}};
    apd_run_state state = {0}, surveyed = {0};
    apd_capacity capacity;
    int groups = 0;
    apd_status status = apd_checkpoint_read_state(path, &state, &errors[0]);
    if (status != APD_OK)
        fuzz_check_refusal(status, &errors[0], run_folder);
    FUZZ_CHECK(status == APD_OK || !is_good);
    apd_run_state_clear(&state);
    status = apd_checkpoint_survey(path, &surveyed, &capacity, &errors[1]);
    if (status != APD_OK)
        fuzz_check_refusal(status, &errors[1], run_folder);
    FUZZ_CHECK(status == APD_OK || !is_good);
    apd_run_state_clear(&surveyed);
    if (!is_good)
        return;
    status = apd_checkpoint_pack(path, packed, &groups, &errors[2]);
    if (status != APD_OK)
        (void)fprintf(stderr, "%s\n", errors[2].message);
    FUZZ_CHECK(status == APD_OK);
}

static apd_status check_run(bool repairs) {
    ssize_t handles = H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL);
    apd_error error = {0};
    int groups = 0;
    const char *former = apd_h5_guard_begin(path);
    apd_status status = apd_checkpoint_verify(path, &groups, &error);
    for (int i = 0; repairs && i < MOST_REPAIRS && status != APD_OK && repair(error.message); i++) {
        apd_error next = {0};
        status = apd_checkpoint_verify(path, &groups, &next);
        bool is_stuck = strcmp(next.message, error.message) == 0;
        error = next;
        if (is_stuck)
            break;
    }
    if (status != APD_OK)
        fuzz_check_refusal(status, &error, run_folder);
    read_all(status == APD_OK);
    apd_h5_guard_end(former);
    FUZZ_CHECK(H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL) == handles);
    return status;
}

apd_status fuzz_one(const uint8_t *bytes, size_t size) {
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    if (size < 2)
        return APD_ERROR_DATA;
    int run = bytes[0] % RUNS;
    restore(run);
    for (size_t i = 0; i < MOST_CHANGES && 2 + (i + 1) * CHANGE <= size; i++)
        change_file(bytes + 2 + i * CHANGE, run);
    return check_run((bytes[1] & REPAIR) != 0);
}

size_t fuzz_seed(int number, uint8_t *bytes) {
    if (number >= 2 * RUNS)
        return 0;
    bytes[0] = (uint8_t)(number % RUNS);
    bytes[1] = number < RUNS ? REPAIR : 0;
    return 2;
}

size_t fuzz_mutate(uint8_t *bytes, size_t size, fuzz_random *random) {
    uint8_t change[CHANGE];
    if (size < 2 || fuzz_draw(random, 4) == 0)
        return fuzz_mutate_bytes(bytes, size, random);
    for (int i = 0; i < CHANGE; i++)
        change[i] = (uint8_t)fuzz_draw(random, 256);
    return fuzz_insert(bytes, size, 2 + (size - 2) / CHANGE * CHANGE, change, CHANGE);
}
