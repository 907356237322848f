#include "commands/predict_images.h"

#include "base/memory.h"
#include "base/text.h"
#include "io/images/import_folder.h"
#include "io/images/picture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void apd_predict_images_clear(apd_predict_images *images) {
    for (int64_t s = 0; s < images->source_count; s++) {
        if (images->sources[s].is_array)
            apd_image_array_close(&images->sources[s].array);
        free(images->sources[s].path);
    }
    free(images->sources);
}

/* FILE.h5:/data/set; without a data set /test/images. Returns where the name of the data set begins; 0: not an HDF5 file. */
static size_t array_name(const char *path) {
    static const char *const endings[] = {".h5", ".hdf5"};
    const char *colon = strstr(path, ":/");
    size_t length = colon != NULL ? (size_t)(colon - path) : strlen(path);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t tail = strlen(endings[i]);
        if (length > tail && strncmp(path + length - tail, endings[i], tail) == 0)
            return length;
    }
    return 0;
}

static apd_status add_source(apd_predict_images *images, const char *path, apd_error *error) {
    apd_predict_source source = {.path = apd_duplicate_text(path), .first = images->count, .count = 1};
    size_t name = array_name(path);
    if (name > 0) {
        char *file = apd_duplicate_text(path);
        file[name] = '\0';
        apd_status status = apd_image_array_open(file, path[name] != '\0' ? path + name + 1 : "/test/images",
                                                 &source.array, error);
        free(file);
        if (status != APD_OK) {
            free(source.path);
            return status;
        }
        source.is_array = true;
        source.count = source.array.count;
    }
    if ((images->source_count & (images->source_count - 1)) == 0)
        images->sources = apd_reallocate(images->sources, images->source_count,
                                         images->source_count == 0 ? 1 : 2 * images->source_count,
                                         sizeof *images->sources, "images to predict");
    images->sources[images->source_count++] = source;
    images->count += source.count;
    return APD_OK;
}

/* --- their paths, on rank 0 -------------------------------------------------------------------------------------- */

static apd_status list_folder(const char *path, FILE *paths, apd_error *error) {
    apd_names names = {0};
    APD_TRY(apd_list_pictures(path, &names, error));
    for (int64_t i = 0; i < names.count; i++)
        (void)fprintf(paths, "%s/%s\n", path, names.names[i]);
    apd_status status = names.count > 0 ? APD_OK
                                        : apd_fail(error, APD_ERROR_DATA,
                                                   "%s: there are no PNG or JPEG files in this folder", path);
    apd_names_clear(&names);
    return status;
}

static void list_input(FILE *paths) {
    int byte, last = '\n';
    while ((byte = getc(stdin)) != EOF) {
        (void)fputc(byte, paths);
        last = byte;
    }
    if (last != '\n')
        (void)fputc('\n', paths);
}

/* One path a line. */
static apd_status list_paths(const char *const *arguments, int count, FILE *paths, apd_error *error) {
    for (int i = 0; i < count; i++) {
        if (strcmp(arguments[i], "-") == 0)
            list_input(paths);
        else if (apd_is_folder(arguments[i]))
            APD_TRY(list_folder(arguments[i], paths, error));
        else
            (void)fprintf(paths, "%s\n", arguments[i]);
    }
    return APD_OK;
}

apd_status apd_predict_images_find(const apd_team *team, const char *const *arguments, int count,
                                   apd_predict_images *images, apd_error *error) {
    char *paths = NULL;
    apd_status status = APD_OK;
    if (apd_team_rank(team) == 0) {
        apd_text listed;
        apd_text_begin(&listed, "paths of images");
        status = list_paths(arguments, count, listed.file, error);
        paths = apd_text_end(&listed);
    }
    char *rest = paths = apd_team_share_text(team, paths);
    status = apd_team_agree(team, status, error);
    for (char *path; status == APD_OK && (path = strsep(&rest, "\n")) != NULL;)
        if (path[0] != '\0')
            status = add_source(images, path, error);
    free(paths);
    if (status == APD_OK && images->count == 0)
        status = apd_fail(error, APD_ERROR_USAGE, "no images are given");
    return apd_team_agree(team, status, error);
}

/* --- images -------------------------------------------------------------------------------------------------------- */

static const apd_predict_source *source_of(const apd_predict_images *images, int64_t image) {
    int64_t low = 0, high = images->source_count - 1;
    while (low < high) {
        int64_t middle = (low + high + 1) / 2;
        if (images->sources[middle].first <= image)
            low = middle;
        else
            high = middle - 1;
    }
    return &images->sources[low];
}

static bool same_shape(apd_image_shape a, apd_image_shape b) {
    return a.channels == b.channels && a.height == b.height && a.width == b.width;
}

static apd_status wrong_shape(const char *path, apd_image_shape found, bool is_float,
                              const apd_trained_run *run, bool resize, apd_error *error) {
    apd_image_shape wanted = run->shape;
    const char *types[] = {"uint8", "float32"};
    if (is_float != run->is_float)
        return apd_fail(error, APD_ERROR_DATA, "%s: its images are %s; %s was trained on %s", path,
                        types[is_float], run->path, types[run->is_float]);
    return apd_fail(
        error, APD_ERROR_DATA,
        "%s: its images are %d x %d x %d (channels x height x width); %s was trained on %d x %d x %d%s", path,
        found.channels, found.height, found.width, run->path, wanted.channels, wanted.height, wanted.width,
        resize ? "" : "; --resize makes them fit");
}

/* `count` images of an array, from its image `first` on. */
static apd_status read_array(const apd_predict_source *source, int64_t first, int64_t count,
                             const apd_trained_run *run, bool resize, uint8_t *out, apd_error *error) {
    const apd_image_array *array = &source->array;
    bool fits = same_shape(array->shape, run->shape), kinds = array->is_float == run->is_float;
    bool can = array->shape.channels == 1 || array->shape.channels == 3;
    can = can && (run->shape.channels == 1 || run->shape.channels == 3);
    if (fits && kinds)
        return apd_image_array_read(array, first, count, out, error);
    if (!kinds || !resize || array->is_float || !can)
        return wrong_shape(source->path, array->shape, array->is_float, run, resize, error);
    int64_t bytes = (int64_t)run->shape.channels * run->shape.height * run->shape.width;
    uint8_t *image = apd_allocate_bytes(array->image_bytes, "an image");
    apd_status status = APD_OK;
    for (int64_t i = 0; i < count && status == APD_OK; i++) {
        status = apd_image_array_read(array, first + i, 1, image, error);
        if (status == APD_OK)
            apd_picture_fit(array->shape, image, run->shape, out + i * bytes);
    }
    free(image);
    return status;
}

static apd_status read_picture(const char *path, const apd_trained_run *run, bool resize, uint8_t *out,
                               apd_error *error) {
    apd_image_shape found, wanted = run->shape;
    if (run->is_float || (wanted.channels != 1 && wanted.channels != 3))
        return apd_fail(
            error, APD_ERROR_USAGE,
            "%s: %s was trained on float32 images, or images without 1 or 3 channels; give an HDF5 data "
            "set of those, FILE.h5:/NAME",
            path, run->path);
    if (resize)
        return apd_picture_read_to_fit(path, wanted, out, error);
    APD_TRY(apd_picture_shape(path, &found, error));
    if (found.height != wanted.height || found.width != wanted.width || found.channels > wanted.channels)
        return wrong_shape(path, found, false, run, resize, error);
    return apd_picture_read(path, wanted, out, error);
}

apd_status apd_predict_images_read(const apd_predict_images *images, int64_t first, int64_t end,
                                   const apd_trained_run *run, bool resize, void *out, apd_error *error) {
    int64_t bytes = (int64_t)run->shape.channels * run->shape.height * run->shape.width;
    bytes *= run->is_float ? (int64_t)sizeof(float) : 1;
    for (int64_t image = first; image < end;) {
        const apd_predict_source *source = source_of(images, image);
        int64_t until = source->first + source->count < end ? source->first + source->count : end;
        uint8_t *here = (uint8_t *)out + (image - first) * bytes;
        if (source->is_array)
            APD_TRY(read_array(source, image - source->first, until - image, run, resize, here, error));
        else
            APD_TRY(read_picture(source->path, run, resize, here, error));
        image = until;
    }
    return APD_OK;
}

char *apd_predict_image_name(const apd_predict_images *images, int64_t image) {
    const apd_predict_source *source = source_of(images, image);
    apd_text text;
    apd_text_begin(&text, "an image's name");
    (void)fputs(source->path, text.file);
    if (source->is_array)
        (void)fprintf(text.file, "[%" PRId64 "]", image - source->first);
    return apd_text_end(&text);
}
