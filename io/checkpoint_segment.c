#include "io/checkpoint_segment.h"

#include "base/memory.h"
#include "io/h5.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char folder_name[] = "segments";
static const char *const kind_names[] = {"tasks", "shared", "training"};

void apd_segment_name(int commit, apd_segment_kind kind, char *name, size_t size) {
    (void)snprintf(name, size, "%s/%06d-%s.h5", folder_name, commit, kind_names[kind]);
}

int apd_segment_commit(const char *name, apd_segment_kind kind) {
    char again[APD_SEGMENT_NAME_ROOM];
    size_t lead = sizeof folder_name; /* with the / in place of the end */
    if (strncmp(name, folder_name, lead - 1) != 0 || name[lead - 1] != '/')
        return 0;
    long commit = strtol(name + lead, NULL, 10);
    if (commit < 1 || commit > INT32_MAX)
        return 0;
    apd_segment_name((int)commit, kind, again, sizeof again);
    return strcmp(name, again) == 0 ? (int)commit : 0;
}

char *apd_segment_path(const char *checkpoint, const char *name) {
    const char *slash = strrchr(checkpoint, '/');
    int lead = slash != NULL ? (int)(slash - checkpoint) + 1 : 0;
    size_t room = (size_t)lead + strlen(name) + 1;
    char *path = apd_allocate((int64_t)room, 1, "a path");
    (void)snprintf(path, room, "%.*s%s", lead, checkpoint, name);
    return path;
}

apd_status apd_segment_folder(const char *checkpoint, apd_error *error) {
    char *path = apd_segment_path(checkpoint, folder_name);
    apd_status status = APD_OK;
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        status = apd_fail(error, APD_ERROR_IO, "%s: cannot make the folder: %s", path, strerror(errno));
    free(path);
    return status;
}

/* --- links ------------------------------------------------------------------------------------------- */

bool apd_segment_link(hid_t root, const char *object, int commit, apd_segment_kind kind) {
    char name[APD_SEGMENT_NAME_ROOM];
    apd_segment_name(commit, kind, name, sizeof name);
    return H5Lcreate_external(name, object, root, object + 1, H5P_DEFAULT, H5P_DEFAULT) >= 0;
}

/* That a link is there, and all but the last of its path lead to groups of the same file. `facts`: of the last. */
static bool is_here(hid_t place, const char *part, bool last, void *facts) {
    H5L_info_t *link = facts;
    return H5Lexists(place, part, H5P_DEFAULT) > 0 && H5Lget_info(place, part, link, H5P_DEFAULT) >= 0 &&
           (last || link->type == H5L_TYPE_HARD);
}

apd_link apd_segment_resolve(hid_t root, const char *object, apd_segment_kind kind, int *commit) {
    H5L_info_t facts;
    char value[256];
    const char *file = NULL, *target = NULL;
    unsigned flags;
    if (!apd_h5_walk(root, object + 1, is_here, &facts))
        return APD_LINK_MISSING;
    if (facts.type == H5L_TYPE_HARD)
        return APD_LINK_HERE;
    if (facts.type != H5L_TYPE_EXTERNAL || facts.u.val_size > sizeof value ||
        H5Lget_val(root, object + 1, value, sizeof value, H5P_DEFAULT) < 0 ||
        H5Lunpack_elink_val(value, facts.u.val_size, &flags, &file, &target) < 0)
        return APD_LINK_FOREIGN;
    *commit = apd_segment_commit(file, kind);
    return *commit > 0 && strcmp(target, object) == 0 ? APD_LINK_SEGMENT : APD_LINK_FOREIGN;
}

bool apd_segment_holds(hid_t place, const char *name) {
    H5L_info_t facts;
    return apd_h5_walk(place, name, is_here, &facts) && facts.type == H5L_TYPE_HARD;
}

/* --- sets of segments --------------------------------------------------------------------------------- */

void apd_segment_set_add(apd_segment_set *set, int commit, apd_segment_kind kind) {
    if ((set->count & (set->count - 1)) == 0) /* room doubles */
        set->items = apd_reallocate(set->items, set->count, set->count == 0 ? 1 : 2 * set->count,
                                    sizeof *set->items, "a list of segments");
    set->items[set->count++] = (struct apd_segment_reference){commit, kind};
}

void apd_segment_set_clear(apd_segment_set *set) {
    free(set->items);
    *set = (apd_segment_set){0};
}

static int compare_references(const void *a, const void *b) {
    const struct apd_segment_reference *left = a, *right = b;
    if (left->commit != right->commit)
        return left->commit < right->commit ? -1 : 1;
    return (int)left->kind - (int)right->kind;
}

void apd_segment_set_sort(apd_segment_set *set) {
    int kept = 0;
    if (set->count > 0)
        qsort(set->items, (size_t)set->count, sizeof *set->items, compare_references);
    for (int i = 0; i < set->count; i++)
        if (kept == 0 || compare_references(&set->items[i], &set->items[kept - 1]) != 0)
            set->items[kept++] = set->items[i];
    set->count = kept; /* its room is at least the next power of two, as adding expects */
}

typedef struct listing {
    apd_segment_set *set;
    hid_t root;
    const char *folder;
    apd_segment_kind kind;
} listing;

static herr_t list_link(hid_t group, const char *name, const H5L_info_t *facts, void *context) {
    const listing *l = context;
    char object[256];
    int commit = 0;
    (void)group;
    (void)facts;
    int length = snprintf(object, sizeof object, "/%s%s", l->folder, name);
    if (length < (int)sizeof object &&
        apd_segment_resolve(l->root, object, l->kind, &commit) == APD_LINK_SEGMENT)
        apd_segment_set_add(l->set, commit, l->kind);
    return 0;
}

void apd_segment_set_of(apd_segment_set *set, const char *path) {
    static const struct {
        const char *group, *folder;
        apd_segment_kind kind;
    } places[] = {{"tasks", "tasks/", APD_SEGMENT_TASKS},
                  {"forgotten", "forgotten/", APD_SEGMENT_TASKS},
                  {"shared", "shared/", APD_SEGMENT_SHARED},
                  {"groups", "groups/", APD_SEGMENT_SHARED},
                  {".", "", APD_SEGMENT_TRAINING}};
    hid_t file = -1;
    if (apd_h5_open(path, &file, NULL) != APD_OK)
        return;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        listing l = {set, file, places[i].folder, places[i].kind};
        if (places[i].folder[0] == '\0' || apd_segment_holds(file, places[i].group))
            (void)H5Literate_by_name(file, places[i].group, H5_INDEX_NAME, H5_ITER_INC, NULL, list_link, &l,
                                     H5P_DEFAULT);
    }
    (void)apd_h5_close(&file, path, NULL);
}

static int64_t size_of(const char *path) {
    struct stat facts;
    return stat(path, &facts) == 0 ? (int64_t)facts.st_size : 0;
}

int64_t apd_segment_bytes(const char *path, const apd_segment_set *set) {
    char name[APD_SEGMENT_NAME_ROOM];
    int64_t bytes = size_of(path);
    for (int i = 0; i < set->count; i++) {
        apd_segment_name(set->items[i].commit, set->items[i].kind, name, sizeof name);
        char *segment = apd_segment_path(path, name);
        bytes += size_of(segment);
        free(segment);
    }
    return bytes;
}

/* Whether the file `name` of the folder is a segment that nobody in the sorted `set` needs. */
static bool is_stale(const char *name, const apd_segment_set *set) {
    char whole[300];
    (void)snprintf(whole, sizeof whole, "%s/%s", folder_name, name);
    for (int kind = 0; kind < APD_SEGMENT_KINDS; kind++) {
        struct apd_segment_reference key = {apd_segment_commit(whole, kind), kind};
        if (key.commit > 0)
            return set->count == 0 ||
                   bsearch(&key, set->items, (size_t)set->count, sizeof key, compare_references) == NULL;
    }
    return false;
}

apd_status apd_segment_sweep(const char *checkpoint, const apd_segment_set *set, apd_error *error) {
    char *folder = apd_segment_path(checkpoint, folder_name);
    DIR *opened = opendir(folder);
    apd_status status = APD_OK;
    for (struct dirent *entry; opened != NULL && (entry = readdir(opened)) != NULL;) {
        if (!is_stale(entry->d_name, set))
            continue;
        if (unlinkat(dirfd(opened), entry->d_name, 0) != 0 && errno != ENOENT)
            status = apd_fail(error, APD_ERROR_IO, "%s/%s: cannot delete this former segment: %s", folder,
                              entry->d_name, strerror(errno));
    }
    if (opened != NULL)
        (void)closedir(opened);
    free(folder);
    return status;
}
