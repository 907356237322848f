#include "io/images/import_folder.h"

#include "base/memory.h"
#include "io/images/inflate.h"
#include "io/system/file.h"
#include "io/system/memory_limit.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define LARGEST_NAME_FILE (1 << 24)

bool apd_ends_in(const char *name, const char *ending) {
    size_t length = strlen(name), tail = strlen(ending);
    return length >= tail && strcasecmp(name + length - tail, ending) == 0;
}

bool apd_is_folder(const char *path) {
    struct stat facts;
    return stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
}

bool apd_is_file(const char *path) {
    struct stat facts;
    return stat(path, &facts) == 0 && S_ISREG(facts.st_mode);
}

void apd_names_add(apd_names *names, const char *name) {
    bool full = (names->count & (names->count - 1)) == 0; /* capacity is the next power of two */
    if (full)
        names->names = apd_reallocate(names->names, names->count, names->count == 0 ? 1 : 2 * names->count,
                                      sizeof *names->names, "names");
    names->names[names->count++] = apd_duplicate_text(name);
}

void apd_names_clear(apd_names *names) {
    for (int64_t i = 0; i < names->count; i++)
        free(names->names[i]);
    free(names->names);
    *names = (apd_names){0};
}

static int by_name(const void *a, const void *b) {
    return strverscmp(*(char *const *)a, *(char *const *)b);
}

/* Whether `name` ends in one of `endings`, each of which ends in 0, and all in another. */
static bool ends_in_any(const char *name, const char *endings) {
    bool ends = apd_ends_in(name, endings);
    while (!ends && *(endings += strlen(endings) + 1) != '\0')
        ends = apd_ends_in(name, endings);
    return ends;
}

typedef enum list_kind { ALL, FOLDERS, FILES } list_kind;

/* Whether an entry of a folder is of this kind. Pipes and devices are no files: reading one could block or never end. */
static bool is_wanted(const char *path, const char *name, list_kind kind, const char *endings) {
    if (kind == ALL)
        return strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
    if (name[0] == '.' || (kind == FILES && !ends_in_any(name, endings)))
        return false;
    char *whole = apd_join_path(path, name);
    bool wanted = kind == FOLDERS ? apd_is_folder(whole) : apd_is_file(whole);
    free(whole);
    return wanted;
}

/* The sorted names in a folder; of files, those with one of `endings`. */
static apd_status list(const char *path, list_kind kind, const char *endings, apd_names *names,
                       apd_error *error) {
    DIR *folder = opendir(path);
    if (folder == NULL)
        return apd_fail_errno(error, errno, "%s: cannot list the folder", path);
    struct dirent *entry;
    for (errno = 0; (entry = readdir(folder)) != NULL; errno = 0)
        if (is_wanted(path, entry->d_name, kind, endings))
            apd_names_add(names, entry->d_name);
    int failure = errno;
    (void)closedir(folder);
    if (failure != 0) {
        apd_names_clear(names);
        return apd_fail_errno(error, failure, "%s: cannot list the folder", path);
    }
    if (names->count > 0)
        qsort(names->names, (size_t)names->count, sizeof *names->names, by_name);
    return APD_OK;
}

apd_status apd_list_folders(const char *path, apd_names *names, apd_error *error) {
    return list(path, FOLDERS, NULL, names, error);
}

apd_status apd_list_all(const char *path, apd_names *names, apd_error *error) {
    return list(path, ALL, NULL, names, error);
}

apd_status apd_list_files(const char *path, const char *ending, apd_names *names, apd_error *error) {
    char endings[16] = {0};
    (void)snprintf(endings, sizeof endings - 1, "%s", ending);
    return list(path, FILES, endings, names, error);
}

apd_status apd_list_pictures(const char *path, apd_names *names, apd_error *error) {
    return list(path, FILES, ".png\0.jpg\0.jpeg\0", names, error);
}

apd_status apd_read_lines(const char *path, int64_t count, apd_names *lines, apd_error *error) {
    uint8_t *bytes;
    int64_t size;
    APD_TRY(apd_inflate_file(path, LARGEST_NAME_FILE, &bytes, &size, error));
    char *text = apd_allocate(size + 1, 1, "names");
    memcpy(text, bytes, (size_t)size);
    free(bytes);
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        line[strcspn(line, "\r")] = '\0';
        if (line[0] != '\0')
            apd_names_add(lines, line);
    }
    free(text);
    if (lines->count == count)
        return APD_OK;
    int64_t found = lines->count;
    apd_names_clear(lines);
    return apd_fail(error, APD_ERROR_DATA,
                    "%s: the number of names is %" PRId64 "; it must be %" PRId64 ", one on each line", path,
                    found, count);
}

apd_status apd_content_allocate(const char *path, apd_dataset_content *content, apd_split split,
                                int64_t count, bool coarse, apd_error *error) {
    size_t bytes =
        (size_t)content->shape.channels * (size_t)content->shape.height * (size_t)content->shape.width;
    APD_TRY(apd_memory_limit_check(path, "images", count, bytes, error));
    content->count[split] = count;
    content->images[split] = apd_allocate(count, bytes, "images");
    content->labels[split] = apd_allocate(count, sizeof(int32_t), "labels");
    if (coarse)
        content->coarse[split] = apd_allocate(count, sizeof(int32_t), "coarse labels");
    return APD_OK;
}
