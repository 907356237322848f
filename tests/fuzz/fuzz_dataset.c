/* Data files: apd_dataset_open and apd_dataset_read on HDF5 files that may hold anything.
 *
 * An input is a byte that says what follows. RAW: the bytes of a file. BUILT: a program of a few bytes for each
 * object that a data file has (is it there, of which type, shape, layout, filters, by which link, and the
 * attributes), carried out with HDF5 itself, so that checksums and structure are right and only the contents
 * are strange; what is left of the input then flips bytes of the finished file, which reach deep where the
 * format is the old one without checksums. */
#include "base/memory.h"
#include "fuzz.h"
#include "io/data/dataset.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const fuzz_name = "dataset";
const bool fuzz_may_end = true;

enum { RAW, BUILT, KINDS };
enum { MOST_IMAGES = 64, MOST_FLIPS = 8 };

static char path[128];
static char outside[128]; /* another file, which HDF5 writes to while it builds: never one of the system's */

/* --- what is asked of the reader ------------------------------------------------------------------------- */

static void read_some(apd_dataset *dataset) {
    for (int split = 0; split < APD_SPLITS; split++) {
        int64_t count = dataset->count[split] < MOST_IMAGES ? dataset->count[split] : MOST_IMAGES;
        int64_t indices[MOST_IMAGES];
        apd_error error = {0};
        if (dataset->image_bytes > 1 << 20)
            count = 1;
        for (int64_t i = 0; i < count; i++)
            indices[i] = dataset->count[split] - 1 - i * (i % 3 + 1) % dataset->count[split];
        void *images = apd_allocate(count, (size_t)dataset->image_bytes, "images");
        apd_status status = apd_dataset_read(dataset, (apd_split)split, indices, count, images, &error);
        if (status != APD_OK)
            fuzz_check_refusal(status, &error, path);
        free(images);
    }
}

static void check_promises(const apd_dataset *dataset) {
    FUZZ_CHECK(dataset->shape.channels >= 1 && dataset->shape.channels <= 16);
    FUZZ_CHECK(dataset->shape.height >= 1 && dataset->shape.width >= 1);
    for (int split = 0; split < APD_SPLITS; split++) {
        FUZZ_CHECK(dataset->count[split] >= 1);
        for (int64_t i = 0; i < dataset->count[split]; i++)
            FUZZ_CHECK(dataset->labels[split][i] >= 0 && dataset->labels[split][i] < dataset->classes);
    }
    for (int i = 0; dataset->class_names != NULL && i < dataset->classes; i++)
        FUZZ_CHECK(strlen(dataset->class_names[i]) < SIZE_MAX);
}

static apd_status open_and_read(void) {
    /* HDF5 may have kept what it could not close while it built the file */
    ssize_t handles = H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL);
    apd_error error = {0};
    apd_dataset *dataset = NULL;
    apd_status status = apd_dataset_open(path, &dataset, &error);
    if (status == APD_OK) {
        check_promises(dataset);
        read_some(dataset);
        apd_dataset_close(dataset);
    } else {
        fuzz_check_refusal(status, &error, path);
        FUZZ_CHECK(dataset == NULL);
    }
    /* and keeps a damaged file that it fails to close */
    if (status != APD_OK && H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL) > handles)
        _exit(APD_ERROR_DATA);
    FUZZ_CHECK(H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL) == handles);
    return status;
}

/* --- files built by HDF5 --------------------------------------------------------------------------------- */

static const char *const set_names[] = {"/train/images", "/train/labels",        "/test/images",
                                        "/test/labels",  "/train/image_digests", "/train/coarse_labels",
                                        "/class_names",  "/test/coarse_labels",  "/coarse_names"};
enum { SETS = sizeof set_names / sizeof *set_names };

static hid_t variable_text(void) {
    hid_t type = H5Tcopy(H5T_C_S1);
    (void)H5Tset_size(type, H5T_VARIABLE);
    return type;
}

static hid_t pair_type(void) {
    hid_t type = H5Tcreate(H5T_COMPOUND, 8);
    (void)H5Tinsert(type, "a", 0, H5T_STD_I32LE);
    (void)H5Tinsert(type, "b", 4, H5T_IEEE_F32LE);
    return type;
}

static hid_t odd_integer(void) {
    hid_t type = H5Tcopy(H5T_STD_I32BE);
    (void)H5Tset_precision(type, 11);
    (void)H5Tset_offset(type, 7);
    return type;
}

static hid_t list_type(void) {
    return H5Tvlen_create(H5T_STD_I32LE);
}

static hid_t array_type(void) {
    const hsize_t size = 3;
    return H5Tarray_create2(H5T_STD_U8LE, 1, &size);
}

static hid_t enum_type(void) {
    int8_t value = 1;
    hid_t type = H5Tenum_create(H5T_STD_I8LE);
    (void)H5Tenum_insert(type, "one", &value);
    return type;
}

static hid_t text_type(size_t length) {
    hid_t type = H5Tcopy(H5T_C_S1);
    (void)H5Tset_size(type, length > 0 ? length : 1);
    return type;
}

/* To be closed. */
static hid_t make_type(fuzz_bytes *in) {
    uint8_t choice = fuzz_take(in) % 20;
    switch (choice) {
    case 0: return H5Tcopy(H5T_STD_U8LE);
    case 1: return H5Tcopy(H5T_IEEE_F32LE);
    case 2: return H5Tcopy(H5T_STD_I32LE);
    case 3: return H5Tcopy(H5T_STD_U64LE);
    case 4: return text_type(fuzz_take_16(in));
    case 5: return variable_text();
    case 6: return H5Tcopy(H5T_STD_I8LE);
    case 7: return H5Tcopy(H5T_IEEE_F64BE);
    case 8: return H5Tcopy(H5T_STD_I64BE);
    case 9: return pair_type();
    case 10: return odd_integer();
    case 11: return list_type();
    case 12: return array_type();
    case 13: return enum_type();
    case 14: return H5Tcreate(H5T_OPAQUE, 1 + fuzz_take_16(in));
    case 15: return H5Tcopy(H5T_STD_REF_OBJ);
    case 16: return H5Tcopy(H5T_STD_B8LE);
    case 17: return H5Tcopy(H5T_IEEE_F32BE);
    case 18: return H5Tcopy(H5T_UNIX_D32LE);
    default: return H5Tcopy(H5T_STD_U16BE);
    }
}

static hsize_t make_size(fuzz_bytes *in) {
    uint32_t number = fuzz_take_16(in);
    switch (number >> 13) {
    case 5: return (hsize_t)(number & 0x1FFF) << 12;
    case 6: return (hsize_t)1 << (number & 63);
    case 7: return 0;
    default: return number & 0x1F;
    }
}

/* To be closed. */
static hid_t make_space(fuzz_bytes *in, hsize_t *sizes, int *rank) {
    uint8_t choice = fuzz_take(in);
    *rank = choice % 11;
    if (choice >= 250)
        return H5Screate(choice % 2 ? H5S_NULL : H5S_SCALAR);
    for (int d = 0; d < *rank; d++)
        sizes[d] = make_size(in);
    hsize_t limits[16];
    for (int d = 0; d < *rank; d++)
        limits[d] = choice & 0x80 ? H5S_UNLIMITED : sizes[d];
    return H5Screate_simple(*rank, sizes, limits);
}

/* Not nbit and scale-offset: HDF5 writes beyond its own buffers with them already here. */
static void set_filters(hid_t list, uint8_t choice) {
    if (choice & 1)
        (void)H5Pset_shuffle(list);
    if (choice & 2)
        (void)H5Pset_deflate(list, choice >> 5);
    if (choice & 4)
        (void)H5Pset_fletcher32(list);
    if (choice & 16)
        (void)H5Pset_filter(list, 32000, H5Z_FLAG_OPTIONAL, 0, NULL);
}

static void set_virtual(hid_t list, hid_t space) {
    hid_t source = H5Scopy(space);
    (void)H5Pset_virtual(list, space, outside, "/train/labels", source);
    (void)H5Sclose(source);
}

/* To be closed. */
static hid_t make_list(fuzz_bytes *in, hid_t space, const hsize_t *sizes, int rank) {
    hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    uint8_t choice = fuzz_take(in);
    hsize_t chunk[16];
    if ((choice & 7) < 3)
        return list; /* contiguous */
    if ((choice & 7) == 3)
        (void)H5Pset_layout(list, H5D_COMPACT);
    if ((choice & 7) == 4)
        (void)H5Pset_external(list, outside, choice >> 4, H5F_UNLIMITED);
    if ((choice & 7) == 5 && choice & 8)
        set_virtual(list, space);
    if ((choice & 7) >= 5 && H5Pget_layout(list) != H5D_VIRTUAL && rank > 0) {
        double items = 1;
        for (int d = 0; d < rank; d++) {
            chunk[d] = choice & 16 ? 1 + make_size(in) : sizes[d] > 0 && sizes[d] < 4096 ? sizes[d] : 1;
            items *= (double)chunk[d];
        }
        (void)H5Pset_chunk(list, rank, chunk);
        set_filters(list, fuzz_take(in));
        if (choice & 8 && items < 1e6 && H5Sget_simple_extent_npoints(space) < 1 << 14) /* all made at once */
            (void)H5Pset_alloc_time(list, H5D_ALLOC_TIME_EARLY);
    }
    return list;
}

/* A few repeated bytes as the contents of a data set that is small enough; texts and lists stay unwritten
 * where they would need pointers. Of each chunk that is written, HDF5 keeps kilobytes, and spoils its heap when
 * there are none left. */
static void fill_set(hid_t set, hid_t type, hid_t space, bool chunked, fuzz_bytes *in) {
    static char *const texts[] = {"a text", "", "another"};
    hssize_t items = H5Sget_simple_extent_npoints(space);
    size_t bytes = H5Tget_size(type);
    if (items <= 0 || (uint64_t)items * bytes > 1 << 18 || (chunked && items > 1 << 14) ||
        H5Tget_class(type) == H5T_VLEN || H5Tget_class(type) == H5T_REFERENCE)
        return;
    uint8_t *values = malloc((size_t)items * bytes);
    FUZZ_CHECK(values != NULL);
    uint8_t pattern[8];
    for (int i = 0; i < 8; i++)
        pattern[i] = fuzz_take(in);
    bool is_plain = pattern[0] < 128; /* zeros, good as labels */
    for (size_t i = 0; i < (size_t)items * bytes; i++)
        values[i] = is_plain ? 0 : pattern[i % 8];
    if (H5Tis_variable_str(type) > 0)
        for (size_t i = 0; i < (size_t)items; i++)
            memcpy(values + i * sizeof(char *), &texts[i % 3], sizeof(char *));
    (void)H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    free(values);
}

static void make_attribute(hid_t place, const char *name, fuzz_bytes *in) {
    hsize_t sizes[16];
    int rank;
    uint8_t values[4096] = {0};
    hid_t type = make_type(in), space = make_space(in, sizes, &rank);
    hssize_t items = space >= 0 ? H5Sget_simple_extent_npoints(space) : 0;
    hid_t made = items > 0 && (uint64_t)items * H5Tget_size(type) <= sizeof values
                     ? H5Acreate2(place, name, type, space, H5P_DEFAULT, H5P_DEFAULT)
                     : -1;
    for (size_t i = 0; i < sizeof values && H5Tis_variable_str(type) <= 0; i++)
        values[i] = (uint8_t)(i % 4 == 3 ? 0x3F : 0);
    if (made >= 0 && H5Tget_class(type) != H5T_VLEN && H5Tget_class(type) != H5T_REFERENCE)
        (void)H5Awrite(made, type, values);
    if (made >= 0)
        (void)H5Aclose(made);
    if (space >= 0)
        (void)H5Sclose(space);
    (void)H5Tclose(type);
}

static void make_set(hid_t file, hid_t links, const char *name, fuzz_bytes *in) {
    hsize_t sizes[16] = {0};
    int rank = 0;
    hid_t type = make_type(in), space = make_space(in, sizes, &rank);
    hid_t list = space >= 0 ? make_list(in, space, sizes, rank) : -1;
    hid_t made = list >= 0 ? H5Dcreate2(file, name, type, space, links, list, H5P_DEFAULT) : -1;
    if (made >= 0) {
        /* HDF5 first frees the texts that it believes to find in the other file */
        if (H5Tis_variable_str(type) <= 0 || H5Pget_external_count(list) == 0)
            fill_set(made, type, space, H5Pget_layout(list) == H5D_CHUNKED, in);
        (void)H5Dclose(made);
    }
    if (list >= 0)
        (void)H5Pclose(list);
    if (space >= 0)
        (void)H5Sclose(space);
    (void)H5Tclose(type);
}

static void make_object(hid_t file, hid_t links, const char *name, fuzz_bytes *in) {
    static const char *const targets[] = {"/train/images", "/train/labels", "/train", "/", "/nowhere"};
    uint8_t choice = fuzz_take(in);
    const char *target = targets[choice / 16 % 5];
    switch (choice % 16) {
    case 0: return;
    case 1: (void)H5Lcreate_soft(target, file, name, links, H5P_DEFAULT); return;
    case 2: (void)H5Lcreate_soft(name, file, name, links, H5P_DEFAULT); return; /* to itself */
    case 3: (void)H5Lcreate_external("outside", target, file, name, links, H5P_DEFAULT); return;
    case 4: (void)H5Lcreate_external(outside, target, file, name, links, H5P_DEFAULT); return;
    case 5: (void)H5Lcreate_hard(file, target, file, name, links, H5P_DEFAULT); return;
    case 6: {
        hid_t group = H5Gcreate2(file, name, links, H5P_DEFAULT, H5P_DEFAULT);
        if (group >= 0)
            (void)H5Gclose(group);
        return;
    }
    default: make_set(file, links, name, in);
    }
}

/* A good set in most places, so that the reader comes as far as what is strange. */
static void make_good_set(hid_t file, hid_t links, int number, bool floats) {
    static const uint8_t images[] = {0, 4, 4, 0, 1, 0, 3, 0, 5, 0, 0};
    static const uint8_t float_images[] = {1, 4, 4, 0, 1, 0, 3, 0, 5, 0, 0};
    static const uint8_t labels[] = {2, 1, 4, 0, 0};
    static const uint8_t names[] = {4, 5, 0, 1, 1, 0, 0};
    fuzz_bytes in = {labels, labels + sizeof labels};
    if (number == 0 || number == 2)
        in = floats ? (fuzz_bytes){float_images, float_images + sizeof float_images}
                    : (fuzz_bytes){images, images + sizeof images};
    if (strstr(set_names[number], "names") != NULL)
        in = (fuzz_bytes){names, names + sizeof names};
    if (strstr(set_names[number], "digests") == NULL)
        make_set(file, links, set_names[number], &in);
}

static void build(hid_t file, fuzz_bytes *in) {
    static const char *const attributes[] = {"channel_mean", "channel_std", "digest", "source"};
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    (void)H5Pset_create_intermediate_group(links, 1);
    uint32_t strange = fuzz_take_16(in);
    bool floats = strange >> 15;
    for (int i = 0; i < SETS; i++)
        if (strange >> i & 1)
            make_object(file, links, set_names[i], in);
        else
            make_good_set(file, links, i, floats);
    for (int i = 0; i < 4; i++)
        if (strange >> (SETS + i) & 1)
            make_attribute(file, attributes[i], in);
    (void)H5Pclose(links);
}

/* The file in memory; free it. NULL when HDF5 could not make it. */
static uint8_t *build_image(fuzz_bytes *in, size_t *size) {
    hid_t list = H5Pcreate(H5P_FILE_ACCESS);
    uint8_t *image = NULL;
    (void)H5Pset_fapl_core(list, 1 << 14, false);
    if (fuzz_take(in) % 2)
        (void)H5Pset_libver_bounds(list, H5F_LIBVER_V110, H5F_LIBVER_LATEST);
    hid_t file = H5Fcreate("built.h5", H5F_ACC_TRUNC, H5P_DEFAULT, list);
    (void)H5Pclose(list);
    if (file < 0)
        return NULL;
    build(file, in);
    (void)H5Fflush(file, H5F_SCOPE_GLOBAL);
    ssize_t bytes = H5Fget_file_image(file, NULL, 0);
    if (bytes > 0 && bytes < 1 << 26) {
        image = malloc((size_t)bytes);
        FUZZ_CHECK(image != NULL);
        *size = (size_t)H5Fget_file_image(file, image, (size_t)bytes);
    }
    (void)H5Fclose(file);
    return image;
}

static void flip(uint8_t *image, size_t size, fuzz_bytes *in) {
    for (int i = 0; i < MOST_FLIPS && in->end - in->at >= 3 && size > 0; i++) {
        size_t place = fuzz_take_16(in) % size;
        image[place] ^= fuzz_take(in);
    }
}

/* --- the harness ------------------------------------------------------------------------------------------ */

static void write_own_file(const char *to) {
    static uint8_t images[4 * 15];
    static int32_t labels[4] = {0, 1, 0, 1};
    static char *names[] = {"one", "two"};
    apd_dataset_content content = {.source = "a test",
                                   .shape = {1, 3, 5},
                                   .count = {4, 4},
                                   .images = {images, images},
                                   .labels = {labels, labels},
                                   .coarse = {labels, labels},
                                   .classes = 2,
                                   .coarse_classes = 2,
                                   .class_names = names,
                                   .coarse_names = names};
    FUZZ_CHECK(apd_dataset_write(to, &content, NULL, NULL) == APD_OK);
}

void fuzz_start(void) {
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    (void)snprintf(path, sizeof path, "%s/data.h5", fuzz_folder());
    (void)snprintf(outside, sizeof outside, "%s/outside", fuzz_folder());
    write_own_file(outside);
}

apd_status fuzz_one(const uint8_t *bytes, size_t size) {
    fuzz_bytes in = {bytes, bytes + size};
    if (fuzz_take(&in) % KINDS == RAW) {
        fuzz_store("data.h5", in.at, (size_t)(in.end - in.at));
        return open_and_read();
    }
    size_t built = 0;
    uint8_t *image = build_image(&in, &built);
    if (image == NULL)
        return APD_ERROR_DATA;
    flip(image, built, &in);
    fuzz_store("data.h5", image, built);
    free(image);
    return open_and_read();
}

static size_t seed_of_own_file(uint8_t *bytes) {
    write_own_file(path);
    FILE *file = fopen(path, "rbe");
    FUZZ_CHECK(file != NULL);
    bytes[0] = RAW;
    size_t size = fread(bytes + 1, 1, FUZZ_ROOM - 1, file);
    (void)fclose(file);
    return 1 + size;
}

size_t fuzz_seed(int number, uint8_t *bytes) {
    static const uint8_t programs[][16] = {{BUILT, 0, 0, 0},
                                           {BUILT, 1, 0, 0},
                                           {BUILT, 0, 0, 0x80},
                                           {BUILT, 1, 0, 0x80},
                                           /* chunks with deflate and fletcher32: images, labels */
                                           {BUILT, 0, 1, 0, 7, 0, 4, 4, 0, 1, 0, 3, 0, 5, 0, 7},
                                           {BUILT, 1, 2, 0, 7, 2, 1, 4, 0, 7, 6},
                                           /* names of variable length; attributes */
                                           {BUILT, 0, 64, 0, 7, 5, 1, 4, 0, 0},
                                           {BUILT, 1, 0, 0x1E, 1, 1, 1, 0, 1, 1, 1, 0, 3, 255, 4, 9}};
    enum { PROGRAMS = sizeof programs / sizeof *programs };
    if (number == 0)
        return seed_of_own_file(bytes);
    number--;
    if (number < PROGRAMS) {
        memcpy(bytes, programs[number], sizeof *programs);
        return sizeof *programs;
    }
    number -= PROGRAMS;
    if (number >= PROGRAMS)
        return 0;
    fuzz_bytes in = {programs[number] + 1, programs[number] + sizeof *programs};
    size_t size = 0;
    uint8_t *image = build_image(&in, &size);
    FUZZ_CHECK(image != NULL && size < FUZZ_ROOM);
    bytes[0] = RAW;
    memcpy(bytes + 1, image, size);
    free(image);
    return 1 + size;
}

size_t fuzz_mutate(uint8_t *bytes, size_t size, fuzz_random *random) {
    if (size < 4 || bytes[0] % KINDS == RAW || fuzz_draw(random, 3) == 0)
        return fuzz_mutate_bytes(bytes, size, random);
    uint8_t piece[8];
    for (size_t i = 0; i < sizeof piece; i++)
        piece[i] = (uint8_t)(fuzz_draw(random, 2) ? fuzz_draw(random, 256) : fuzz_draw(random, 8));
    if (fuzz_draw(random, 3) == 0) /* another object is strange */
        bytes[2 + fuzz_draw(random, 2)] ^= (uint8_t)(1U << fuzz_draw(random, 8));
    return fuzz_insert(bytes, size, 4 + fuzz_draw(random, (uint32_t)size - 3), piece,
                       1 + fuzz_draw(random, sizeof piece));
}
