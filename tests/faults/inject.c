/* inject: a library to preload, with which chosen file calls of a program fail.
 *
 * Every call below INJECT_FOLDER has a number, from 1, and a kind. INJECT_FAULTS is a list of faults, separated by
 * commas, where E is an errno and K a call's number:
 *   K:E        call K fails, once
 *   K+:E       call K and all after it fail
 *   KIND+:E    all calls of that kind fail
 *   K:short    call K, a read or a write, transfers half of its bytes
 * INJECT_RANK is the MPI rank that has the faults (default: all). INJECT_LOG is a file that gets a line
 * "K KIND E PATH" a call, where E is 0, the errno or "short"; the rank is put behind its name.
 *
 * A call that fails is not made, except close, which gives the descriptor back as Linux does. What the C library does
 * inside one of its functions (the getdents64 of readdir) is one call with that function. */
#include "faults/intercept.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

enum { SHORT = -1, MOST_FAULTS = 8 };

typedef struct fault {
    long call;     /* its number; 0: all of `kind` */
    bool lasting;  /* from this call on */
    char kind[16]; /* "" for a call's number */
    int number;    /* the errno, or SHORT */
} fault;

static fault faults[MOST_FAULTS];
static int fault_count = 0, log_file = -1;
static const char *folder = NULL;
static bool affected = false; /* this rank has the faults */
static atomic_long calls = 0;

static void read_fault(const char *text) {
    fault *made = &faults[fault_count];
    const char *colon = strchr(text, ':');
    char *end;
    if (colon == NULL || fault_count == MOST_FAULTS)
        abort();
    made->lasting = colon > text && colon[-1] == '+';
    made->call = strtol(text, &end, 10);
    if (end == text)
        (void)snprintf(made->kind, sizeof made->kind, "%.*s", (int)(colon - text - 1), text);
    made->number = strncmp(colon + 1, "short", 5) == 0 ? SHORT : (int)strtol(colon + 1, NULL, 10);
    fault_count++;
}

__attribute__((constructor)) static void configure(void) {
    const char *list = getenv("INJECT_FAULTS"), *path = getenv("INJECT_LOG");
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");
    affected = is_rank_of("INJECT_RANK");
    for (; list != NULL && *list != '\0'; list += strcspn(list, ","), list += *list == ',')
        read_fault(list);
    if (path != NULL) {
        char name[PATH_MAX];
        (void)snprintf(name, sizeof name, "%s.%s", path, rank != NULL ? rank : "0");
        log_file = (int)syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    }
    folder = getenv("INJECT_FOLDER");
}

static int fault_of(long call, const char *kind) {
    for (int i = 0; i < fault_count && affected; i++) {
        const fault *f = &faults[i];
        if (f->kind[0] != '\0' ? strcmp(f->kind, kind) == 0 : f->lasting ? call >= f->call : call == f->call)
            return f->number;
    }
    return 0;
}

/* What is to befall this call: 0, an errno, or SHORT. */
static int judge(const char *kind, const char *path) {
    if (folder == NULL || !is_below(folder, path))
        return 0;
    long call = atomic_fetch_add(&calls, 1) + 1;
    int number = fault_of(call, kind);
    if (number == SHORT && strcmp(kind, "read") != 0 && strcmp(kind, "write") != 0)
        number = 0;
    if (log_file >= 0) {
        char line[PATH_MAX + 64], text[16] = "short";
        if (number >= 0)
            (void)snprintf(text, sizeof text, "%d", number);
        int length = snprintf(line, sizeof line, "%ld %s %s %s\n", call, kind, text, path);
        (void)syscall(SYS_write, log_file, line, (size_t)length);
    }
    return number;
}

static bool fails(const char *kind, const char *path) {
    int number = judge(kind, path);
    if (number > 0)
        errno = number;
    return number > 0;
}

static bool file_fails(const char *kind, int file) {
    int saved = errno;
    place found;
    (void)path_of(file, &found);
    errno = saved;
    return fails(kind, found.path);
}

static bool name_fails(const char *kind, int at, const char *name) {
    int saved = errno;
    place found;
    (void)path_at(at, name, &found);
    errno = saved;
    return fails(kind, found.path);
}

/* How many of `bytes` a transfer may do; -1: it fails. */
static ssize_t allowed(const char *kind, int file, size_t bytes) {
    int saved = errno;
    place found;
    (void)path_of(file, &found);
    errno = saved;
    int number = judge(kind, found.path);
    if (number > 0)
        errno = number;
    return number > 0 ? -1 : (ssize_t)(number == SHORT && bytes > 1 ? bytes / 2 : bytes);
}

/* --- opening and closing ------------------------------------------------------------------------------------- */

/* Opening for writing is a kind of its own: it alone meets a read-only file system. */
static const char *kind_of_open(int flags) {
    return (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT) != 0 ? "create" : "open";
}

#define OPEN(name)                                                                                   \
    int name(const char *path, int flags, ...) {                                                     \
        TAKE_MODE(mode, flags)                                                                       \
        return name_fails(kind_of_open(flags), AT_FDCWD, path) ? -1 : REAL(name)(path, flags, mode); \
    }
#define OPENAT(name)                                                                               \
    int name(int at, const char *path, int flags, ...) {                                           \
        TAKE_MODE(mode, flags)                                                                     \
        return name_fails(kind_of_open(flags), at, path) ? -1 : REAL(name)(at, path, flags, mode); \
    }
#define FOPEN(name)                                                                                      \
    FILE *name(const char *path, const char *mode) {                                                     \
        return name_fails(mode[0] == 'r' ? "fopen" : "create", AT_FDCWD, path) ? NULL                    \
                                                                               : REAL(name)(path, mode); \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
FOPEN(fopen)
FOPEN(fopen64)

int creat(const char *path, mode_t mode) {
    return name_fails("create", AT_FDCWD, path) ? -1 : REAL(creat)(path, mode);
}

int mkstemp(char *path) {
    return name_fails("create", AT_FDCWD, path) ? -1 : REAL(mkstemp)(path);
}

int mkostemp(char *path, int flags) {
    return name_fails("create", AT_FDCWD, path) ? -1 : REAL(mkostemp)(path, flags);
}

int close(int file) {
    bool failed = file_fails("close", file);
    int number = errno, result = REAL(close)(file);
    if (!failed)
        return result;
    errno = number;
    return -1;
}

int fclose(FILE *stream) {
    bool failed = file_fails("close", fileno(stream));
    int number = errno, result = REAL(fclose)(stream);
    if (!failed)
        return result;
    errno = number;
    return EOF;
}

/* --- bytes --------------------------------------------------------------------------------------------------- */

#define TRANSFER(name, kind, buffer, offset_parameter, offset_argument)               \
    ssize_t name(int file, buffer bytes, size_t size offset_parameter) {              \
        ssize_t part = allowed(kind, file, size);                                     \
        return part < 0 ? -1 : REAL(name)(file, bytes, (size_t)part offset_argument); \
    }
#define COMMA ,
#define NOTHING
TRANSFER(read, "read", void *, NOTHING, NOTHING)
TRANSFER(write, "write", const void *, NOTHING, NOTHING)
TRANSFER(pread, "read", void *, COMMA off_t offset, COMMA offset)
TRANSFER(pread64, "read", void *, COMMA off64_t offset, COMMA offset)
TRANSFER(pwrite, "write", const void *, COMMA off_t offset, COMMA offset)
TRANSFER(pwrite64, "write", const void *, COMMA off64_t offset, COMMA offset)

ssize_t readv(int file, const struct iovec *parts, int count) {
    return file_fails("read", file) ? -1 : REAL(readv)(file, parts, count);
}

ssize_t writev(int file, const struct iovec *parts, int count) {
    return file_fails("write", file) ? -1 : REAL(writev)(file, parts, count);
}

size_t fread(void *bytes, size_t size, size_t count, FILE *stream) {
    if (!file_fails("read", fileno(stream)))
        return REAL(fread)(bytes, size, count, stream);
    stream->_flags |= _IO_ERR_SEEN;
    return 0;
}

size_t fwrite(const void *bytes, size_t size, size_t count, FILE *stream) {
    if (!file_fails("write", fileno(stream)))
        return REAL(fwrite)(bytes, size, count, stream);
    stream->_flags |= _IO_ERR_SEEN;
    return 0;
}

int ftruncate(int file, off_t length) {
    return file_fails("truncate", file) ? -1 : REAL(ftruncate)(file, length);
}

int ftruncate64(int file, off64_t length) {
    return file_fails("truncate", file) ? -1 : REAL(ftruncate64)(file, length);
}

int fsync(int file) {
    return file_fails("sync", file) ? -1 : REAL(fsync)(file);
}

int fdatasync(int file) {
    return file_fails("sync", file) ? -1 : REAL(fdatasync)(file);
}

int sync_file_range(int file, off64_t offset, off64_t bytes, unsigned flags) {
    return file_fails("sync", file) ? -1 : REAL(sync_file_range)(file, offset, bytes, flags);
}

/* Returns the error, as posix_fadvise does. */
int posix_fadvise(int file, off_t offset, off_t length, int advice) {
    return file_fails("advise", file) ? errno : REAL(posix_fadvise)(file, offset, length, advice);
}

int posix_fadvise64(int file, off64_t offset, off64_t length, int advice) {
    return file_fails("advise", file) ? errno : REAL(posix_fadvise64)(file, offset, length, advice);
}

void *mmap(void *address, size_t length, int protection, int flags, int file, off_t offset) {
    bool failed = file >= 0 && file_fails("map", file);
    return failed ? MAP_FAILED : REAL(mmap)(address, length, protection, flags, file, offset);
}

/* --- what is there ------------------------------------------------------------------------------------------- */

#define STAT(name, type)                                                          \
    int name(const char *path, struct type *facts) {                              \
        return name_fails("stat", AT_FDCWD, path) ? -1 : REAL(name)(path, facts); \
    }
#define FSTAT(name, type)                                               \
    int name(int file, struct type *facts) {                            \
        return file_fails("stat", file) ? -1 : REAL(name)(file, facts); \
    }
#define FSTATAT(name, type)                                                            \
    int name(int at, const char *path, struct type *facts, int flags) {                \
        return name_fails("stat", at, path) ? -1 : REAL(name)(at, path, facts, flags); \
    }
STAT(stat, stat)
STAT(stat64, stat64)
STAT(lstat, stat)
STAT(lstat64, stat64)
FSTAT(fstat, stat)
FSTAT(fstat64, stat64)
FSTATAT(fstatat, stat)
FSTATAT(fstatat64, stat64)

int statx(int at, const char *path, int flags, unsigned mask, struct statx *facts) {
    return name_fails("stat", at, path) ? -1 : REAL(statx)(at, path, flags, mask, facts);
}

int access(const char *path, int mode) {
    return name_fails("access", AT_FDCWD, path) ? -1 : REAL(access)(path, mode);
}

int faccessat(int at, const char *path, int mode, int flags) {
    return name_fails("access", at, path) ? -1 : REAL(faccessat)(at, path, mode, flags);
}

DIR *opendir(const char *path) {
    return name_fails("opendir", AT_FDCWD, path) ? NULL : REAL(opendir)(path);
}

DIR *fdopendir(int file) {
    return file_fails("opendir", file) ? NULL : REAL(fdopendir)(file);
}

struct dirent *readdir(DIR *listed) {
    return file_fails("list", dirfd(listed)) ? NULL : REAL(readdir)(listed);
}

struct dirent64 *readdir64(DIR *listed) {
    return file_fails("list", dirfd(listed)) ? NULL : REAL(readdir64)(listed);
}

int closedir(DIR *listed) {
    bool failed = file_fails("close", dirfd(listed));
    int number = errno, result = REAL(closedir)(listed);
    if (!failed)
        return result;
    errno = number;
    return -1;
}

int glob(const char *pattern, int flags, int (*refuse)(const char *, int), glob_t *found) {
    return name_fails("glob", AT_FDCWD, pattern) ? GLOB_ABORTED : REAL(glob)(pattern, flags, refuse, found);
}

/* --- names --------------------------------------------------------------------------------------------------- */

int rename(const char *from, const char *to) {
    return name_fails("rename", AT_FDCWD, from) ? -1 : REAL(rename)(from, to);
}

int renameat(int from_at, const char *from, int to_at, const char *to) {
    return name_fails("rename", from_at, from) ? -1 : REAL(renameat)(from_at, from, to_at, to);
}

int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags) {
    return name_fails("rename", from_at, from) ? -1 : REAL(renameat2)(from_at, from, to_at, to, flags);
}

int link(const char *from, const char *to) {
    return name_fails("link", AT_FDCWD, from) ? -1 : REAL(link)(from, to);
}

int linkat(int from_at, const char *from, int to_at, const char *to, int flags) {
    return name_fails("link", from_at, from) ? -1 : REAL(linkat)(from_at, from, to_at, to, flags);
}

int unlink(const char *path) {
    return name_fails("unlink", AT_FDCWD, path) ? -1 : REAL(unlink)(path);
}

int unlinkat(int at, const char *path, int flags) {
    return name_fails("unlink", at, path) ? -1 : REAL(unlinkat)(at, path, flags);
}

int rmdir(const char *path) {
    return name_fails("unlink", AT_FDCWD, path) ? -1 : REAL(rmdir)(path);
}

int remove(const char *path) {
    return name_fails("unlink", AT_FDCWD, path) ? -1 : REAL(remove)(path);
}

int mkdir(const char *path, mode_t mode) {
    return name_fails("mkdir", AT_FDCWD, path) ? -1 : REAL(mkdir)(path, mode);
}

int mkdirat(int at, const char *path, mode_t mode) {
    return name_fails("mkdir", at, path) ? -1 : REAL(mkdirat)(at, path, mode);
}

/* --- locks --------------------------------------------------------------------------------------------------- */

static bool is_lock(int command) {
    return command == F_SETLK || command == F_SETLKW || command == F_GETLK || command == F_OFD_SETLK ||
           command == F_OFD_SETLKW || command == F_OFD_GETLK;
}

#define FCNTL(name)                                                          \
    int name(int file, int command, ...) {                                   \
        va_list list;                                                        \
        va_start(list, command);                                             \
        void *argument = va_arg(list, void *); /* numbers come in as wide */ \
        va_end(list);                                                        \
        if (is_lock(command) && file_fails("lock", file))                    \
            return -1;                                                       \
        return REAL(name)(file, command, argument);                          \
    }
FCNTL(fcntl)
FCNTL(fcntl64)

int flock(int file, int operation) {
    return file_fails("lock", file) ? -1 : REAL(flock)(file, operation);
}
