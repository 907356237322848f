#include "io/system/machine.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

/* Of /proc/cpuinfo: on x86 "model name : AMD EPYC ...", on POWER "cpu : POWER9", on some AArch64 "Model : ...". */
void apd_machine_processor(char *text, size_t room) {
    static const char *const keys[] = {"model name", "Model", "cpu"};
    FILE *file = fopen("/proc/cpuinfo", "re");
    char line[512];
    size_t best = sizeof keys / sizeof keys[0];
    (void)snprintf(text, room, "unknown");
    while (file != NULL && best > 0 && fgets(line, sizeof line, file) != NULL) {
        char *colon = strchr(line, ':');
        size_t length = strcspn(line, "\t:");
        if (colon == NULL)
            continue;
        colon += 1 + strspn(colon + 1, " ");
        colon[strcspn(colon, "\n")] = '\0';
        for (size_t k = 0; k < best; k++)
            if (strlen(keys[k]) == length && strncmp(line, keys[k], length) == 0) {
                (void)snprintf(text, room, "%s", colon);
                best = k;
            }
    }
    if (file != NULL)
        (void)fclose(file);
}

void apd_machine_system(char *text, size_t room) {
    struct utsname found;
    if (uname(&found) == 0)
        (void)snprintf(text, room, "%s %s %s", found.sysname, found.release, found.machine);
    else
        (void)snprintf(text, room, "unknown");
}

static void add(char *text, size_t room, size_t *used, const char *more) {
    int wrote = *used < room ? snprintf(text + *used, room - *used, "%s", more) : 0;
    *used += wrote > 0 ? (size_t)wrote : 0;
}

/* A word, quoted where a shell would not take it as it stands; in it '\'' stands for a quote. */
static void add_word(char *text, size_t room, size_t *used, const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";
    const bool quoted = *word == '\0' || word[strspn(word, plain)] != '\0';
    add(text, room, used, *used > 0 ? " " : "");
    add(text, room, used, quoted ? "'" : "");
    for (; *word != '\0'; word++) {
        const char one[2] = {*word, '\0'};
        add(text, room, used, *word == '\'' ? "'\\''" : one);
    }
    add(text, room, used, quoted ? "'" : "");
}

void apd_machine_command(char *text, size_t room) {
    FILE *file = fopen("/proc/self/cmdline", "re");
    char *word = NULL;
    size_t size = 0, used = 0;
    text[0] = '\0';
    while (file != NULL && getdelim(&word, &size, '\0', file) > 0)
        add_word(text, room, &used, word);
    free(word);
    if (file != NULL)
        (void)fclose(file);
    if (used == 0)
        (void)snprintf(text, room, "apd");
}

void apd_machine_job(char *text, size_t room) {
    const char *array = getenv("SLURM_ARRAY_JOB_ID"), *index = getenv("SLURM_ARRAY_TASK_ID");
    const char *job = getenv("SLURM_JOB_ID");
    if (array != NULL && index != NULL)
        (void)snprintf(text, room, "%s_%s", array, index);
    else
        (void)snprintf(text, room, "%s", job != NULL ? job : "");
}
