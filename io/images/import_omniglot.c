/* Omniglot's folders: TREE/ALPHABET/characterNN/ID_DRAWER.png, 105 x 105 pixels of 1 bit, ink 0 on paper 1. Classes are
 * sorted by tree, alphabet and character, so that those of an alphabet are together; the published ids 0001 .. 1623 have the
 * alphabets in another order.
 *
 * As omniglot-turned each drawing is there in its four rotations, and which of a class's 80 images train is drawn by lot, as Kang et
 * al. (Forget-free continual learning with winning subnetworks, ICML 2022) do it: the same drawing, turned, may be in both
 * parts. */
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "io/data/transform.h"
#include "io/images/import_folder.h"
#include "io/images/import_formats.h"
#include "io/images/png.h"
#include "io/system/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIDE       105
#define OUT        28
#define DRAWERS    20
#define CHARACTERS 1623

static const char *const trees[2] = {"images_background", "images_evaluation"};

/* How the images of a class are made of its drawings. */
typedef struct variant {
    const char *name;
    int turns, train; /* of each drawing; of the images, for training */
    bool lot;         /* these are drawn by lot; otherwise the first drawers' */
} variant;

static const variant plain = {"omniglot", 1, 15, false}, turned = {"omniglot-turned", 4, 60, true};

typedef struct omniglot {
    const variant *how;
    apd_names folders;    /* (classes): the character's folder */
    apd_names characters; /* (classes): "Alphabet/character01" */
    apd_names alphabets;
    int32_t *alphabet; /* (classes): place in `alphabets` */
} omniglot;

static apd_status list_alphabet(const char *tree, const char *alphabet, omniglot *found, apd_error *error) {
    char *folder = apd_join_path(tree, alphabet);
    apd_names characters = {0};
    apd_status status = apd_list_folders(folder, &characters, error);
    for (int64_t i = 0; i < characters.count; i++) {
        int64_t known = found->characters.count;
        char *whole = apd_join_path(folder, characters.names[i]);
        char *name = apd_join_path(alphabet, characters.names[i]);
        apd_names_add(&found->folders, whole);
        apd_names_add(&found->characters, name);
        found->alphabet =
            apd_reallocate(found->alphabet, known, known + 1, sizeof *found->alphabet, "alphabets");
        found->alphabet[known] = (int32_t)found->alphabets.count;
        free(whole);
        free(name);
    }
    apd_names_add(&found->alphabets, alphabet);
    apd_names_clear(&characters);
    free(folder);
    return status;
}

static apd_status list_tree(const char *path, const char *name, omniglot *found, apd_error *error) {
    char *tree = apd_join_path(path, name);
    apd_names alphabets = {0};
    apd_status status;
    if (apd_is_folder(tree))
        status = apd_list_folders(tree, &alphabets, error);
    else
        status =
            apd_fail(error, APD_ERROR_IO,
                     "%s: there is no folder %s; unpack Omniglot's two archives of images here", path, name);
    for (int64_t i = 0; i < alphabets.count && status == APD_OK; i++)
        status = list_alphabet(tree, alphabets.names[i], found, error);
    apd_names_clear(&alphabets);
    free(tree);
    return status;
}

/* 255 times the share of ink in each of 28 x 28 cells. A cell is 105/28 = 15/4 pixels wide, so areas in sixteenths of a
 * pixel are exact integers. */
static void shrink(const uint8_t *paper, uint8_t *out) {
    for (int row = 0; row < OUT; row++)
        for (int column = 0; column < OUT; column++) {
            int ink = 0;
            for (int y = row * SIDE / OUT; y < SIDE && y * OUT < (row + 1) * SIDE; y++)
                for (int x = column * SIDE / OUT; x < SIDE && x * OUT < (column + 1) * SIDE; x++) {
                    int top = y * OUT > row * SIDE ? y * OUT : row * SIDE;
                    int bottom = (y + 1) * OUT < (row + 1) * SIDE ? (y + 1) * OUT : (row + 1) * SIDE;
                    int left = x * OUT > column * SIDE ? x * OUT : column * SIDE;
                    int right = (x + 1) * OUT < (column + 1) * SIDE ? (x + 1) * OUT : (column + 1) * SIDE;
                    ink += (bottom - top) * (right - left) * (255 - paper[y * SIDE + x]);
                }
            out[row * OUT + column] = (uint8_t)((ink + SIDE * SIDE / 2) / (SIDE * SIDE));
        }
}

static apd_status read_drawing(const char *path, uint8_t *out, apd_error *error) {
    const apd_image_shape wanted = {1, SIDE, SIDE};
    uint8_t *paper = apd_allocate(SIDE * SIDE, 1, "a drawing");
    apd_status status = apd_png_read(path, wanted, paper, error);
    if (status == APD_OK)
        shrink(paper, out);
    free(paper);
    return status;
}

/* The drawer of a file named ID_DRAWER.png, or 0. */
static int drawer_of(const char *name) {
    const char *mark = strrchr(name, '_');
    if (mark == NULL || strlen(mark) != strlen("_01.png"))
        return 0;
    char *end;
    long drawer = strtol(mark + 1, &end, 10);
    return strcasecmp(end, ".png") == 0 && drawer >= 1 && drawer <= DRAWERS ? (int)drawer : 0;
}

static apd_status check_drawers(const char *folder, const apd_names *files, apd_error *error) {
    bool seen[DRAWERS + 1] = {false};
    for (int64_t i = 0; i < files->count; i++) {
        int drawer = drawer_of(files->names[i]);
        if (drawer == 0 || seen[drawer])
            return apd_fail(error, APD_ERROR_DATA,
                            "%s/%s: its name is not ID_DRAWER.png with each drawer 01 to %d once; unpack the "
                            "archive again",
                            folder, files->names[i], DRAWERS);
        seen[drawer] = true;
    }
    if (files->count != DRAWERS)
        return apd_fail(error, APD_ERROR_DATA,
                        "%s: the number of PNG files is %" PRId64 "; it must be %d, one for each drawer",
                        folder, files->count, DRAWERS);
    return APD_OK;
}

/* The images of a class in a part. */
static int64_t images_of(const variant *how, apd_split split) {
    return split == APD_SPLIT_TRAIN ? how->train : DRAWERS * how->turns - how->train;
}

/* The images of a class lie together, by drawer, or as the lot has it. `drawings`: (DRAWERS, OUT, OUT). */
static void place_drawings(const omniglot *found, int64_t class, const uint8_t *drawings,
                           apd_dataset_content *content) {
    const variant *how = found->how;
    const apd_random lot = apd_random_stream(0, APD_RANDOM_SPLIT, (uint32_t) class, 0);
    const int64_t count = DRAWERS * (int64_t)how->turns;
    int64_t *order = apd_allocate(count, sizeof *order, "the order of a class");
    apd_transform *transform =
        apd_transform_create(&(apd_transform_spec){.shape = {1, OUT, OUT}, .turns = how->turns});
    for (int64_t i = 0; i < count; i++)
        order[i] = i;
    if (how->lot)
        apd_random_permutation(&lot, count, order);
    for (int64_t i = 0; i < count; i++) {
        const apd_split split = i < how->train ? APD_SPLIT_TRAIN : APD_SPLIT_TEST;
        const int64_t place = class * images_of(how, split) + (split == APD_SPLIT_TRAIN ? i : i - how->train);
        content->labels[split][place] = (int32_t) class;
        content->coarse[split][place] = found->alphabet[class];
        apd_transform_apply(transform, (int)(order[i] % how->turns),
                            drawings + order[i] / how->turns * OUT * OUT,
                            content->images[split] + place * OUT * OUT);
    }
    apd_transform_destroy(transform);
    free(order);
}

/* Read all drawings of a character. */
static apd_status read_character(const omniglot *found, int64_t class, apd_dataset_content *content,
                                 apd_error *error) {
    const char *folder = found->folders.names[class];
    uint8_t drawings[DRAWERS * OUT * OUT];
    apd_names files = {0};
    apd_status status;
    APD_GO(apd_list_files(folder, ".png", &files, error));
    APD_GO(check_drawers(folder, &files, error));
    for (int i = 0; i < DRAWERS && status == APD_OK; i++) {
        char *path = apd_join_path(folder, files.names[i]);
        status = read_drawing(path, drawings + (drawer_of(files.names[i]) - 1) * OUT * OUT, error);
        free(path);
    }
    if (status == APD_OK)
        place_drawings(found, class, drawings, content);
out:
    apd_names_clear(&files);
    return status;
}

static apd_status read_all(const char *path, omniglot *found, apd_dataset_content *content,
                           apd_error *error) {
    for (int i = 0; i < 2; i++)
        APD_TRY(list_tree(path, trees[i], found, error));
    int64_t classes = found->characters.count;
    if (classes == 0)
        return apd_fail(
            error, APD_ERROR_DATA,
            "%s: there are no characters in %s and %s; unpack Omniglot's two archives of images here", path,
            trees[0], trees[1]);
    if (classes != CHARACTERS)
        apd_warn("%s: the number of characters is %" PRId64 "; Omniglot has %d", path, classes, CHARACTERS);
    for (apd_split split = 0; split < APD_SPLITS; split++)
        APD_TRY(
            apd_content_allocate(path, content, split, classes * images_of(found->how, split), true, error));
    for (int64_t class = 0; class < classes; class ++) {
        apd_progress("reading character %" PRId64 " of %" PRId64, class + 1, classes);
        APD_TRY(read_character(found, class, content, error));
    }
    content->classes = (int)classes;
    content->coarse_classes = (int)found->alphabets.count;
    content->class_names = found->characters.names;
    content->coarse_names = found->alphabets.names;
    found->characters = found->alphabets = (apd_names){0}; /* the content's from here */
    return APD_OK;
}

static apd_status import(const char *path, const variant *how, apd_dataset_content *content,
                         apd_error *error) {
    *content = (apd_dataset_content){.source = how->name, .shape = {1, OUT, OUT}};
    omniglot found = {.how = how};
    apd_status status = read_all(path, &found, content, error);
    apd_names_clear(&found.folders);
    apd_names_clear(&found.characters);
    apd_names_clear(&found.alphabets);
    free(found.alphabet);
    return status;
}

apd_status apd_import_omniglot(const char *path, apd_dataset_content *content, apd_error *error) {
    return import(path, &plain, content, error);
}

apd_status apd_import_omniglot_turned(const char *path, apd_dataset_content *content, apd_error *error) {
    return import(path, &turned, content, error);
}
