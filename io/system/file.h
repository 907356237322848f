/* file: read a whole file as text; look for, open, list and delete files without taking a fault of the system for an absence.
 *
 * A file is absent only where the system says so (ENOENT, ENOTDIR). Any other refusal is an error with the status of
 * apd_fail_errno, so that a caller which cannot look deletes nothing. Local. */
#ifndef APD_IO_SYSTEM_FILE_H
#define APD_IO_SYSTEM_FILE_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* Read a file of at most `limit` bytes into `*text` (0-terminated, to be freed); both outputs are set on success only.
 * Statuses: IO or REQUEUE as apd_fail_errno says; DATA if it is longer. */
apd_status apd_read_file(const char *path, int64_t limit, char **text, int64_t *bytes, apd_error *error);

/* The text of folder/name, at most 4 MiB; NULL where it cannot be read. Free it. */
char *apd_read_text(const char *folder, const char *name);

/* Whether `number` (errno) says that there is no such file. */
bool apd_errno_is_absence(int number);

/* Sets `*exists` on success only. Follows symbolic links. */
apd_status apd_file_exists(const char *path, bool *exists, apd_error *error);

/* Open a regular file for reading; never waits (a FIFO would wait for a writer). Close `*descriptor`. Statuses: IO and
 * REQUEUE as the system says, an absent file included; DATA when it is a pipe or a device. */
apd_status apd_file_open(const char *path, int *descriptor, apd_error *error);

/* Delete `path`; succeeds when it is absent. */
apd_status apd_file_delete(const char *path, apd_error *error);

/* folder/name; free it. */
char *apd_join_path(const char *folder, const char *name);

/* The folder that has the entry `path`, "." for a plain name; free it. */
char *apd_parent_folder(const char *path);

/* The names in a folder, but "." and "..", in no order. */
typedef struct apd_file_names {
    int count;
    char **items; /* owned */
} apd_file_names;

/* List the folder `path`: all of it, or an error. An absent folder has no names. Clear `*names` on success. */
apd_status apd_folder_list(const char *path, apd_file_names *names, apd_error *error);
void apd_file_names_clear(apd_file_names *names);

#endif
