#include "level.h"

#include "base/status.h"
#include "io/system/file.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(APD_PORTABLE) && defined(__x86_64__)

static bool runs_v3(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2");
}

static bool runs_v4(void) {
    return runs_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}

static const struct level {
    const char *name;
    bool (*runs)(void);
} levels[] = {{"x86-64-v4", runs_v4}, {"x86-64-v3", runs_v3}};

enum { LEVELS = sizeof levels / sizeof *levels };

/* Run FOLDER/LEVEL/apd instead of this program; returns if it is not there. */
static void become(const char *folder, const char *level, char **argv) {
    char *inside = apd_join_path(folder, level), *program = apd_join_path(inside, "apd");
    (void)execv(program, argv);
    free(program);
    free(inside);
}

int apd_level_take(char **argv) {
    const char *asked = getenv("APD_LEVEL");
    char self[PATH_MAX] = "";
    if (asked != NULL && strcmp(asked, "x86-64") == 0)
        return APD_OK;
    __builtin_cpu_init();
    int l = 0;
    while (l < LEVELS && (asked != NULL ? strcmp(asked, levels[l].name) != 0 : !levels[l].runs()))
        l++;
    if (l == LEVELS && asked == NULL)
        return APD_OK;
    if (l == LEVELS || !levels[l].runs()) {
        (void)fprintf(stderr,
                      "apd: APD_LEVEL is \"%s\", %s; x86-64, x86-64-v3 or x86-64-v4, or none, is needed\n",
                      asked, l == LEVELS ? "which is no level" : "which this processor cannot run");
        return APD_ERROR_USAGE;
    }
    if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
        return APD_OK;
    char *here = apd_parent_folder(self), *installed = apd_join_path(here, "../libexec/apd");
    become(here, levels[l].name, argv);
    become(installed, levels[l].name, argv);
    free(installed);
    free(here);
    if (asked != NULL)
        (void)fprintf(stderr, "apd: APD_LEVEL is \"%s\", and %s has no program for it\n", asked, self);
    return asked != NULL ? APD_ERROR_USAGE : APD_OK;
}

#else

int apd_level_take(char **argv) {
    (void)argv;
    return 0;
}

#endif
