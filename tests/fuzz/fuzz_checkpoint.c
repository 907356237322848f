/* Checkpoints: apd_checkpoint_verify, _read_state, _survey, _pack and the reader on runs that may hold anything.
 *
 * An input is a byte that says which good run it starts from (one packed file, or a checkpoint with parts), a byte of
 * flags, and changes of 8 bytes each: which file, which object, what is done to it, and 5 bytes for that. Most are
 * done by HDF5 (attributes, data sets, links), so that its checksums are right; some flip bytes. Unless the flags
 * are PLAIN all digests are then made right too: of groups, of fronts, and what the checkpoint says of its items and
 * parts. So the checks behind them are reached. */
#include "base/digest.h"
#include "fuzz.h"
#include "fuzz_checkpoint_run.h"
#include "io/checkpoint/commits.h"
#include "io/checkpoint/reader.h"
#include "io/checkpoint/types.h"
#include "io/hdf5/guard.h"
#include "library/apd.h"

#include <hdf5.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const fuzz_name = "checkpoint";
const bool fuzz_may_end = true;

enum { WHOLE, PARTS, RUNS };
enum { PLAIN = 3 }; /* flags: no digest is made right */
enum { CHANGE = 8, MOST_CHANGES = 12, MOST_OBJECTS = 160, NAME = 96 };

static char run_folder[128], path[160], packed[160];

static struct image {
    uint8_t *bytes;
    size_t size;
} images[RUNS][FUZZ_FILES];

/* --- good runs ------------------------------------------------------------------------------------------- */

static void keep_image(struct image *image, const char *name) {
    FILE *in = fopen(name, "rbe");
    FUZZ_CHECK(in != NULL);
    image->bytes = malloc(FUZZ_ROOM * 4);
    FUZZ_CHECK(image->bytes != NULL);
    image->size = fread(image->bytes, 1, FUZZ_ROOM * 4, in);
    FUZZ_CHECK(image->size > 0 && image->size < FUZZ_ROOM * 4);
    (void)fclose(in);
}

void fuzz_start(void) {
    int groups;
    char name[256];
    (void)snprintf(run_folder, sizeof run_folder, "%s/run", fuzz_folder());
    (void)snprintf(path, sizeof path, "%s/checkpoint.h5", run_folder);
    (void)snprintf(packed, sizeof packed, "%s/packed.h5", fuzz_folder());
    (void)snprintf(name, sizeof name, "%s/segments", run_folder);
    FUZZ_CHECK(mkdir(run_folder, 0777) == 0 && mkdir(name, 0777) == 0);
    fuzz_write_run(run_folder);
    FUZZ_CHECK(apd_checkpoint_pack(path, packed, APD_PACK_COMMIT, &groups, NULL) == APD_OK);
    keep_image(&images[WHOLE][0], packed);
    for (int file = 0; file < FUZZ_FILES; file++) {
        (void)snprintf(name, sizeof name, "%s/%s", run_folder, fuzz_run_files[file]);
        keep_image(&images[PARTS][file], name);
    }
}

static void restore(int run) {
    for (int file = 0; file < FUZZ_FILES; file++) {
        char name[128], whole[256];
        (void)snprintf(name, sizeof name, "run/%s", fuzz_run_files[file]);
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
    static const uint8_t values[1 << 18];
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
    static const char *const files[] = {"segments/000001-1.h5",   "segments/000002-0.h5",
                                        "checkpoint.h5",          "../outside.h5",
                                        "segments/../outside.h5", "segments/000001-0.h5"};
    char target[NAME + 1];
    (void)snprintf(target, sizeof target, "/%s", how[1] & 1 ? name : other);
    switch (how[0] % 5) {
    case 0: (void)H5Ldelete(file, name, H5P_DEFAULT); return;
    case 1: (void)H5Lmove(file, name, file, target, H5P_DEFAULT, H5P_DEFAULT); return;
    case 2:
        (void)H5Lcopy(file, name, file, how[2] & 1 ? "/tasks/000002" : "/shared/x", H5P_DEFAULT, H5P_DEFAULT);
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
    int file = run == WHOLE ? 0 : change[0] % FUZZ_FILES;
    (void)snprintf(name, sizeof name, "%s/%s", run_folder, fuzz_run_files[file]);
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

static hid_t open_file(const char *name) {
    return H5Fopen(name, H5F_ACC_RDWR, H5P_DEFAULT);
}

/* The shape of a data set, if it is of a kind that checkpoints have. */
static bool shape_of(hid_t set, apd_shape *shape) {
    hid_t type = H5Dget_type(set), space = H5Dget_space(set);
    hsize_t extents[2] = {0, 0};
    bool found = false;
    *shape = (apd_shape){.number = APD_TEXT, .text = (int64_t)H5Tget_size(type)};
    found = H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0;
    for (apd_number number = APD_I32; number <= APD_F64 && !found; number++) {
        shape->number = number;
        hid_t other = apd_file_type(shape);
        found = H5Tequal(type, other) > 0;
        (void)H5Tclose(other);
    }
    shape->rank = H5Sget_simple_extent_ndims(space);
    found = found && shape->rank >= 0 && shape->rank <= 2 &&
            H5Sget_simple_extent_dims(space, extents, NULL) == shape->rank;
    for (int d = 0; d < 2; d++)
        shape->extents[d] = (int64_t)extents[d];
    (void)H5Sclose(space);
    (void)H5Tclose(type);
    return found;
}

/* Fold the array of the open file into the digest of its group. */
static bool fold(hid_t file, FILE *raw, const char *group, const char *name, uint64_t *digest) {
    static uint8_t numbers[1 << 16];
    char object[NAME + 1];
    apd_part_array array = {.name = name};
    (void)snprintf(object, sizeof object, "/%s/%s", group, name);
    hid_t set = H5Dopen2(file, group[0] != '\0' ? object : name, H5P_DEFAULT);
    if (set < 0)
        return false;
    haddr_t offset = H5Dget_offset(set);
    size_t size = shape_of(set, &array.shape) ? (size_t)apd_shape_bytes(&array.shape) : sizeof numbers + 1;
    (void)H5Dclose(set);
    if (size > sizeof numbers ||
        (size > 0 && (offset == HADDR_UNDEF || fseek(raw, (long)offset, SEEK_SET) != 0 ||
                      fread(numbers, 1, size, raw) != size)))
        return false;
    *digest = apd_part_fold(*digest, &array, apd_digest(numbers, size));
    return true;
}

static void write_number(hid_t file, const char *set_name, hsize_t row, hid_t memory, const void *number) {
    hsize_t one = 1, extent = 0;
    hid_t set = H5Dopen2(file, set_name, H5P_DEFAULT), space = set >= 0 ? H5Dget_space(set) : -1;
    hid_t scalar = H5Screate(H5S_SCALAR);
    if (space >= 0 && H5Sget_simple_extent_ndims(space) == 1 &&
        H5Sget_simple_extent_dims(space, &extent, NULL) == 1 && row < extent &&
        H5Sselect_hyperslab(space, H5S_SELECT_SET, &row, NULL, &one, NULL) >= 0)
        (void)H5Dwrite(set, memory, scalar, space, H5P_DEFAULT, number);
    (void)H5Sclose(scalar);
    if (space >= 0)
        (void)H5Sclose(space);
    if (set >= 0)
        (void)H5Dclose(set);
}

static void write_digest(hid_t file, const char *group, const uint64_t *digest) {
    hid_t object = H5Oopen(file, group[0] != '\0' ? group : "/", H5P_DEFAULT);
    hid_t attribute = object >= 0 ? H5Aopen(object, "digest", H5P_DEFAULT) : -1;
    hid_t space = attribute >= 0 ? H5Aget_space(attribute) : -1;
    if (space >= 0 && H5Sget_simple_extent_npoints(space) == 1)
        (void)H5Awrite(attribute, H5T_NATIVE_UINT64, digest);
    if (space >= 0)
        (void)H5Sclose(space);
    if (attribute >= 0)
        (void)H5Aclose(attribute);
    if (object >= 0)
        (void)H5Oclose(object);
}

/* The digests of the groups `from` .. `end` (in `orders`) in a file, and, but for the root's own groups, in the index. */
static void repair_groups(const char *file_name, hid_t root, int from, int end) {
    hid_t file = open_file(file_name);
    FILE *raw = fopen(file_name, "rbe");
    for (int g = from; g < end && file >= 0 && raw != NULL; g++) {
        const struct fuzz_order *order = &fuzz_orders[g];
        uint64_t digest = 0;
        bool whole = true;
        for (int a = 0; a < order->count && whole; a++)
            whole = fold(file, raw, order->group, order->names[a], &digest);
        if (whole)
            write_digest(file, order->group, &digest);
        if (root >= 0 && whole)
            write_number(root, "/index/digest", (hsize_t)g, H5T_NATIVE_UINT64, &digest);
    }
    if (raw != NULL)
        (void)fclose(raw);
    if (file >= 0)
        (void)H5Fclose(file);
}

/* The user block says what the file is now; `*bytes` and `*digest` of it, 0 where it says nothing. */
static void repair_front(const char *name, int64_t *bytes, uint64_t *digest) {
    static uint8_t content[FUZZ_ROOM * 8];
    char header[APD_PART_HEADER + 1] = {0};
    int commit;
    int64_t front;
    FILE *file = fopen(name, "r+be");
    if (file == NULL)
        return;
    size_t size = fread(content, 1, sizeof content, file);
    memcpy(header, content, size < APD_PART_HEADER ? size : APD_PART_HEADER);
    if (size < sizeof content &&
        sscanf(header, APD_PART_FORMAT " 3 commit %d front %" SCNd64, &commit, &front) == 2 &&
        front >= APD_PART_HEADER && front <= (int64_t)size) {
        *bytes = (int64_t)size;
        *digest = apd_digest(content + APD_PART_HEADER, (size_t)front - APD_PART_HEADER);
        memset(header, 0, sizeof header);
        (void)snprintf(header, sizeof header,
                       APD_PART_FORMAT " 3\ncommit %d\nfront %" PRId64 "\nbytes %" PRId64
                                       "\ndigest %016" PRIx64 "\n",
                       commit, front, *bytes, *digest);
        rewind(file);
        (void)fwrite(header, 1, APD_PART_HEADER, file);
    }
    (void)fclose(file);
}

/* From the items to the root, which says the digests of all others. */
static void repair_run(int run) {
    int items = fuzz_part_ends[FUZZ_PARTS - 1];
    int64_t bytes = 0;
    uint64_t digest = 0;
    for (int p = 0; p < FUZZ_PARTS && run == PARTS; p++) {
        char name[256];
        (void)snprintf(name, sizeof name, "%s/%s", run_folder, fuzz_run_files[1 + p]);
        hid_t root = open_file(path);
        repair_groups(name, root, p > 0 ? fuzz_part_ends[p - 1] : 0, fuzz_part_ends[p]);
        repair_front(name, &bytes, &digest);
        if (root < 0)
            continue;
        write_number(root, "/parts/bytes", (hsize_t)p, H5T_NATIVE_INT64, &bytes);
        write_number(root, "/parts/digest", (hsize_t)p, H5T_NATIVE_UINT64, &digest);
        (void)H5Fclose(root);
    }
    if (run == WHOLE) {
        hid_t root = open_file(path);
        repair_groups(path, root, 0, items);
        if (root >= 0)
            (void)H5Fclose(root);
    }
    repair_groups(path, -1, items, fuzz_order_count);
    repair_front(path, &bytes, &digest);
}

/* --- what is asked of the readers ------------------------------------------------------------------------- */

static void check(apd_status status, const apd_error *error, bool is_good) {
    if (status != APD_OK && is_good)
        (void)fprintf(stderr, "%s\n", error->message);
    if (status != APD_OK)
        fuzz_check_refusal(status, error, run_folder);
    FUZZ_CHECK(status == APD_OK || !is_good);
}

/* Each item by itself, last first, and theta of each task. */
static void read_items(bool is_good) {
    apd_reader *reader = NULL;
    apd_error error = {0};
    apd_status status = apd_reader_open(path, &reader, &error);
    check(status, &error, is_good);
    if (status != APD_OK)
        return;
    int count;
    const apd_run_state *state = apd_reader_state(reader);
    apd_item_key *keys = apd_item_list(state, &count);
    for (int i = count - 1; i >= 0 && i > count - 100; i--) {
        apd_item item = apd_item_whole(keys[i], apd_reader_layout(reader), state);
        status = apd_reader_item(reader, &item, &error);
        check(status, &error, is_good);
        FUZZ_CHECK(status != APD_OK || apd_reader_sees(reader, keys[i]));
        apd_item_clear(&item);
    }
    free(keys);
    apd_reader_destroy(reader);
}

/* libapd: a status and a text, or networks that predict. After a crash inside HDF5 this process opens no more files. */
static void open_with_library(bool is_good) {
    static float zeros[1 << 16];
    apd_file *file = NULL;
    int status = apd_open(path, &file);
    apd_error error = {.status = (apd_status)status};
    (void)snprintf(error.message, sizeof error.message, "%s", status != APD_GOOD ? apd_reason() : "");
    check(error.status, &error, is_good);
    if (strstr(error.message, "HDF5 crashed") != NULL) {
        FUZZ_CHECK(apd_open(path, &file) == APD_FAULT);
        _exit(APD_ERROR_DATA);
    }
    if (status != APD_GOOD)
        return;
    int shape[3];
    (void)apd_input(file, shape);
    int64_t numbers = (int64_t)shape[0] * shape[1] * shape[2];
    for (int t = 0; t < apd_task_count(file) && t < 100; t++) {
        apd_theta *theta = NULL;
        int best = -1;
        if (apd_class_count(file, t) == 0 || apd_compose(file, t, &theta) != APD_GOOD)
            continue;
        if (numbers <= (int64_t)(sizeof zeros / sizeof *zeros))
            FUZZ_CHECK(apd_predict(theta, zeros, 1, NULL, &best) == APD_GOOD && best >= 0 &&
                       best < apd_class_count(file, t));
        apd_release(theta);
    }
    apd_close(file);
}

static void read_all(bool is_good) {
    apd_error errors[3] = {{0}};
    apd_run_state state = {0}, surveyed = {0};
    apd_capacity capacity;
    int groups = 0;
    check(apd_checkpoint_read_state(path, &state, &errors[0]), &errors[0], is_good);
    apd_run_state_clear(&state);
    check(apd_checkpoint_survey(path, &surveyed, &capacity, &errors[1]), &errors[1], is_good);
    apd_run_state_clear(&surveyed);
    read_items(is_good);
    if (is_good)
        check(apd_checkpoint_pack(path, packed, APD_PACK_COMMIT, &groups, &errors[2]), &errors[2], true);
}

apd_status fuzz_one(const uint8_t *bytes, size_t size) {
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    if (size < 2)
        return APD_ERROR_DATA;
    int run = bytes[0] % RUNS, groups = 0;
    const char *former = apd_h5_guard_begin(path);
    restore(run);
    for (size_t i = 0; i < MOST_CHANGES && 2 + (i + 1) * CHANGE <= size; i++)
        change_file(bytes + 2 + i * CHANGE, run);
    if ((bytes[1] & PLAIN) != PLAIN)
        repair_run(run);
    if (size % 2 == 0) /* before others crash */
        open_with_library(false);
    (void)apd_h5_guard_begin(path);
    ssize_t handles = H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL);
    apd_error error = {0};
    apd_status status = apd_checkpoint_verify(path, &groups, &error);
    check(status, &error, false);
    read_all(status == APD_OK);
    FUZZ_CHECK(H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL) == handles);
    apd_h5_guard_end(former);
    if (status == APD_OK)
        open_with_library(true);
    return status;
}

size_t fuzz_seed(int number, uint8_t *bytes) {
    if (number >= 2 * RUNS)
        return 0;
    bytes[0] = (uint8_t)(number % RUNS);
    bytes[1] = number < RUNS ? 0 : PLAIN;
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
