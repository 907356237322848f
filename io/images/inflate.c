#include "io/images/inflate.h"

#include "base/memory.h"
#include "io/system/memory_limit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <lzma.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define XZ_BUFFER (1 << 16)
#define XZ_MEMORY (UINT64_C(1) << 28) /* `xz -9` needs 65 MiB to unpack */

typedef struct unpacker {
    const char *path;
    gzFile gzip; /* plain and gzip files: zlib passes plain bytes through */
    FILE *file;  /* xz files */
    lzma_stream xz;
    bool xz_ended;
    uint8_t buffer[XZ_BUFFER];
} unpacker;

static bool starts_like_xz(int handle) {
    static const uint8_t magic[6] = {0xFD, '7', 'z', 'X', 'Z', 0};
    uint8_t head[6];
    return pread(handle, head, sizeof head, 0) == (ssize_t)sizeof head &&
           memcmp(head, magic, sizeof head) == 0;
}

static apd_status open_xz(unpacker *stream, int handle, apd_error *error) {
    stream->file = fdopen(handle, "rb");
    if (stream->file == NULL) {
        (void)close(handle);
        return apd_fail_errno(error, errno, "%s: cannot read", stream->path);
    }
    if (lzma_stream_decoder(&stream->xz, XZ_MEMORY, LZMA_CONCATENATED) != LZMA_OK)
        return apd_fail(error, APD_ERROR_INTERNAL, "%s: liblzma does not start", stream->path);
    return APD_OK;
}

static apd_status open_gzip(unpacker *stream, int handle, apd_error *error) {
    stream->gzip = gzdopen(handle, "rb");
    if (stream->gzip == NULL) {
        (void)close(handle);
        return apd_fail(error, APD_ERROR_INTERNAL, "%s: zlib does not start", stream->path);
    }
    (void)gzbuffer(stream->gzip, 1U << 17);
    return APD_OK;
}

static void close_stream(unpacker *stream) {
    if (stream->gzip != NULL)
        (void)gzclose(stream->gzip);
    lzma_end(&stream->xz);
    if (stream->file != NULL)
        (void)fclose(stream->file);
}

static apd_status open_stream(unpacker *stream, apd_error *error) {
    int handle = open(stream->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a pipe would wait for a writer */
    struct stat facts;
    if (handle < 0)
        return apd_fail_errno(error, errno, "%s: cannot open", stream->path);
    if (fstat(handle, &facts) == 0 && !S_ISREG(facts.st_mode) && !S_ISDIR(facts.st_mode)) {
        (void)close(handle);
        return apd_fail(error, APD_ERROR_DATA, "%s: is a pipe or device; a plain file is needed",
                        stream->path);
    }
    return starts_like_xz(handle) ? open_xz(stream, handle, error) : open_gzip(stream, handle, error);
}

static apd_status read_gzip(unpacker *stream, uint8_t *bytes, int64_t count, int64_t *got, apd_error *error) {
    int64_t filled = 0;
    while (filled < count) {
        int64_t rest = count - filled;
        int got_now = gzread(stream->gzip, bytes + filled, rest < (1 << 30) ? (unsigned)rest : 1U << 30);
        if (got_now > 0)
            filled += got_now;
        int code = Z_OK;
        const char *reason = gzerror(stream->gzip, &code);
        if (code == Z_ERRNO)
            return apd_fail_errno(error, errno, "%s: cannot read", stream->path);
        if (code == Z_BUF_ERROR)
            return apd_fail(error, APD_ERROR_DATA, "%s: the gzip file is cut short", stream->path);
        if (got_now < 0)
            return apd_fail(error, APD_ERROR_DATA, "%s: the gzip file is damaged: %s", stream->path, reason);
        if (got_now == 0)
            break;
    }
    *got = filled;
    return APD_OK;
}

static const char *xz_reason(lzma_ret result) {
    static const struct {
        lzma_ret result;
        const char *reason;
    } reasons[] = {
        {LZMA_BUF_ERROR, "it is cut short"},
        {LZMA_DATA_ERROR, "it is damaged"},
        {LZMA_FORMAT_ERROR, "bytes that are not xz follow"},
        {LZMA_MEMLIMIT_ERROR, "it needs more than 256 MiB of memory to unpack"},
        {LZMA_OPTIONS_ERROR, "it uses options that this liblzma does not know"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].result == result)
            return reasons[i].reason;
    return "liblzma gave up";
}

static apd_status read_xz(unpacker *stream, uint8_t *bytes, int64_t count, int64_t *got, apd_error *error) {
    stream->xz.next_out = bytes;
    stream->xz.avail_out = (size_t)count;
    while (stream->xz.avail_out > 0 && !stream->xz_ended) {
        if (stream->xz.avail_in == 0) {
            stream->xz.next_in = stream->buffer;
            stream->xz.avail_in = fread(stream->buffer, 1, XZ_BUFFER, stream->file);
            if (ferror(stream->file))
                return apd_fail_errno(error, errno, "%s: cannot read", stream->path);
        }
        lzma_ret result = lzma_code(&stream->xz, feof(stream->file) ? LZMA_FINISH : LZMA_RUN);
        stream->xz_ended = result == LZMA_STREAM_END;
        if (result != LZMA_OK && result != LZMA_STREAM_END)
            return apd_fail(error, APD_ERROR_DATA, "%s: the xz file cannot be unpacked: %s", stream->path,
                            xz_reason(result));
    }
    *got = count - (int64_t)stream->xz.avail_out;
    return APD_OK;
}

static apd_status read_stream(unpacker *stream, void *bytes, int64_t count, int64_t *got, apd_error *error) {
    return stream->gzip != NULL ? read_gzip(stream, bytes, count, got, error)
                                : read_xz(stream, bytes, count, got, error);
}

/* The buffer doubles as data arrives: a small file may unpack to gigabytes, and sizes in headers may be wrong. */
static apd_status read_all(unpacker *stream, int64_t limit, uint8_t **bytes, int64_t *count,
                           apd_error *error) {
    int64_t room = 1 << 20, filled = 0;
    uint8_t *all = apd_allocate(room, 1, "a file");
    for (;;) {
        int64_t got = 0;
        apd_status status = read_stream(stream, all + filled, room - filled, &got, error);
        filled += got;
        if (status == APD_OK && filled > limit)
            status = apd_fail(error, APD_ERROR_DATA,
                              "%s: unpacks to more than %" PRId64 " bytes; is it the right file?",
                              stream->path, limit);
        int64_t next = 2 * room <= limit ? 2 * room : limit + 1;
        if (status == APD_OK && filled == room)
            status = apd_memory_limit_check(stream->path, "bytes", next, 1, error);
        if (status != APD_OK) {
            free(all);
            return status;
        }
        if (filled < room)
            break;
        all = apd_reallocate(all, room, next, 1, "a file");
        room = next;
    }
    *bytes = all;
    *count = filled;
    return APD_OK;
}

apd_status apd_inflate_file(const char *path, int64_t limit, uint8_t **bytes, int64_t *count,
                            apd_error *error) {
    unpacker stream = {.path = path, .xz = LZMA_STREAM_INIT};
    apd_status status = open_stream(&stream, error);
    if (status == APD_OK)
        status = read_all(&stream, limit, bytes, count, error);
    close_stream(&stream);
    return status;
}

char *apd_inflate_find(const char *folder, const char *name) {
    static const char *const endings[] = {"", ".gz", ".xz"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        char *path;
        if (asprintf(&path, "%s/%s%s", folder, name, endings[i]) < 0)
            apd_fatal(APD_ERROR_INTERNAL, "%s: out of memory", name);
        if (access(path, F_OK) == 0)
            return path;
        free(path);
    }
    return NULL;
}
