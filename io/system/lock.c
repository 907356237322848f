#include "io/system/lock.h"

#include "base/log.h"
#include "base/memory.h"
#include "io/system/durable.h"
#include "io/system/file.h"
#include "io/system/holder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char file_name[] = "run.lock";

struct apd_lock {
    char *run, *path; /* the folder, and run.lock in it */
    apd_lock_token token;
    int file;       /* run.lock, with this job's text; -1: none */
    int numbered;   /* this job's numbered file; -1: none */
    int64_t number; /* the highest; 0: there is none */
    char *newest;   /* path of the newest commit; NULL: not noted */
    int commit; /* that file as it was noted; -1: there was none. Open, so that its inode's number stays its own */
};

static apd_status refused(apd_error *error, const char *path, const char *step) {
    return apd_fail_errno(error, errno, "%s: cannot %s", path, step);
}

static char *number_path(const apd_lock *lock, int64_t number) {
    char *path = NULL;
    if (asprintf(&path, "%s.%" PRId64, lock->path, number) < 0)
        apd_fatal(APD_ERROR_INTERNAL, "%s: out of memory", lock->path);
    return path;
}

static void close_file(int *file) {
    if (*file >= 0)
        (void)close(*file);
    *file = -1;
}

static apd_lock *make_lock(const char *run) {
    apd_lock *lock = apd_allocate(1, sizeof *lock, "a run's lock");
    if (asprintf(&lock->path, "%s/%s", run, file_name) < 0)
        apd_fatal(APD_ERROR_INTERNAL, "%s: out of memory", run);
    lock->run = apd_duplicate_text(run);
    lock->file = lock->numbered = lock->commit = -1;
    return lock;
}

static void destroy(apd_lock *lock) {
    close_file(&lock->file);
    close_file(&lock->numbered);
    close_file(&lock->commit);
    free(lock->newest);
    free(lock->path);
    free(lock->run);
    free(lock);
}

/* --- the kernel's locks ------------------------------------------------------------------------------------- */

typedef enum answer { TAKEN, HELD, NO_LOCKS, FAILED } answer;

/* `type`: F_WRLCK or F_RDLCK, of the whole file. FAILED: errno says why. */
static answer try_lock(int file, short type) {
    struct flock whole = {.l_type = type, .l_whence = SEEK_SET};
    int result;
    do
        result = fcntl(file, F_OFD_SETLK, &whole);
    while (result != 0 && errno == EINTR);
    if (result == 0)
        return TAKEN;
    switch (errno) {
    case EAGAIN:
    case EACCES: return HELD;
    case ENOLCK:
    case EOPNOTSUPP:
    case EINVAL:
    case ENOSYS: return NO_LOCKS;
    default: return FAILED;
    }
}

/* Whether `path` leads to the open file. By a new opening: NFS asks its server then. */
static apd_status is_at(const char *path, int file, bool *same, apd_error *error) {
    struct stat now, own;
    int opened = open(path, O_RDONLY | O_CLOEXEC);
    *same = false;
    if (opened < 0)
        return errno == ENOENT ? APD_OK : refused(error, path, "open");
    apd_status status = fstat(opened, &now) != 0 || fstat(file, &own) != 0
                            ? refused(error, path, "look at the file")
                            : APD_OK;
    *same = status == APD_OK && now.st_dev == own.st_dev && now.st_ino == own.st_ino;
    (void)close(opened);
    return status;
}

/* --- texts -------------------------------------------------------------------------------------------------- */

enum { TEXT_LIMIT = 1 << 26 };

/* Replace the file's text. */
static apd_status put_text(int file, const char *path, const apd_holder *holder, apd_error *error) {
    int64_t bytes;
    char *text = apd_holder_write(holder, &bytes);
    apd_status status =
        ftruncate(file, 0) != 0 || lseek(file, 0, SEEK_SET) != 0 || !apd_write_all(file, text, bytes)
            ? refused(error, path, "write the lock")
            : apd_sync_file(file, path, error);
    free(text);
    return status;
}

typedef enum finding { FREE, BUSY, DEAD } finding; /* DEAD: its processes are, whatever the kernel says */

/* What the lock's file at `path` says. FREE: it is missing, the holder has left, or (`blank`) it is empty. For BUSY and
 * DEAD, `holder` is to be cleared. LOCKED: its text is not whole. */
static apd_status look(const char *path, bool blank, const apd_holder *self, finding *found,
                       apd_holder *holder, apd_error *error) {
    char *text = NULL;
    int64_t bytes;
    *found = FREE;
    *holder = (apd_holder){0};
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return APD_OK;
    APD_TRY(apd_read_file(path, TEXT_LIMIT, &text, &bytes, error));
    bool whole = apd_holder_parse(text, holder);
    free(text);
    if (!whole && bytes == 0 && blank)
        return APD_OK;
    if (!whole)
        return apd_fail(
            error, APD_ERROR_LOCKED,
            "%s: does not say who writes this run; if surely nobody does, --break-lock of apd train or "
            "apd forget takes the run over",
            path);
    if (holder->left)
        apd_holder_clear(holder);
    else
        *found = apd_holder_was_restarted(holder, self) || apd_holder_is_dead(holder, self) ? DEAD : BUSY;
    return APD_OK;
}

static apd_status tell(const apd_lock *lock, const apd_holder *holder, const char *more, apd_error *error) {
    char who[256];
    apd_holder_describe(holder, who, sizeof who);
    return apd_fail(
        error, APD_ERROR_LOCKED,
        "%s: another job writes this run: %s%s; wait for its end, or, if it is surely dead, take the run "
        "over with --break-lock of apd train or apd forget",
        lock->run, who, more);
}

/* LOCKED unless the file's text says that nobody alive holds it. */
static apd_status need_free(const apd_lock *lock, const char *path, bool blank, const apd_holder *self,
                            apd_error *error) {
    apd_holder holder;
    finding found;
    APD_TRY(look(path, blank, self, &found, &holder, error));
    apd_status status = found == BUSY ? tell(lock, &holder, "", error) : APD_OK;
    apd_holder_clear(&holder);
    return status;
}

/* --- numbered files ----------------------------------------------------------------------------------------- */

/* The highest number in the folder; 0: there is none. */
static apd_status find_highest(const apd_lock *lock, int64_t *highest, apd_error *error) {
    DIR *folder = opendir(lock->run);
    *highest = 0;
    if (folder == NULL)
        return refused(error, lock->run, "list the folder");
    struct dirent *entry;
    while (errno = 0, (entry = readdir(folder)) != NULL) {
        const char *name = entry->d_name;
        size_t length = sizeof file_name - 1;
        if (strncmp(name, file_name, length) != 0 || name[length] != '.')
            continue;
        name += length + 1;
        if (strspn(name, "0123456789") != strlen(name) || name[0] == '\0' || strlen(name) > 15)
            continue;
        int64_t number = strtoll(name, NULL, 10);
        *highest = number > *highest ? number : *highest;
    }
    apd_status status = errno != 0 ? refused(error, lock->run, "list the folder") : APD_OK;
    (void)closedir(folder);
    return status;
}

/* A new file at `path` with the holder's text, synced. `*taken`: there is such a file already; else `*file` is set. */
static apd_status make_file(const char *path, const apd_holder *self, int *file, bool *taken,
                            apd_error *error) {
    int made = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    *taken = made < 0 && errno == EEXIST;
    if (made < 0)
        return *taken ? APD_OK : refused(error, path, "make the lock");
    apd_status status = put_text(made, path, self, error);
    if (status == APD_OK)
        *file = made;
    else
        (void)close(made);
    return status;
}

static bool are_links_refused(int number) {
    return number == EPERM || number == EOPNOTSUPP || number == ENOSYS || number == EINVAL;
}

/* This job's text in a file that nobody knows yet; the caller removes it. */
static apd_status make_private(const apd_lock *lock, const apd_holder *self, char **path, int *file,
                               apd_error *error) {
    bool taken;
    if (asprintf(path, "%s.tmp-%s", lock->path, self->token) < 0)
        apd_fatal(APD_ERROR_INTERNAL, "%s: out of memory", lock->path);
    apd_status status = make_file(*path, self, file, &taken, error);
    if (status == APD_OK && taken)
        status = apd_fail(error, APD_ERROR_IO, "%s: cannot make the lock: the file is there", *path);
    return status;
}

/* Make the file of `number` this job's. `*taken`: it is another's already. */
static apd_status take_number(apd_lock *lock, const apd_holder *self, int64_t number, bool *taken,
                              apd_error *error) {
    char *private = NULL, *path = number_path(lock, number);
    int file = -1;
    struct stat facts;
    apd_status status = make_private(lock, self, &private, &file, error);
    if (status == APD_OK) {
        int result = link(private, path), why = errno;
        *taken = result != 0 && why == EEXIST;
        if (fstat(file, &facts) == 0 && facts.st_nlink == 2) {
            *taken = false; /* also when the answer got lost and the call was repeated */
        } else if (result != 0 && are_links_refused(why)) {
            close_file(&file);
            status = make_file(path, self, &file, taken, error);
        } else if (!*taken) {
            errno = result != 0 ? why : EIO;
            status = refused(error, path, "link the lock");
        }
    }
    (void)unlink(private);
    if (status == APD_OK && !*taken)
        status = apd_sync_folder(lock->run, error);
    if (status == APD_OK && !*taken)
        lock->numbered = file;
    else
        close_file(&file);
    free(path);
    free(private);
    return status;
}

/* After taking lock->number: nobody has taken a higher one. */
static apd_status look_again(const apd_lock *lock, const apd_holder *self, apd_error *error) {
    int64_t highest;
    apd_holder holder;
    finding found;
    APD_TRY(find_highest(lock, &highest, error));
    if (highest == lock->number)
        return APD_OK;
    char *path = number_path(lock, highest);
    apd_status status = look(path, false, self, &found, &holder, error);
    if (status == APD_OK && found != FREE)
        status = tell(lock, &holder, "", error);
    else if (status == APD_OK)
        status = apd_fail(error, APD_ERROR_LOCKED,
                          "%s: another job has written this run meanwhile; start again", lock->run);
    apd_holder_clear(&holder);
    free(path);
    return status;
}

static void mark_left(int file) {
    if (file >= 0)
        (void)!pwrite(file, "left", APD_HOLDER_WORD_BYTES, APD_HOLDER_WORD);
}

/* Become the holder by a numbered file. `force`: whoever holds the lock. */
static apd_status enter_by_number(apd_lock *lock, const apd_holder *self, bool force, apd_error *error) {
    bool taken = true;
    while (taken) {
        if (!force)
            APD_TRY(need_free(lock, lock->path, true, self, error));
        APD_TRY(find_highest(lock, &lock->number, error));
        char *path = number_path(lock, lock->number);
        apd_status status = lock->number > 0 && !force ? need_free(lock, path, false, self, error) : APD_OK;
        free(path);
        APD_TRY(status);
        APD_TRY(take_number(lock, self, ++lock->number, &taken, error));
    }
    apd_status status = look_again(lock, self, error);
    if (status == APD_OK && !force)
        status = need_free(lock, lock->path, true, self, error);
    if (status != APD_OK)
        mark_left(lock->numbered);
    return status;
}

/* --- entering by the kernel's lock -------------------------------------------------------------------------- */

/* The file is locked exclusively: see that no numbered one says otherwise, sign it, and let the other ranks in. */
static apd_status sign(apd_lock *lock, const apd_holder *self, apd_error *error) {
    APD_TRY(find_highest(lock, &lock->number, error));
    if (lock->number > 0) {
        char *path = number_path(lock, lock->number);
        apd_status status = need_free(lock, path, false, self, error);
        free(path);
        APD_TRY(status);
    }
    APD_TRY(put_text(lock->file, lock->path, self, error));
    apd_status status = look_again(lock, self, error);
    if (status == APD_OK && try_lock(lock->file, F_RDLCK) != TAKEN)
        status = refused(error, lock->path, "share the lock");
    if (status != APD_OK)
        mark_left(lock->file);
    return status;
}

/* Another job holds the kernel's lock: OK when it is worth another try, else LOCKED. */
static apd_status wait_for_death(const apd_lock *lock, const apd_holder *self, double since,
                                 apd_error *error) {
    apd_holder holder;
    finding found;
    APD_TRY(look(lock->path, true, self, &found, &holder, error));
    bool alone = found != FREE && apd_process_is_dead(&holder.ranks[0], &self->ranks[0]);
    double patience = found == BUSY && !alone ? 1.0 : 10.0; /* it may just be ending */
    if (found == DEAD && apd_holder_was_restarted(&holder, self))
        patience = 120.0; /* a file server notices the death of a node by its silence: NFS, after 90 s */
    apd_status status = APD_OK;
    if (apd_seconds() - since < patience)
        (void)usleep(100000);
    else if (found == FREE) /* it has not signed yet, or has signed off and still lives */
        status = apd_fail(error, APD_ERROR_LOCKED,
                          "%s: another job is about to write this run, or to leave it; try again later",
                          lock->run);
    else
        status = tell(lock, &holder,
                      alone ? "; that process has ended, but another one of its job lives on" : "", error);
    apd_holder_clear(&holder);
    return status;
}

/* Without force. */
static apd_status enter(apd_lock *lock, const apd_holder *self, apd_error *error) {
    bool same = false;
    for (double began = apd_seconds(); !same;) {
        close_file(&lock->file);
        lock->file = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (lock->file < 0)
            return refused(error, lock->path, "open the lock");
        switch (try_lock(lock->file, F_WRLCK)) {
        case TAKEN: /* of a file that may have been replaced meanwhile */
            APD_TRY(is_at(lock->path, lock->file, &same, error));
            break;
        case HELD: APD_TRY(wait_for_death(lock, self, began, error)); break;
        case NO_LOCKS: close_file(&lock->file); return enter_by_number(lock, self, false, error);
        default: return refused(error, lock->path, "lock");
        }
    }
    return sign(lock, self, error);
}

/* With force: a new run.lock in place of the old one, and a number above all where numbers count. */
static apd_status break_in(apd_lock *lock, const apd_holder *self, apd_error *error) {
    char *private = NULL;
    apd_status status;
    bool same = false;
    close_file(&lock->file);
    close_file(&lock->numbered);
    APD_GO(make_private(lock, self, &private, &lock->file, error));
    answer got = try_lock(lock->file, F_WRLCK);
    if (got == HELD || got == FAILED)
        APD_GO(refused(error, private, "lock"));
    APD_GO(apd_rename_durably(private, lock->path, error));
    APD_GO(find_highest(lock, &lock->number, error));
    if (got == NO_LOCKS || lock->number > 0)
        APD_GO(enter_by_number(lock, self, true, error));
    if (got == TAKEN && try_lock(lock->file, F_RDLCK) != TAKEN)
        APD_GO(refused(error, lock->path, "share the lock"));
    APD_GO(is_at(lock->path, lock->file, &same, error));
    if (!same)
        status = apd_fail(error, APD_ERROR_LOCKED, "%s: another job breaks this lock, too; start one alone",
                          lock->run);
out:
    if (status != APD_OK && private != NULL)
        (void)unlink(private);
    free(private);
    return status;
}

apd_status apd_lock_open(const char *run, const apd_process *ranks, int64_t count, bool force, apd_lock **out,
                         apd_error *error) {
    apd_lock *lock = make_lock(run);
    apd_holder self;
    apd_error found = {0};
    apd_holder_make(&self, ranks, count);
    (void)snprintf(lock->token, sizeof lock->token, "%s", self.token);
    apd_status status = enter(lock, &self, &found);
    if (status != APD_OK && force) {
        apd_warn("--break-lock, although: %s", found.message);
        status = break_in(lock, &self, error);
    } else if (status != APD_OK) {
        (void)apd_fail(error, status, "%s", found.message);
    }
    apd_holder_clear(&self);
    if (status == APD_OK)
        *out = lock;
    else
        destroy(lock);
    return status;
}

const char *apd_lock_token_of(const apd_lock *lock) {
    return lock->token;
}

/* --- the other ranks, checks, the end ----------------------------------------------------------------------- */

/* Whether run.lock has this token. */
static apd_status has_token(const apd_lock *lock, const char *token, bool *same, apd_error *error) {
    char *text = NULL, found[APD_LOCK_TOKEN] = "";
    int64_t bytes;
    *same = false;
    if (access(lock->path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR))
        return APD_OK;
    APD_TRY(apd_read_file(lock->path, TEXT_LIMIT, &text, &bytes, error));
    *same = sscanf(text, "apd lock %*s\ntoken %19s", found) == 1 && strcmp(found, token) == 0;
    free(text);
    return APD_OK;
}

apd_status apd_lock_join(const char *run, const char *token, apd_lock **out, apd_error *error) {
    apd_lock *lock = make_lock(run);
    bool same = false;
    apd_status status;
    *out = NULL;
    APD_GO(has_token(lock, token, &same, error));
    if (!same)
        goto out;
    lock->file = open(lock->path, O_RDWR | O_CLOEXEC);
    if (lock->file < 0)
        APD_GO(refused(error, lock->path, "open the lock"));
    answer got = try_lock(lock->file, F_RDLCK);
    if (got == FAILED)
        APD_GO(refused(error, lock->path, "lock"));
    APD_GO(has_token(lock, token, &same, error));
    if (got == HELD || !same)
        APD_GO(apd_fail(error, APD_ERROR_LOCKED, "%s: another job has taken this run over", run));
    if (got == TAKEN) {
        *out = lock;
        return APD_OK;
    }
out:
    destroy(lock);
    return status;
}

apd_status apd_lock_note(apd_lock *lock, const char *newest, apd_error *error) {
    if (lock == NULL)
        return APD_OK;
    free(lock->newest);
    lock->newest = apd_duplicate_text(newest);
    close_file(&lock->commit);
    lock->commit = open(newest, O_RDONLY | O_CLOEXEC);
    return lock->commit >= 0 || errno == ENOENT ? APD_OK : refused(error, newest, "open");
}

static apd_status check_newest(const apd_lock *lock, apd_error *error) {
    bool same = true;
    if (lock->newest == NULL)
        return APD_OK;
    if (lock->commit >= 0)
        APD_TRY(is_at(lock->newest, lock->commit, &same, error));
    else if (access(lock->newest, F_OK) == 0)
        same = false;
    else if (errno != ENOENT)
        return refused(error, lock->newest, "look for the file");
    if (same)
        return APD_OK;
    return apd_fail(
        error, APD_ERROR_LOCKED,
        "%s: another job has changed this commit; nothing is published here: see that one job alone writes "
        "this run, and start it again",
        lock->newest);
}

apd_status apd_lock_check(const apd_lock *lock, apd_error *error) {
    bool same = true, signed_by_us = true;
    int64_t highest;
    if (lock == NULL)
        return APD_OK;
    if (lock->file >= 0) {
        APD_TRY(is_at(lock->path, lock->file, &same, error));
        APD_TRY(has_token(lock, lock->token, &signed_by_us, error));
    }
    APD_TRY(find_highest(lock, &highest, error));
    if (same && signed_by_us && highest == lock->number)
        return check_newest(lock, error);
    return apd_fail(error, APD_ERROR_LOCKED,
                    "%s: another job has taken this run over (--break-lock); nothing is published here",
                    lock->run);
}

void apd_lock_close(apd_lock *lock) {
    if (lock == NULL)
        return;
    mark_left(lock->numbered);
    bool own = false;
    if (lock->file >= 0 && has_token(lock, lock->token, &own, NULL) == APD_OK && own) /* rank 0's */
        mark_left(lock->file);
    destroy(lock);
}
