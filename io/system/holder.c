#include "io/system/holder.h"

#include "base/memory.h"
#include "base/status.h"
#include "base/text.h"
#include "base/utc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static void make_token(char *token, size_t size) {
    uint64_t number = 0;
    struct timespec now = {0};
    if (getrandom(&number, sizeof number, GRND_NONBLOCK) != (ssize_t)sizeof number) {
        (void)clock_gettime(CLOCK_REALTIME, &now);
        number = (uint64_t)now.tv_sec * 1000000007u ^ (uint64_t)now.tv_nsec << 20 ^ (uint64_t)getpid();
    }
    (void)snprintf(token, size, "%016" PRIx64, number);
}

static const char *variable(const char *name) {
    const char *value = getenv(name);
    return value != NULL && strpbrk(value, " \t\n") == NULL ? value : "";
}

static void find_job(apd_holder *holder) {
    const char *array = variable("SLURM_ARRAY_JOB_ID"), *index = variable("SLURM_ARRAY_TASK_ID");
    const char *job = variable("SLURM_JOB_ID"), *cluster = variable("SLURM_CLUSTER_NAME");
    if (array[0] != '\0' && index[0] != '\0')
        (void)snprintf(holder->job, sizeof holder->job, "%.64s/%.40s_%.40s", cluster, array, index);
    else if (job[0] != '\0')
        (void)snprintf(holder->job, sizeof holder->job, "%.64s/%.80s", cluster, job);
    holder->restart = (int)strtol(variable("SLURM_RESTART_COUNT"), NULL, 10);
}

void apd_holder_make(apd_holder *holder, const apd_process *ranks, int64_t count) {
    *holder =
        (apd_holder){.count = count, .ranks = apd_allocate(count, sizeof *holder->ranks, "a lock's holder")};
    memcpy(holder->ranks, ranks, (size_t)count * sizeof *ranks);
    make_token(holder->token, sizeof holder->token);
    apd_utc(time(NULL), holder->since);
    find_job(holder);
}

void apd_holder_clear(apd_holder *holder) {
    free(holder->ranks);
    *holder = (apd_holder){0};
}

static bool same_host(const apd_process *a, const apd_process *b) {
    return strcmp(a->host, b->host) == 0 && strcmp(a->boot, b->boot) == 0 && strcmp(a->space, b->space) == 0;
}

char *apd_holder_write(const apd_holder *holder, int64_t *bytes) {
    apd_text text;
    apd_text_begin(&text, "the text of a lock");
    FILE *file = text.file;
    (void)fprintf(file, "apd lock %s\ntoken %s\nsince %s\n", holder->left ? "left" : "held", holder->token,
                  holder->since);
    if (holder->job[0] != '\0')
        (void)fprintf(file, "slurm %s %d\n", holder->job, holder->restart);
    for (int64_t r = 0; r < holder->count; r++) {
        const apd_process *rank = &holder->ranks[r];
        if (r == 0 || !same_host(rank, rank - 1))
            (void)fprintf(file, "host %s %s %s\n", rank->host, rank->boot, rank->space);
        (void)fprintf(file, "process %" PRId64 " %" PRId64 "\n", rank->pid, rank->start);
    }
    (void)fprintf(file, "end %" PRId64 "\n", holder->count);
    (void)apd_text_end(&text);
    *bytes = (int64_t)text.size;
    return text.text;
}

/* The line behind `text`; NULL at the end. */
static const char *next_line(const char *text) {
    const char *end = strchr(text, '\n');
    return end != NULL ? end + 1 : NULL;
}

/* The processes from the line `text` on. Whether the last line is whole and says how many there are. */
static bool parse_ranks(const char *text, apd_holder *holder) {
    apd_process host = {.host = ""};
    int64_t room = 0, count = -1;
    for (; text != NULL && *text != '\0'; text = next_line(text)) {
        if (sscanf(text, "host %63s %63s %63s", host.host, host.boot, host.space) == 3)
            continue;
        if (sscanf(text, "end %" SCNd64, &count) == 1)
            return next_line(text) != NULL && count == holder->count && count > 0;
        if (sscanf(text, "process %" SCNd64 " %" SCNd64, &host.pid, &host.start) != 2 || host.host[0] == '\0')
            return false;
        if (holder->count == room) {
            holder->ranks =
                apd_reallocate(holder->ranks, room, 2 * room + 16, sizeof *holder->ranks, "a lock's holder");
            room = 2 * room + 16;
        }
        holder->ranks[holder->count++] = host;
    }
    return false;
}

bool apd_holder_parse(const char *text, apd_holder *holder) {
    char word[8];
    int length = 0;
    *holder = (apd_holder){0};
    if (sscanf(text, "apd lock %4s\ntoken %19s\nsince %31s\n%n", word, holder->token, holder->since,
               &length) != 3 ||
        length == 0)
        return false;
    text += length;
    if (sscanf(text, "slurm %159s %d", holder->job, &holder->restart) == 2)
        text = next_line(text);
    holder->left = strcmp(word, "left") == 0;
    if (text != NULL && (holder->left || strcmp(word, "held") == 0) && parse_ranks(text, holder))
        return true;
    apd_holder_clear(holder);
    return false;
}

bool apd_holder_was_restarted(const apd_holder *holder, const apd_holder *self) {
    return holder->job[0] != '\0' && strcmp(holder->job, self->job) == 0 && holder->restart < self->restart;
}

bool apd_holder_is_dead(const apd_holder *holder, const apd_holder *self) {
    bool dead = true;
    for (int64_t r = 0; r < holder->count && dead; r++)
        dead = apd_process_is_dead(&holder->ranks[r], &self->ranks[0]);
    return dead;
}

void apd_holder_describe(const apd_holder *holder, char *text, int64_t size) {
    const char *job = strchr(holder->job, '/');
    (void)snprintf(text, (size_t)size, "process %" PRId64 " on %s (%s%s%ssince %s)", holder->ranks[0].pid,
                   holder->ranks[0].host, job != NULL ? "Slurm job " : "", job != NULL ? job + 1 : "",
                   job != NULL ? ", " : "", holder->since);
}
