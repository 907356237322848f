#include "io/system/file.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
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
