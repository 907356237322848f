#include "report/gnuplot.h"

#include "base/log.h"
#include "base/memory.h"
#include "io/system/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECONDS = 60, OUTPUT_BYTES = 1 << 26, MESSAGE_BYTES = 1 << 20 };

bool apd_gnuplot_exists(void) {
    const char *path = getenv("PATH");
    bool found = false;
    for (const char *at = path; at != NULL && !found;) {
        const char *end = strchr(at, ':');
        size_t length = end != NULL ? (size_t)(end - at) : strlen(at);
        char *folder = apd_duplicate_text(at), *program;
        folder[length] = '\0';
        program = apd_join_path(length > 0 ? folder : ".", "gnuplot");
        found = access(program, X_OK) == 0;
        free(program);
        free(folder);
        at = end != NULL ? end + 1 : NULL;
    }
    return found;
}

/* A pipe's end that is read into memory. */
typedef struct reader {
    int file; /* -1: closed */
    char *text;
    size_t size, room, most;
} reader;

/* Read what is there; false: too much. */
static bool read_some(reader *from) {
    if (from->room - from->size < 65536) {
        from->text = apd_reallocate(from->text, (int64_t)from->room, (int64_t)(2 * from->room + 131072), 1,
                                    "what gnuplot prints");
        from->room = 2 * from->room + 131072;
    }
    ssize_t got = read(from->file, from->text + from->size, from->room - from->size - 1);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    if (got <= 0) {
        (void)close(from->file);
        from->file = -1;
        return true;
    }
    from->size += (size_t)got;
    return from->size < from->most;
}

/* Read both pipes to their ends. False: it takes too long, or is too much. */
static bool read_all(reader from[2]) {
    double end = apd_seconds() + SECONDS;
    while (from[0].file >= 0 || from[1].file >= 0) {
        struct pollfd waits[2] = {{.fd = from[0].file, .events = POLLIN},
                                  {.fd = from[1].file, .events = POLLIN}};
        double left = end - apd_seconds();
        if (left <= 0.0)
            return false;
        int ready = poll(waits, 2, (int)(1000.0 * left) + 1);
        for (int i = 0; i < 2 && ready > 0; i++)
            if (from[i].file >= 0 && waits[i].revents != 0 && !read_some(&from[i]))
                return false;
    }
    return true;
}

/* In the child: become gnuplot, without the user's own settings. */
static void become(const char *folder, const char *script, const char *format, int out, int err) {
    char setting[64];
    int nothing = open("/dev/null", O_RDONLY);
    (void)snprintf(setting, sizeof setting, "format='%s'", format);
    if (chdir(folder) == 0 && nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0 &&
        dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0)
        (void)execlp("gnuplot", "gnuplot", "--default-settings", "-e", setting, script, (char *)NULL);
    _exit(127);
}

/* One line of what gnuplot printed on stderr: the last that is not empty, which has the reason. */
static const char *last_line(char *text) {
    size_t length = strlen(text);
    while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == ' '))
        text[--length] = '\0';
    const char *line = strrchr(text, '\n');
    return line != NULL ? line + 1 : text;
}

static apd_status judge(const char *script, bool whole, int state, char *said, apd_error *error) {
    if (!whole)
        return apd_fail(error, APD_ERROR_INTERNAL, "%s: gnuplot takes longer than %d s or prints too much",
                        script, SECONDS);
    if (WIFSIGNALED(state))
        return apd_fail(error, APD_ERROR_INTERNAL, "%s: gnuplot was ended by signal %d", script,
                        WTERMSIG(state));
    if (WEXITSTATUS(state) != 0)
        return apd_fail(error, APD_ERROR_INTERNAL, "%s: gnuplot ended with status %d: %s", script,
                        WEXITSTATUS(state), last_line(said));
    return APD_OK;
}

apd_status apd_gnuplot_run(const char *folder, const char *script, const char *format, char **output,
                           size_t *bytes, apd_error *error) {
    int out[2] = {-1, -1}, err[2] = {-1, -1}, state = 0;
    if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) {
        int number = errno;
        for (int i = 0; i < 2 && out[0] >= 0; i++)
            (void)close(out[i]);
        return apd_fail_errno(error, number, "gnuplot: no pipe");
    }
    pid_t pid = fork();
    if (pid == 0)
        become(folder, script, format, out[1], err[1]);
    int number = errno;
    (void)close(out[1]);
    (void)close(err[1]);
    if (pid < 0) {
        (void)close(out[0]);
        (void)close(err[0]);
        return apd_fail_errno(error, number, "gnuplot: cannot start a process");
    }
    reader from[2] = {{.file = out[0], .most = OUTPUT_BYTES}, {.file = err[0], .most = MESSAGE_BYTES}};
    bool whole = read_all(from);
    if (!whole)
        (void)kill(pid, SIGKILL);
    while (waitpid(pid, &state, 0) < 0 && errno == EINTR) {
    }
    for (int i = 0; i < 2; i++) {
        if (from[i].file >= 0)
            (void)close(from[i].file);
        if (from[i].text == NULL)
            from[i].text = apd_allocate(1, 1, "what gnuplot prints");
        from[i].text[from[i].size] = '\0';
    }
    apd_status status = judge(script, whole, state, from[1].text, error);
    if (status == APD_OK && output != NULL) {
        *output = from[0].text;
        *bytes = from[0].size;
        from[0].text = NULL;
    }
    free(from[0].text);
    free(from[1].text);
    return status;
}
