/* predict_images: the images that apd predict is given: pictures, folders of them, HDF5 data sets, lists of these. */
#ifndef APD_COMMANDS_PREDICT_IMAGES_H
#define APD_COMMANDS_PREDICT_IMAGES_H

#include "io/data/image_array.h"
#include "mpi/team/team.h"
#include "trained/trained.h"

/* A picture, or the images of an HDF5 data set. */
typedef struct apd_predict_source {
    char *path;
    bool is_array;
    apd_image_array array;
    int64_t first, count; /* numbers of its images among all */
} apd_predict_source;

/* Start with {0}; clear it on failure, too. */
typedef struct apd_predict_images {
    apd_predict_source *sources; /* (source_count) */
    int64_t source_count;
    int64_t count; /* images, of all sources */
} apd_predict_images;

/* Find the images that the command line names. Rank 0 lists folders and reads the standard input. All ranks return the same.
 * Collective. Statuses: USAGE without images; IO, DATA. */
apd_status apd_predict_images_find(const apd_team *team, const char *const *arguments, int count,
                                   apd_predict_images *images, apd_error *error);
void apd_predict_images_clear(apd_predict_images *images);

/* Read images first .. end-1 as `run` was trained on them into `out`, (C, H, W) of uint8 or float32 each; `resize` makes those of
 * another size fit. Local. Statuses: DATA for a wrong size or kind, IO, USAGE. */
apd_status apd_predict_images_read(const apd_predict_images *images, int64_t first, int64_t end,
                                   const apd_trained_run *run, bool resize, void *out, apd_error *error);

/* The path of an image, and its number in an array: "data.h5[12]". Free it. Local. */
char *apd_predict_image_name(const apd_predict_images *images, int64_t image);

#endif
