/* record: a library to preload that writes down, in order, what a program does to a folder's files and what it says.
 *
 * RECORD_FOLDER is the folder, RECORD_LOG the file to append to; all processes of a job share it. Calls on the folder's
 * files that change something are made one at a time, over all threads and processes, so that the order of the records
 * is the order in which they happened. A record is a line of fields with tabs between them; "bytes N" of them follow:
 *   create PATH              mkdir PATH               truncate PATH LENGTH     write PATH OFFSET bytes N
 *   link FROM TO             rename FROM TO           unlink PATH              rmdir PATH
 *   sync PATH                (of a file or a folder; by whatever descriptor)
 *   say - bytes N            (standard output or standard error, a line at a time)
 *   unknown PATH NAME        (a call that the replayer has no model of: its log cannot be trusted)
 * A file that has no name any more is of no interest. */
#include "faults/intercept.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>

static int log_file = -1;
static const char *folder = NULL;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

/* --- the log ------------------------------------------------------------------------------------------------- */

static void begin(void) {
    (void)pthread_mutex_lock(&turn);
    (void)REAL(flock)(log_file, LOCK_EX);
}

/* Keeps errno, as it ends a call. */
static void end(void) {
    int saved = errno;
    (void)REAL(flock)(log_file, LOCK_UN);
    (void)pthread_mutex_unlock(&turn);
    errno = saved;
}

static void put(const void *bytes, size_t size) {
    if (REAL(write)(log_file, bytes, size) != (ssize_t)size)
        abort();
}

__attribute__((format(printf, 1, 2))) static void record(const char *format, ...) {
    char line[2 * PATH_MAX + 64];
    int saved = errno;
    va_list list;
    va_start(list, format);
    int length = vsnprintf(line, sizeof line, format, list);
    va_end(list);
    line[length] = '\n';
    put(line, (size_t)length + 1);
    errno = saved;
}

static bool is_watched(const char *path) {
    static const char deleted[] = " (deleted)";
    size_t length = strlen(path), tail = sizeof deleted - 1;
    return log_file >= 0 && is_below(folder, path) &&
           (length < tail || strcmp(path + length - tail, deleted) != 0);
}

static bool watches_file(int file, place *found) {
    int saved = errno;
    bool watched = is_watched(path_of(file, found));
    errno = saved;
    return watched;
}

static bool watches_name(int at, const char *name, place *found) {
    int saved = errno;
    bool watched = is_watched(path_at(at, name, found));
    errno = saved;
    return watched;
}

/* Standard output and error: a line is said once the system has it. */
static ssize_t say(void *cookie, const char *bytes, size_t size) {
    int file = *(const int *)cookie;
    begin();
    ssize_t wrote = REAL(write)(file, bytes, size);
    if (wrote > 0) {
        record("say\t-\tbytes\t%zd", wrote);
        put(bytes, (size_t)wrote);
    }
    end();
    return wrote;
}

__attribute__((constructor)) static void configure(void) {
    static int files[] = {STDOUT_FILENO, STDERR_FILENO};
    static const cookie_io_functions_t functions = {.write = say};
    FILE **streams[] = {&stdout, &stderr};
    const char *path = getenv("RECORD_LOG");
    folder = getenv("RECORD_FOLDER");
    if (path == NULL || folder == NULL)
        return;
    log_file = REAL(open)(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    for (int i = 0; i < 2; i++) {
        *streams[i] = fopencookie(&files[i], "w", functions);
        (void)setvbuf(*streams[i], NULL, _IOLBF, 4096);
    }
}

/* --- opening ------------------------------------------------------------------------------------------------- */

typedef int (*opener)(int, const char *, int, ...);

static int open_recorded(opener real, int at, const char *name, int flags, mode_t mode) {
    place found;
    if (!watches_name(at, name, &found) || (flags & (O_CREAT | O_TRUNC | __O_TMPFILE)) == 0)
        return real(at, name, flags, mode);
    begin();
    bool there = REAL(faccessat)(at, name, F_OK, 0) == 0;
    int file = real(at, name, flags, mode);
    if (file >= 0 && (flags & __O_TMPFILE) == __O_TMPFILE)
        record("unknown\t%s\tO_TMPFILE", found.path);
    else if (file >= 0 && !there)
        record("create\t%s", found.path);
    else if (file >= 0 && (flags & O_TRUNC) != 0)
        record("truncate\t%s\t0", found.path);
    end();
    return file;
}

#define OPEN(name, at_name)                                               \
    int name(const char *path, int flags, ...) {                          \
        TAKE_MODE(mode, flags)                                            \
        return open_recorded(REAL(at_name), AT_FDCWD, path, flags, mode); \
    }
#define OPENAT(name)                                             \
    int name(int at, const char *path, int flags, ...) {         \
        TAKE_MODE(mode, flags)                                   \
        return open_recorded(REAL(name), at, path, flags, mode); \
    }
OPENAT(openat)
OPENAT(openat64)
OPEN(open, openat)
OPEN(open64, openat64)

int creat(const char *path, mode_t mode) {
    return open_recorded(REAL(openat), AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

/* The name is known only afterwards. */
#define MKSTEMP(name, parameters, arguments)                       \
    int name parameters {                                          \
        place found;                                               \
        if (!watches_name(AT_FDCWD, path, &found))                 \
            return REAL(name) arguments;                           \
        begin();                                                   \
        int file = REAL(name) arguments;                           \
        if (file >= 0)                                             \
            record("create\t%s", path_at(AT_FDCWD, path, &found)); \
        end();                                                     \
        return file;                                               \
    }
MKSTEMP(mkstemp, (char *path), (path))
MKSTEMP(mkostemp, (char *path, int flags), (path, flags))

/* --- bytes --------------------------------------------------------------------------------------------------- */

/* After a transfer at `offset`; -1: at the file's own place, which is behind the bytes now. */
static void record_write(int file, const char *path, const void *bytes, ssize_t wrote, off64_t offset) {
    if (wrote <= 0)
        return;
    off64_t first = offset >= 0 ? offset : lseek64(file, 0, SEEK_CUR) - wrote;
    record("write\t%s\t%lld\tbytes\t%zd", path, (long long)first, wrote);
    put(bytes, (size_t)wrote);
    if ((REAL(fcntl)(file, F_GETFL) & O_DSYNC) != 0)
        record("sync\t%s", path);
}

#define WRITE(name, offset_parameter, offset_argument, first)                 \
    ssize_t name(int file, const void *bytes, size_t size offset_parameter) { \
        place found;                                                          \
        if (!watches_file(file, &found))                                      \
            return REAL(name)(file, bytes, size offset_argument);             \
        begin();                                                              \
        ssize_t wrote = REAL(name)(file, bytes, size offset_argument);        \
        record_write(file, found.path, bytes, wrote, first);                  \
        end();                                                                \
        return wrote;                                                         \
    }
#define COMMA ,
#define NOTHING
WRITE(write, NOTHING, NOTHING, -1)
WRITE(pwrite, COMMA off_t offset, COMMA offset, offset)
WRITE(pwrite64, COMMA off64_t offset, COMMA offset, offset)

/* CHANGE: a call on an open file, recorded when it succeeds. */
#define CHANGE(type, name, parameters, arguments, ...) \
    type name parameters {                             \
        place found;                                   \
        if (!watches_file(file, &found))               \
            return REAL(name) arguments;               \
        begin();                                       \
        type result = REAL(name) arguments;            \
        if (result >= 0)                               \
            record(__VA_ARGS__);                       \
        end();                                         \
        return result;                                 \
    }
CHANGE(int, ftruncate, (int file, off_t length), (file, length), "truncate\t%s\t%lld", found.path,
       (long long)length)
CHANGE(int, ftruncate64, (int file, off64_t length), (file, length), "truncate\t%s\t%lld", found.path,
       (long long)length)
CHANGE(int, fsync, (int file), (file), "sync\t%s", found.path)
CHANGE(int, fdatasync, (int file), (file), "sync\t%s", found.path)
CHANGE(int, syncfs, (int file), (file), "unknown\t%s\tsyncfs", found.path)
CHANGE(int, fallocate, (int file, int mode, off_t first, off_t size), (file, mode, first, size),
       "unknown\t%s\tfallocate", found.path)
CHANGE(int, posix_fallocate, (int file, off_t first, off_t size), (file, first, size),
       "unknown\t%s\tposix_fallocate", found.path)
CHANGE(ssize_t, writev, (int file, const struct iovec *parts, int count), (file, parts, count),
       "unknown\t%s\twritev", found.path)
CHANGE(ssize_t, pwritev, (int file, const struct iovec *parts, int count, off_t offset),
       (file, parts, count, offset), "unknown\t%s\tpwritev", found.path)
CHANGE(ssize_t, copy_file_range,
       (int from, off64_t *from_offset, int file, off64_t *offset, size_t size, unsigned flags),
       (from, from_offset, file, offset, size, flags), "unknown\t%s\tcopy_file_range", found.path)

void *mmap(void *address, size_t length, int protection, int flags, int file, off_t offset) {
    place found;
    void *mapped = REAL(mmap)(address, length, protection, flags, file, offset);
    if (file >= 0 && (flags & MAP_SHARED) != 0 && (protection & PROT_WRITE) != 0 &&
        watches_file(file, &found)) {
        begin();
        record("unknown\t%s\tmmap", found.path);
        end();
    }
    return mapped;
}

FILE *fopen(const char *path, const char *mode) {
    place found;
    FILE *stream = REAL(fopen)(path, mode);
    if (stream != NULL && strpbrk(mode, "wa+") != NULL && watches_name(AT_FDCWD, path, &found)) {
        begin();
        record("unknown\t%s\tfopen", found.path);
        end();
    }
    return stream;
}

/* --- names --------------------------------------------------------------------------------------------------- */

/* ONE, TWO: a call with one name, or with two, recorded when it succeeds. */
#define ONE(name, parameters, arguments, at, path, what) \
    int name parameters {                                \
        place found;                                     \
        if (!watches_name(at, path, &found))             \
            return REAL(name) arguments;                 \
        begin();                                         \
        int result = REAL(name) arguments;               \
        if (result == 0)                                 \
            record("%s\t%s", what, found.path);          \
        end();                                           \
        return result;                                   \
    }
#define TWO(name, parameters, arguments, from_at, to_at, what)   \
    int name parameters {                                        \
        place first, second;                                     \
        bool watched = watches_name(from_at, from, &first);      \
        if (!watches_name(to_at, to, &second) && !watched)       \
            return REAL(name) arguments;                         \
        begin();                                                 \
        int result = REAL(name) arguments;                       \
        if (result == 0)                                         \
            record("%s\t%s\t%s", what, first.path, second.path); \
        end();                                                   \
        return result;                                           \
    }
ONE(unlink, (const char *path), (path), AT_FDCWD, path, "unlink")
ONE(unlinkat, (int at, const char *path, int flags), (at, path, flags), at, path,
    (flags & AT_REMOVEDIR) != 0 ? "rmdir" : "unlink")
ONE(rmdir, (const char *path), (path), AT_FDCWD, path, "rmdir")
ONE(mkdir, (const char *path, mode_t mode), (path, mode), AT_FDCWD, path, "mkdir")
ONE(mkdirat, (int at, const char *path, mode_t mode), (at, path, mode), at, path, "mkdir")
TWO(rename, (const char *from, const char *to), (from, to), AT_FDCWD, AT_FDCWD, "rename")
TWO(renameat, (int at, const char *from, int to_at, const char *to), (at, from, to_at, to), at, to_at,
    "rename")
TWO(renameat2, (int at, const char *from, int to_at, const char *to, unsigned flags),
    (at, from, to_at, to, flags), at, to_at, (flags & RENAME_EXCHANGE) != 0 ? "unknown" : "rename")
TWO(link, (const char *from, const char *to), (from, to), AT_FDCWD, AT_FDCWD, "link")
TWO(linkat, (int at, const char *from, int to_at, const char *to, int flags), (at, from, to_at, to, flags),
    at, to_at, "link")
