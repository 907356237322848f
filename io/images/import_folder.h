/* import_folder: what the importers share: sorted listings, lists of names; and of apd predict. Local. */
#ifndef APD_IO_IMAGES_IMPORT_FOLDER_H
#define APD_IO_IMAGES_IMPORT_FOLDER_H

#include "io/data/dataset.h"

/* Start with {0}. */
typedef struct apd_names {
    char **names; /* (count) */
    int64_t count;
} apd_names;

/* Append the folders in `path`, or the plain files whose names end in `ending` (in any case), to an empty list: sorted by their
 * bytes, but numbers by value (part-2 before part-10), without hidden ones. Status: IO; the list is then empty. */
apd_status apd_list_folders(const char *path, apd_names *names, apd_error *error);
apd_status apd_list_files(const char *path, const char *ending, apd_names *names, apd_error *error);
apd_status apd_list_pictures(const char *path, apd_names *names, apd_error *error); /* .png, .jpg, .jpeg */
apd_status apd_list_all(const char *path, apd_names *names, apd_error *error);      /* hidden ones, too */
void apd_names_clear(apd_names *names);

/* Append a copy of `name`. */
void apd_names_add(apd_names *names, const char *name);

/* Whether `name` ends in `ending`, in any case. */
bool apd_ends_in(const char *name, const char *ending);
bool apd_is_folder(const char *path);
bool apd_is_file(const char *path); /* a plain one, or a link to one */

/* Append the non-empty lines of a text file to an empty list. Statuses: IO; DATA if there are not exactly `count`. The list is
 * then empty. */
apd_status apd_read_lines(const char *path, int64_t count, apd_names *lines, apd_error *error);

/* Allocate images and labels of a split, and coarse labels if `coarse`; content->shape is set. Status: DATA naming `path` if the
 * machine has too little memory. */
apd_status apd_content_allocate(const char *path, apd_dataset_content *content, apd_split split,
                                int64_t count, bool coarse, apd_error *error);

#endif
