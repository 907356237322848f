#include "study/launcher.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/requests.h"
#include "io/system/durable.h"
#include "io/system/file.h"
#include "io/system/lock.h"
#include "io/system/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct child {
    pid_t pid; /* 0: free */
    int run;
} child;

typedef struct launcher {
    const apd_study *study;
    child *children; /* (at_once) */
    bool *tried;     /* (run_count) */
    int at_once, alive;
    double limit;
    bool stopping;
} launcher;

/* The launcher's command for the run, with its ranks in place of {ranks}; free it. */
static char *command_of(const apd_study *study, const apd_study_run *run) {
    static const char mark[] = "{ranks}";
    apd_text text;
    apd_text_begin(&text, "a launcher's command");
    (void)fputs("exec ", text.file);
    const char *at = study->launcher;
    for (const char *next; (next = strstr(at, mark)) != NULL; at = next + strlen(mark))
        (void)fprintf(text.file, "%.*s%d", (int)(next - at), at, run->ranks);
    (void)fprintf(text.file, "%s \"$@\"", at);
    return apd_text_end(&text);
}

/* In the child: become the launcher's command, by the shell, which splits it into words. */
static void become(const launcher *l, int run, const char *folder, const char *limit) {
    char program[PATH_MAX], *log = apd_join_path(folder, "train.log");
    char *yaml = apd_join_path(folder, "run.yaml");
    char *command = command_of(l->study, &l->study->runs[run]);
    apd_process_program(program, sizeof program);
    int file = open(log, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (file < 0 || dup2(file, STDOUT_FILENO) < 0 || dup2(file, STDERR_FILENO) < 0)
        _exit(APD_ERROR_IO);
    (void)setpgid(0, 0); /* a terminal's ^C goes to the study alone, which passes a signal on */
    (void)execl("/bin/sh", "sh", "-c", command, "launcher", program, "train", yaml,
                limit[0] != '\0' ? "--time-limit" : NULL, limit, (char *)NULL);
    _exit(127);
}

/* Write the description, count the start, and start it. */
static apd_status start(launcher *l, child *at, int r, apd_error *error) {
    const apd_study_run *run = &l->study->runs[r];
    char *folder = apd_study_run_folder(l->study, r), limit[32] = "";
    apd_status status = apd_make_folder(folder, error);
    if (status == APD_OK)
        status = apd_write_file(folder, "run.yaml", run->text, (int64_t)strlen(run->text), error);
    if (isfinite(l->limit)) {
        double left = fmax(l->limit - apd_seconds(), 1.0);
        (void)snprintf(limit, sizeof limit, "%d:%02d", (int)left / 60, (int)left % 60);
    }
    if (status == APD_OK) {
        pid_t pid = fork();
        if (pid == 0)
            become(l, r, folder, limit);
        if (pid < 0)
            status = apd_fail_errno(error, errno, "%s: cannot start a process", folder);
        *at = (child){.pid = pid > 0 ? pid : 0, .run = r};
        l->alive += pid > 0;
        apd_log("begins   %s", run->folder);
    }
    free(folder);
    return status;
}

/* Pass a signal on to every launcher's group. */
static void pass_on(const launcher *l, int number) {
    for (int c = 0; c < l->at_once; c++)
        if (l->children[c].pid > 0)
            (void)kill(l->children[c].pid, number);
}

/* Under the run's lock, which its processes have left. */
static apd_status tidy(const apd_study *study, const char *folder, apd_error *error) {
    apd_process self;
    apd_lock *lock = NULL;
    apd_process_self(&self);
    APD_TRY(apd_lock_open(folder, &self, 1, false, &lock, error));
    apd_status status = apd_study_tidy(study, folder, error);
    apd_lock_close(lock);
    return status;
}

/* A run's processes have ended. One that was refused before it had the lock, or that could not be started, has written no
 * status.json: it is written here. */
static apd_status take_end(launcher *l, child *at, int how, bool fail_fast, apd_error *error) {
    const apd_study_run *run = &l->study->runs[at->run];
    char *folder = apd_study_run_folder(l->study, at->run);
    apd_standing standing;
    apd_run_kind kind = apd_run_look(folder, &standing);
    int code = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
    apd_status status = APD_OK;
    at->pid = 0;
    l->alive--;
    if (code == 0 && kind == APD_RUN_DONE && l->study->keep != APD_KEEP_ALL)
        status = tidy(l->study, folder, error);
    if (kind == APD_RUN_WAITING && code != 0 && code != APD_REQUEUE && code != APD_ERROR_LOCKED) {
        standing = (apd_standing){.state = "failed", .average = NAN, .capacity = NAN, .seconds = NAN};
        (void)snprintf(standing.message, sizeof standing.message,
                       "exit status %d before it began; see train.log", code);
        status = apd_standing_put(folder, &standing, error);
        kind = APD_RUN_FAILED;
    }
    apd_log("%-8s %s  exit status %d  %s", apd_run_kind_names[kind], run->folder, code, standing.message);
    if (fail_fast && code != 0 && code != APD_REQUEUE && code != APD_ERROR_LOCKED) {
        l->stopping = true;
        pass_on(l, SIGUSR1);
    }
    free(folder);
    return status;
}

apd_status apd_launch_runs(const apd_study *study, int at_once, double limit, bool fail_fast,
                           apd_error *error) {
    launcher l = {.study = study,
                  .children = apd_allocate(at_once, sizeof(child), "the runs under way"),
                  .tried = apd_allocate(study->run_count, sizeof(bool), "the tried runs"),
                  .at_once = at_once,
                  .limit = limit};
    char *stop = apd_join_path(study->output, "stop");
    apd_status status = APD_OK;
    for (bool more = true; more || l.alive > 0;) {
        int how = 0, number = apd_requests_signal();
        if (number != 0)
            pass_on(&l, number);
        bool asked =
            (number != 0 && number != SIGUSR2) || access(stop, F_OK) == 0 || limit - apd_seconds() < 1.0;
        if (asked && !l.stopping)
            pass_on(&l, SIGUSR1);
        l.stopping = l.stopping || asked || status != APD_OK;
        more = more && !l.stopping;
        for (int c = 0; c < at_once && more; c++) {
            int r = l.children[c].pid == 0 ? apd_study_next(study, 0, false, l.tried) : -1;
            if (l.children[c].pid == 0 && r < 0)
                more = false;
            else if (r >= 0)
                status = start(&l, &l.children[c], r, error);
            if (status != APD_OK)
                break;
        }
        pid_t ended = waitpid(-1, &how, WNOHANG);
        if (ended <= 0)
            (void)usleep(50000);
        for (int c = 0; ended > 0 && c < at_once; c++)
            if (l.children[c].pid == ended) {
                apd_status took = take_end(&l, &l.children[c], how, fail_fast, error);
                status = status == APD_OK ? took : status;
            }
    }
    free(stop);
    free(l.children);
    free(l.tried);
    return status;
}
