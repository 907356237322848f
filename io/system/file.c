#include "io/system/file.h"

#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Read until the end of `file` or until there are more than `limit` bytes. */
static bool read_all(int file, int64_t limit, char **text, int64_t *bytes) {
    int64_t room = 4096;
    *text = apd_allocate(room + 1, 1, "a file's text");
    *bytes = 0;
    while (*bytes <= limit) {
        if (*bytes == room) {
            *text = apd_reallocate(*text, room + 1, 2 * room + 1, 1, "a file's text");
            room *= 2;
        }
        ssize_t got = read(file, *text + *bytes, (size_t)(room - *bytes));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (got == 0)
            break;
        *bytes += got;
    }
    (*text)[*bytes] = '\0';
    return true;
}

apd_status apd_read_file(const char *path, int64_t limit, char **text, int64_t *bytes, apd_error *error) {
    char *content = NULL;
    int64_t size = 0;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return apd_fail_errno(error, errno, "%s: cannot open", path);
    apd_status status = APD_OK;
    if (!read_all(file, limit, &content, &size))
        status = apd_fail_errno(error, errno, "%s: cannot read", path);
    else if (size > limit)
        status = apd_fail(error, APD_ERROR_DATA, "%s is longer than %" PRId64 " bytes", path, limit);
    (void)close(file);
    if (status != APD_OK) {
        free(content);
        return status;
    }
    *text = content;
    *bytes = size;
    return APD_OK;
}

char *apd_read_text(const char *folder, const char *name) {
    char *path = apd_join_path(folder, name), *text = NULL;
    int64_t bytes = 0;
    (void)apd_read_file(path, 1 << 22, &text, &bytes, NULL);
    free(path);
    return text;
}

bool apd_errno_is_absence(int number) {
    return number == ENOENT || number == ENOTDIR;
}

apd_status apd_file_exists(const char *path, bool *exists, apd_error *error) {
    struct stat facts;
    bool there = stat(path, &facts) == 0;
    if (!there && !apd_errno_is_absence(errno))
        return apd_fail_errno(error, errno, "%s: cannot look for the file", path);
    *exists = there;
    return APD_OK;
}

apd_status apd_file_open(const char *path, int *descriptor, apd_error *error) {
    int opened = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct stat facts;
    if (opened < 0)
        return apd_fail_errno(error, errno, "%s: cannot open", path);
    apd_status status = APD_OK;
    if (fstat(opened, &facts) != 0)
        status = apd_fail_errno(error, errno, "%s: cannot read its kind", path);
    else if (S_ISDIR(facts.st_mode))
        status = apd_fail_errno(error, EISDIR, "%s: cannot read", path);
    else if (!S_ISREG(facts.st_mode))
        status = apd_fail(error, APD_ERROR_DATA, "%s: is a pipe or device; a plain file is needed", path);
    if (status == APD_OK)
        *descriptor = opened;
    else
        (void)close(opened);
    return status;
}

apd_status apd_file_delete(const char *path, apd_error *error) {
    if (unlink(path) == 0 || apd_errno_is_absence(errno))
        return APD_OK;
    return apd_fail_errno(error, errno, "%s: cannot delete", path);
}

void apd_file_names_clear(apd_file_names *names) {
    for (int i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
    *names = (apd_file_names){0};
}

static void add(apd_file_names *names, const char *name) {
    if ((names->count & (names->count - 1)) == 0) /* the room doubles */
        names->items = apd_reallocate(names->items, names->count, names->count == 0 ? 1 : 2 * names->count,
                                      sizeof *names->items, "a folder's names");
    names->items[names->count++] = apd_duplicate_text(name);
}

apd_status apd_folder_list(const char *path, apd_file_names *names, apd_error *error) {
    apd_file_names found = {0};
    DIR *opened = opendir(path);
    if (opened == NULL && !apd_errno_is_absence(errno))
        return apd_fail_errno(error, errno, "%s: cannot list the folder", path);
    errno = 0;
    for (struct dirent *entry; opened != NULL && (entry = readdir(opened)) != NULL; errno = 0)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            add(&found, entry->d_name);
    int failure = opened != NULL ? errno : 0;
    if (opened != NULL && closedir(opened) != 0 && failure == 0)
        failure = errno;
    if (failure == 0) {
        *names = found;
        return APD_OK;
    }
    apd_file_names_clear(&found);
    return apd_fail_errno(error, failure, "%s: cannot list the folder", path);
}

char *apd_join_path(const char *folder, const char *name) {
    size_t room = strlen(folder) + strlen(name) + 2;
    char *path = apd_allocate((int64_t)room, 1, "a path");
    (void)snprintf(path, room, "%s/%s", folder, name);
    return path;
}

char *apd_parent_folder(const char *path) {
    const char *slash = strrchr(path, '/');
    char *folder = apd_duplicate_text(slash != NULL ? path : ".");
    if (slash != NULL)
        folder[slash > path ? slash - path : 1] = '\0';
    return folder;
}
