/* import_folder: what the importers share: sorted listings, paths, lists of names. Private to import_*.c. */
#ifndef APD_IO_IMAGES_IMPORT_FOLDER_H
#define APD_IO_IMAGES_IMPORT_FOLDER_H

#include "io/data/dataset.h"

typedef struct apd_names {
    char **names; /* (count) */
    int64_t count;
} apd_names;

/* "folder/name" to be freed. */
char *apd_path_join(const char *folder, const char *name);

/* The names in `path`, in the order of their bytes but numbers by value (part-2 before part-10); hidden ones
 * are left out. Folders only, or plain files only whose name ends in `ending` (any case). Statuses: IO. */
apd_status apd_list_folders(const char *path, apd_names *names, apd_error *error);
apd_status apd_list_files(const char *path, const char *ending, apd_names *names, apd_error *error);
void apd_names_clear(apd_names *names);

/* Append a copy of `name`. */
void apd_names_add(apd_names *names, const char *name);

/* Whether `name` ends in `ending`, in any case. */
bool apd_ends_in(const char *name, const char *ending);
bool apd_is_folder(const char *path);

/* The lines of a text file, each not empty. `*lines` to be freed with apd_names_clear. Statuses: IO,
 * DATA when there are not exactly `count`. */
apd_status apd_read_lines(const char *path, int64_t count, apd_names *lines, apd_error *error);

/* Allocate images, labels and, when asked, coarse labels of a split; content->shape is set. Status DATA naming
 * `path` when the machine has not that much memory. */
apd_status apd_content_allocate(const char *path, apd_dataset_content *content, apd_split split,
                                int64_t count, bool coarse, apd_error *error);

#endif
