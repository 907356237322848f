#include "io/system/process.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* Blanks would end the word in a lock's text. */
static void make_word(char *text) {
    for (char *c = text; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~')
            *c = '_';
    if (text[0] == '\0')
        (void)snprintf(text, 2, "-");
}

static void read_boot(char *text, size_t size) {
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    text[0] = '\0';
    if (file != NULL && fgets(text, (int)size, file) != NULL)
        text[strcspn(text, "\n")] = '\0';
    if (file != NULL)
        (void)fclose(file);
}

/* What proc(5) says of a process; false when it says nothing. */
typedef struct facts {
    char state;
    int threads;
    int64_t start;
} facts;

static bool read_facts(int64_t pid, facts *found) {
    char path[64], line[1024];
    (void)snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", pid);
    FILE *file = fopen(path, "re");
    bool got = file != NULL && fgets(line, sizeof line, file) != NULL;
    if (file != NULL)
        (void)fclose(file);
    const char *name_end = got ? strrchr(line, ')') : NULL; /* the name may hold anything */
    return name_end != NULL &&
           sscanf(name_end + 1,
                  " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %d %*d %" SCNd64,
                  &found->state, &found->threads, &found->start) == 3;
}

void apd_process_self(apd_process *self) {
    facts found;
    *self = (apd_process){.pid = (int64_t)getpid()};
    if (gethostname(self->host, sizeof self->host - 1) != 0)
        self->host[0] = '\0';
    read_boot(self->boot, sizeof self->boot);
    ssize_t length = readlink("/proc/self/ns/pid", self->space, sizeof self->space - 1);
    self->space[length > 0 ? length : 0] = '\0';
    make_word(self->host);
    make_word(self->boot);
    make_word(self->space);
    if (read_facts(self->pid, &found))
        self->start = found.start;
}

bool apd_process_is_dead(const apd_process *process, const apd_process *self) {
    facts found;
    if (strcmp(process->host, self->host) != 0 || strcmp(process->boot, self->boot) != 0 ||
        strcmp(process->space, self->space) != 0 || strcmp(self->boot, "-") == 0 ||
        strcmp(self->space, "-") == 0 || process->pid <= 0)
        return false;
    if (kill((pid_t)process->pid, 0) != 0 && errno == ESRCH)
        return true;
    if (!read_facts(process->pid, &found))
        return false;
    if (process->start > 0 && found.start != process->start)
        return true;
    return (found.state == 'Z' || found.state == 'X') &&
           found.threads <= 1; /* it has ended; nobody has asked how */
}

void apd_process_program(char *program, size_t room) {
    ssize_t length = readlink("/proc/self/exe", program, room - 1);
    if (length > 0)
        program[length] = '\0';
    else
        (void)snprintf(program, room, "apd");
}
