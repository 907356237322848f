#include "io/system/memory_limit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define MEBIBYTE (INT64_C(1) << 20)

/* The number after `key` at the start of a line of a file of the system's, or -1. */
static int64_t find_number(const char *path, const char *key) {
    char line[256];
    int64_t found = -1;
    FILE *file = fopen(path, "re");
    while (file != NULL && found < 0 && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, key, strlen(key)) == 0 && sscanf(line + strlen(key), "%" SCNd64, &found) != 1)
            found = -1;
    if (file != NULL)
        (void)fclose(file);
    return found;
}

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t room_of_machine(void) {
    int64_t kibibytes = find_number("/proc/meminfo", "MemAvailable:");
    return kibibytes < 0 ? INT64_MAX : 1024 * kibibytes;
}

/* Of the process' group and all above it (version 2). What the group uses for files can be taken back. */
static int64_t room_of_group(void) {
    char group[512] = "", path[600];
    int64_t room = INT64_MAX;
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file != NULL && fgets(group, sizeof group, file) != NULL && strncmp(group, "0::", 3) != 0)
        group[0] = '\0';
    if (file != NULL)
        (void)fclose(file);
    group[strcspn(group, "\n")] = '\0';
    for (char *end = group + strlen(group); end > group + 3; end = strrchr(group, '/')) {
        *end = '\0';
        (void)snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", group + 3);
        int64_t most = find_number(path, "");
        (void)snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.stat", group + 3);
        int64_t used = find_number(path, "anon ");
        if (most >= 0 && used >= 0)
            room = smaller(room, most > used ? most - used : 0);
    }
    return room;
}

static int64_t room_of_process(void) {
    struct rlimit limit;
    int64_t pages = find_number("/proc/self/statm", "");
    if (pages < 0 || getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur >= (rlim_t)INT64_MAX)
        return INT64_MAX;
    int64_t used = pages * sysconf(_SC_PAGESIZE), most = (int64_t)limit.rlim_cur;
    return most > used ? most - used : 0;
}

int64_t apd_room(void) {
    return smaller(room_of_machine(), smaller(room_of_group(), room_of_process()));
}

apd_status apd_memory_limit_check(const char *where, const char *what, int64_t count, size_t size,
                                  apd_error *error) {
    int64_t bytes;
    bool is_countable = !__builtin_mul_overflow(count, (int64_t)size, &bytes);
    if (is_countable && bytes < MEBIBYTE)
        return APD_OK;
    int64_t room = apd_room();
    if (!is_countable)
        return apd_fail(error, APD_ERROR_DATA, "%s: its %s take more memory than any machine has", where,
                        what);
    if (bytes <= room)
        return APD_OK;
    return apd_fail_errno(error, ENOMEM,
                          "%s: its %s take %" PRId64 " MiB of memory, and %" PRId64
                          " MiB are available; use a machine or a job with more memory",
                          where, what, bytes / MEBIBYTE, room / MEBIBYTE);
}
