/* description_cases: the smallest description and one with every key, as text, and helpers to parse them. Include cmocka.h
 * first. */
#ifndef APD_TESTS_DESCRIPTION_CASES_H
#define APD_TESTS_DESCRIPTION_CASES_H

#include "io/description/description.h"

#include <stdint.h>
#include <string.h>

#define COUNT(of) ((int)(sizeof(of) / sizeof *(of)))
#define SMALLEST  "data: {file: /d.h5}\nstream: {classes_per_task: 5}\n"

static const char *const everything =
    "name: many\noutput: out/many\nseed: 18446744073709551615\ninit: runs/a b\nshards: 4\nblas_threads: 2\n"
    "data: {file: [/x y.h5, /z.h5], added: [/w.h5], normalise: unit, validation: 0.25, flip: true, shift: "
    "4}\n"
    "stream:\n"
    "  kind: list\n"
    "  classes: [[0, 1], [2, 3, 4], [7]]\n"
    "  turns: 4\n"
    "  order: [2, 0, 1]\n"
    "  rotation_step: -7.5\n"
    "  forget: [2, 1]\n"
    "  added: [[9], [10, 8]]\n"
    "  added_names: [one, 'two: \"']\n"
    "network:\n"
    "  layers:\n"
    "    - conv: {units: 20, kernel: [5, 3], stride: 2, padding: valid}\n"
    "    - relu\n"
    "    - lrn\n"
    "    - lrn: {radius: 2, bias: 2, alpha: 0.1, beta: 0.5}\n"
    "    - max_pool: {kernel: [3, 2]}\n"
    "    - dense: {units: 800}\n"
    "    - dropout: {rate: 0.3}\n"
    "    - relu:\n"
    "method: {name: apd-joint, l2t_strength: 0.125, ewc: online, ewc_strength: 7, ewc_decay: 0.75, "
    "ewc_images: 12, packnet_prune: 0.625, wsn_density: 0.375, lambda1: 4e-4, lambda2: 100, mask_init: 0.9, "
    "recentre: "
    "median,"
    " recentre_every: 3, consolidate_every: 5, clusters_added: 3, beta: 0.25, merge: plain,"
    " cluster_start: spectral, gram: distributed, polish_epochs: 0, budget: 0.125}\n"
    "training: {epochs: 7, batch: 64, lr: 0.3333333333333333, schedule: exponential, decay: 0.9,"
    " weight_decay: 1e-4, label_smoothing: 0.25, teachers: [/a b, 'c\"d'], distillation: 0.75, temperature: "
    "3, keep_best: 5, beta1: 0.8, beta2: 0.99, epsilon: 1e-7}\n"
    "log: {interval: 3, spectrum: 9, evaluate_batch: 17}\n";

static inline apd_status parse(const char *text, const char *const *settings, int count,
                               apd_description **out, apd_error *error) {
    return apd_description_parse("run.yaml", text, (int64_t)strlen(text), settings, count, out, error);
}

static inline apd_description *parse_with(const char *text, const char *setting) {
    apd_description *made = NULL;
    apd_error error = {0};
    apd_status status = parse(text, &setting, setting != NULL, &made, &error);
    if (status != APD_OK)
        fail_msg("%s", error.message);
    return made;
}

static inline apd_description *parse_good(const char *text) {
    return parse_with(text, NULL);
}

#endif
