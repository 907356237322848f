#include "io/checkpoint/segment.h"

#include "base/memory.h"
#include "base/thread.h"
#include "io/hdf5/guard.h"
#include "io/hdf5/h5.h"
#include "io/hdf5/read_driver.h"
#include "io/system/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char folder_name[] = "segments";
static const char *const kind_names[] = {"tasks", "shared", "training"};

void apd_segment_name(apd_segment segment, char *name, size_t size) {
    const char *kind = kind_names[segment.kind];
    if (segment.part == 0)
        (void)snprintf(name, size, "%s/%06d-%s.h5", folder_name, segment.commit, kind);
    else
        (void)snprintf(name, size, "%s/%06d-%s-%d.h5", folder_name, segment.commit, kind, segment.part);
}

static bool in_range(long number) {
    return number >= 1 && number <= INT32_MAX;
}

/* Reads numbers and kind wherever they seem to be; a name is one that is made of them again. */
bool apd_segment_parse(const char *name, apd_segment *segment) {
    char again[APD_SEGMENT_NAME_ROOM], *end;
    size_t lead = sizeof folder_name; /* with the / in place of the end */
    if (strncmp(name, folder_name, lead - 1) != 0 || name[lead - 1] != '/')
        return false;
    long commit = strtol(name + lead, &end, 10), part = 0;
    for (int kind = 0; kind < APD_SEGMENT_KINDS && in_range(commit) && *end == '-'; kind++) {
        size_t length = strlen(kind_names[kind]);
        if (strncmp(end + 1, kind_names[kind], length) != 0)
            continue;
        if (end[1 + length] == '-')
            part = strtol(end + 2 + length, NULL, 10);
        apd_segment found = {(int)commit, kind, in_range(part) ? (int)part : 0};
        apd_segment_name(found, again, sizeof again);
        if (strcmp(name, again) != 0)
            return false;
        *segment = found;
        return true;
    }
    return false;
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
        status = apd_fail_errno(error, errno, "%s: cannot make the folder", path);
    free(path);
    return status;
}

/* --- links ------------------------------------------------------------------------------------------- */

bool apd_segment_link(hid_t root, const char *object, apd_segment segment) {
    char name[APD_SEGMENT_NAME_ROOM];
    apd_segment_name(segment, name, sizeof name);
    return H5Lcreate_external(name, object, root, object + 1, H5P_DEFAULT, H5P_DEFAULT) >= 0;
}

/* That a link is there, and all but the last of its path lead to groups of the same file. `facts`: of the last. */
static bool is_here(hid_t place, const char *part, bool last, void *facts) {
    H5L_info_t *link = facts;
    return H5Lexists(place, part, H5P_DEFAULT) > 0 && H5Lget_info(place, part, link, H5P_DEFAULT) >= 0 &&
           (last || link->type == H5L_TYPE_HARD);
}

apd_link apd_segment_resolve(hid_t root, const char *object, apd_segment_kind kind, apd_segment *segment) {
    H5L_info_t facts;
    apd_segment found;
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
    if (!apd_segment_parse(file, &found) || found.kind != kind || strcmp(target, object) != 0)
        return APD_LINK_FOREIGN;
    *segment = found;
    return APD_LINK_SEGMENT;
}

bool apd_segment_holds(hid_t place, const char *name) {
    H5L_info_t facts;
    return apd_h5_walk(place, name, is_here, &facts) && facts.type == H5L_TYPE_HARD;
}

bool apd_segment_has_link(hid_t root, const char *object) {
    H5L_info_t facts;
    return apd_h5_walk(root, object + 1, is_here, &facts);
}

int64_t apd_segment_count(hid_t place, const char *name) {
    H5G_info_t facts;
    if (!apd_segment_holds(place, name) || H5Gget_info_by_name(place, name, &facts, H5P_DEFAULT) < 0)
        return 0;
    return (int64_t)facts.nlinks;
}

/* --- sets of segments --------------------------------------------------------------------------------- */

void apd_segment_set_add(apd_segment_set *set, apd_segment segment) {
    if ((set->count & (set->count - 1)) == 0) /* room doubles */
        set->items = apd_reallocate(set->items, set->count, set->count == 0 ? 1 : 2 * set->count,
                                    sizeof *set->items, "a list of segments");
    set->items[set->count++] = segment;
}

void apd_segment_set_clear(apd_segment_set *set) {
    free(set->items);
    *set = (apd_segment_set){0};
}

static int compare_segments(const void *a, const void *b) {
    const apd_segment *left = a, *right = b;
    if (left->commit != right->commit)
        return left->commit < right->commit ? -1 : 1;
    if (left->kind != right->kind)
        return (int)left->kind - (int)right->kind;
    return left->part < right->part ? -1 : left->part > right->part;
}

void apd_segment_set_sort(apd_segment_set *set) {
    int kept = 0;
    if (set->count > 0)
        qsort(set->items, (size_t)set->count, sizeof *set->items, compare_segments);
    for (int i = 0; i < set->count; i++)
        if (kept == 0 || compare_segments(&set->items[i], &set->items[kept - 1]) != 0)
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
    apd_segment found;
    (void)group;
    (void)facts;
    int length = snprintf(object, sizeof object, "/%s%s", l->folder, name);
    if (length >= (int)sizeof object)
        return 0;
    apd_link link = apd_segment_resolve(l->root, object, l->kind, &found);
    if (link == APD_LINK_SEGMENT)
        apd_segment_set_add(l->set, found);
    return link == APD_LINK_MISSING ? -1 : 0; /* it has just been listed: it cannot be read */
}

static apd_status list_all(apd_segment_set *set, hid_t file, const char *path, apd_error *error) {
    static const struct {
        const char *group, *folder;
        apd_segment_kind kind;
    } places[] = {{"tasks", "tasks/", APD_SEGMENT_TASKS},
                  {"forgotten", "forgotten/", APD_SEGMENT_TASKS},
                  {"shared", "shared/", APD_SEGMENT_SHARED},
                  {"groups", "groups/", APD_SEGMENT_SHARED},
                  {".", "", APD_SEGMENT_TRAINING}};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        listing l = {set, file, places[i].folder, places[i].kind};
        if (places[i].folder[0] != '\0' && !apd_segment_holds(file, places[i].group))
            continue;
        if (H5Literate_by_name(file, places[i].group, H5_INDEX_NAME, H5_ITER_INC, NULL, list_link, &l,
                               H5P_DEFAULT) < 0)
            return apd_fail(error, APD_ERROR_DATA, "%s: cannot list the links of /%s: the file is damaged",
                            path, places[i].folder);
    }
    return APD_OK;
}

apd_status apd_segment_set_of(apd_segment_set *set, const char *path, apd_error *error) {
    hid_t file = -1;
    bool exists;
    APD_TRY(apd_file_exists(path, &exists, error));
    if (!exists)
        return APD_OK;
    const char *former = apd_h5_guard_begin(path);
    apd_status status = apd_h5_open(path, &file, error);
    if (status == APD_OK)
        status = apd_h5_check_refused(list_all(set, file, path, error), error);
    (void)apd_h5_close(&file, path, NULL);
    apd_h5_guard_end(former);
    return status;
}

static int64_t size_of(const char *path) {
    struct stat facts;
    return stat(path, &facts) == 0 ? (int64_t)facts.st_size : 0;
}

int64_t apd_segment_bytes(const char *path, const apd_segment_set *set) {
    char name[APD_SEGMENT_NAME_ROOM];
    int64_t bytes = size_of(path);
    for (int i = 0; i < set->count; i++) {
        apd_segment_name(set->items[i], name, sizeof name);
        char *segment = apd_segment_path(path, name);
        bytes += size_of(segment);
        free(segment);
    }
    return bytes;
}

/* Whether the file `name` of the folder is a probe, or a segment that nobody in the sorted `set` needs. */
static bool is_stale(const char *name, const apd_segment_set *set) {
    char whole[300];
    apd_segment found;
    (void)snprintf(whole, sizeof whole, "%s/%s", folder_name, name);
    if (strlen(whole) == strlen(APD_SEGMENT_PROBE) &&
        strncmp(whole, APD_SEGMENT_PROBE, strlen(APD_SEGMENT_PROBE) - 6) == 0)
        return true;
    if (!apd_segment_parse(whole, &found))
        return false;
    return set->count == 0 ||
           bsearch(&found, set->items, (size_t)set->count, sizeof found, compare_segments) == NULL;
}

/* Files without a name any more, whose room the system gives back when they are closed. */
typedef struct nameless {
    int count;
    int files[256];
} nameless;

static void *close_all(void *context) {
    nameless *held = context;
    for (int i = 0; i < held->count; i++)
        (void)close(held->files[i]);
    free(held);
    return NULL;
}

/* The name goes at once; giving back the room of a large file takes a tenth of what writing it took, and is left to
 * close_all. */
static bool delete_later(int folder, const char *name, nameless *held) {
    int room = (int)(sizeof held->files / sizeof held->files[0]);
    int file = held->count < room ? openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
    bool gone = unlinkat(folder, name, 0) == 0 || errno == ENOENT;
    if (file >= 0)
        held->files[held->count++] = file;
    return gone;
}

/* Delete the stale ones of the `names` in `folder`. */
static apd_status delete_stale(const char *folder, const apd_file_names *names, const apd_segment_set *set,
                               nameless *held, apd_error *error) {
    int opened = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (opened < 0)
        return apd_fail_errno(error, errno, "%s: cannot open the folder", folder);
    apd_status status = APD_OK;
    for (int i = 0; i < names->count && status == APD_OK; i++)
        if (is_stale(names->items[i], set) && !delete_later(opened, names->items[i], held))
            status = apd_fail_errno(error, errno, "%s/%s: cannot delete this former segment", folder,
                                    names->items[i]);
    (void)close(opened);
    return status;
}

apd_status apd_segment_sweep(const char *checkpoint, const apd_segment_set *set, apd_error *error) {
    char *folder = apd_segment_path(checkpoint, folder_name);
    nameless *held = apd_allocate(1, sizeof *held, "former segments");
    apd_file_names names = {0};
    apd_status status = apd_folder_list(folder, &names, error);
    if (status == APD_OK && names.count > 0)
        status = delete_stale(folder, &names, set, held, error);
    apd_file_names_clear(&names);
    pthread_t thread;
    if (held->count > 0 && apd_thread_start(&thread, "apd-delete", close_all, held) == 0)
        (void)pthread_detach(thread);
    else
        (void)close_all(held);
    free(folder);
    return status;
}
