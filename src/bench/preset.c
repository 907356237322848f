/* The networks that `apd bench` knows, and a run of one on data of its own. */
#include "bench/bench.h"
#include "engine/run.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The shapes of CIFAR-100, Omniglot and MNIST. */
static const apd_bench_preset known[] = {
    {"lenet", "{preset: lenet}", {3, 32, 32}, 10},
    {"lenet-large", "{preset: lenet-large}", {1, 28, 28}, 12},
    {"mlp", "{preset: mlp, widths: [256, 256]}", {1, 28, 28}, 10},
    {"mlp-1024", "{preset: mlp, widths: [1024, 1024]}", {1, 28, 28}, 10},
};
enum { KNOWN = sizeof known / sizeof known[0], STEPS_AN_EPOCH = 4 };

const apd_bench_preset *apd_bench_find_preset(const char *name) {
    for (int i = 0; i < KNOWN; i++)
        if (strcmp(known[i].name, name) == 0)
            return &known[i];
    return NULL;
}

apd_status apd_bench_describe(apd_run *run, const apd_bench_preset *preset, const apd_cli_list *settings,
                              int times, apd_error *error) {
    char text[256];
    (void)snprintf(
        text, sizeof text,
        "name: bench\ndata: {file: bench.h5}\nstream: {kind: permutation, tasks: 1}\nnetwork: %s\n",
        preset->network);
    APD_TRY(apd_run_describe(run, "bench.yaml", text, settings->values, settings->count, error));
    apd_description *described = run->description;
    described->training.batch *= times;
    char *path = NULL;
    apd_status status = apd_bench_data(preset->shape, preset->classes,
                                       (int64_t)STEPS_AN_EPOCH * described->training.batch, &path, error);
    status = apd_team_agree(run->team, status, error);
    if (path != NULL) {
        free(described->data.files[0]);
        described->data.files[0] = path;
    }
    return status;
}

void apd_bench_remove_data(const apd_run *run) {
    if (run->description != NULL)
        (void)unlink(run->description->data.files[0]);
}
