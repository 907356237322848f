#include "io/system/fault.h"

#ifdef APD_FAULTS

#include "base/random.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    bool read;
    char point[64];
    long passings; /* left until the signal */
    int signal;
    double chance;
    uint64_t seed;
    int64_t writes, write_after; /* so far; -1: never */
    int64_t part;                /* bytes; 0: as ever */
    int links;                   /* tasks; 0: as ever */
} plan = {.write_after = -1};

static void read_plan(void) {
    const char *text = getenv("APD_FAULT");
    plan.read = true;
    for (; text != NULL; text = strchr(text, ','), text = text != NULL ? text + 1 : NULL) {
        char name[sizeof plan.point];
        char kind[8];
        if (sscanf(text, "%7[a-z]=%63[^:,]:%ld", kind, name, &plan.passings) == 3) {
            (void)snprintf(plan.point, sizeof plan.point, "%s", name);
            plan.signal = strcmp(kind, "stop") == 0 ? SIGUSR1 : SIGKILL;
        } else if (strncmp(text, "write=", 6) == 0)
            plan.chance = strtod(text + 6, NULL);
        else if (strncmp(text, "write_after=", 12) == 0)
            plan.write_after = strtol(text + 12, NULL, 10);
        else if (strncmp(text, "part=", 5) == 0)
            plan.part = strtol(text + 5, NULL, 10);
        else if (strncmp(text, "links=", 6) == 0)
            plan.links = (int)strtol(text + 6, NULL, 10);
        else if (strncmp(text, "seed=", 5) == 0)
            plan.seed = strtoull(text + 5, NULL, 10);
    }
}

void apd_fault_point(const char *name) {
    if (!plan.read)
        read_plan();
    if (strcmp(name, plan.point) == 0 && --plan.passings == 0)
        (void)raise(plan.signal);
}

int64_t apd_fault_part(int64_t bytes) {
    if (!plan.read)
        read_plan();
    return plan.part > 0 ? plan.part : bytes;
}

int apd_fault_links(int tasks) {
    if (!plan.read)
        read_plan();
    return plan.links > 0 ? plan.links : tasks;
}

size_t apd_fault_write(size_t size) {
    if (!plan.read)
        read_plan();
    apd_random random = apd_random_stream(plan.seed, APD_RANDOM_TEST, 0, 0);
    int64_t number = plan.writes++;
    bool fails = plan.chance > 0.0 && apd_random_uniform(&random, 2 * number) < plan.chance;
    fails = fails || (plan.write_after >= 0 && number >= plan.write_after);
    if (!fails)
        return size;
    errno = ENOSPC;
    return apd_random_below(&random, 2 * number + 1, 2) == 0 ? 0 : size / 2;
}

#endif
