/* Run descriptions: defaults, every form of a value, overlays, presets, round trips, files. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "description_cases.h"
#include "io/description/options.h"
#include "io/description/yaml.h"
#include "io/system/durable.h"

/* --- defaults and forms ------------------------------------------------------------------------------------
 */

static void parse_smallest_description_gives_documented_defaults(void **state) {
    (void)state;
    apd_description *d = parse_good(SMALLEST);
    assert_string_equal(d->name, "run");
    assert_string_equal(d->output, "runs/run");
    assert_true(d->seed == 0 && d->shards == 0);
    assert_true(d->data.normalise == APD_NORMALISE_DATASET && d->data.validation == 0.0);
    assert_true(!d->data.flip && d->data.shift == 0);
    assert_true(d->stream.kind == APD_STREAM_SPLIT && d->stream.tasks == 0 && d->stream.class_seed == -1);
    assert_true(d->stream.turns == 1 && d->stream.rotation_step == 5.0 && d->stream.class_lists == 0);
    assert_true(d->stream.order_kind == APD_ORDER_LETTER && d->stream.order_letter == 'A');
    assert_string_equal(d->network.preset, "lenet");
    assert_true(d->network.width_count == 2 && d->network.widths[0] == 256 && d->network.widths[1] == 256);
    assert_false(d->network.lrn);
    assert_ptr_equal(d->method.row, apd_method_find("apd"));
    assert_true(d->method.l2t_strength == 0.01);
    assert_true(d->method.lambda1 == 1e-3 && isinf(d->method.lambda2) && d->method.mask_init == 0.5);
    assert_true(d->method.recentre == APD_RECENTRE_COUNT && d->method.polish_epochs == 6);
    assert_int_equal(d->method.recentre_every, 0);
    assert_true(d->training.epochs == 20 && d->training.batch == 100 && d->training.lr == 1e-3);
    assert_true(d->training.schedule == APD_SCHEDULE_COSINE && d->training.decay == 0.95);
    assert_true(d->training.weight_decay == 0.0 && d->training.keep_best == 0);
    assert_true(d->training.beta1 == 0.9 && d->training.beta2 == 0.999 && d->training.epsilon == 1e-8);
    assert_true(d->blas_threads == 1 && d->log.spectrum == 500 && d->stream.forget_count == 0);
    assert_true(d->method.consolidate_every == 0 && d->method.clusters_added == 2 && d->method.beta == 0.01);
    assert_true(d->method.merge == APD_MERGES_SAVING && d->method.cluster_start == APD_START_CENTROIDS &&
                d->method.gram == APD_METHOD_GRAM_AUTO);
    assert_true(d->log.interval == 50 && d->log.evaluate_batch == 250 && d->log.stall_seconds == 60.0);
    apd_description_destroy(d);
}

static void parse_every_key_sets_every_field(void **state) {
    (void)state;
    apd_description *d = parse_good(everything);
    assert_string_equal(d->name, "many");
    assert_string_equal(d->output, "out/many");
    assert_string_equal(d->init, "runs/a b");
    assert_true(d->seed == UINT64_MAX && d->shards == 4);
    assert_true(d->blas_threads == 2 && d->log.spectrum == 9);
    assert_true(d->stream.forget_count == 2 && d->stream.forget[0] == 2 && d->stream.forget[1] == 1);
    assert_true(d->method.consolidate_every == 5 && d->method.clusters_added == 3 && d->method.beta == 0.25);
    assert_true(d->method.merge == APD_MERGES_PLAIN && d->method.cluster_start == APD_START_SPECTRAL &&
                d->method.gram == APD_METHOD_GRAM_DISTRIBUTED);
    assert_int_equal(d->data.file_count, 2);
    assert_string_equal(d->data.files[0], "/x y.h5");
    assert_string_equal(d->data.files[1], "/z.h5");
    assert_int_equal(d->data.added_count, 1);
    assert_string_equal(d->data.added[0], "/w.h5");
    assert_int_equal(d->stream.added_lists, 2);
    assert_true(d->stream.added_counts[0] == 1 && d->stream.added[0][0] == 9);
    assert_true(d->stream.added_counts[1] == 2 && d->stream.added[1][1] == 8);
    assert_int_equal(d->stream.added_name_count, 2);
    assert_string_equal(d->stream.added_names[1], "two: \"");
    assert_true(d->data.normalise == APD_NORMALISE_UNIT && d->data.validation == 0.25);
    assert_true(d->data.flip && d->data.shift == 4);
    assert_true(d->stream.kind == APD_STREAM_LIST && d->stream.turns == 4);
    assert_true(d->stream.rotation_step == -7.5);
    assert_int_equal(d->stream.class_lists, 3);
    assert_true(d->stream.class_counts[0] == 2 && d->stream.class_counts[1] == 3);
    assert_true(d->stream.classes[1][2] == 4 && d->stream.classes[2][0] == 7);
    assert_true(d->stream.order_kind == APD_ORDER_LIST && d->stream.order_count == 3);
    assert_true(d->stream.order[0] == 2 && d->stream.order[1] == 0 && d->stream.order[2] == 1);
    assert_ptr_equal(d->method.row, apd_method_find("apd-joint"));
    assert_true(d->method.lambda1 == 4e-4 && d->method.l2t_strength == 0.125);
    assert_true(d->method.ewc == APD_EWC_ONLINE && d->method.ewc_strength == 7.0 &&
                d->method.ewc_decay == 0.75 && d->method.ewc_images == 12);
    assert_true(d->method.packnet_prune == 0.625 && d->method.wsn_density == 0.375);
    assert_true(d->method.lambda2 == 100.0 && d->method.mask_init == 0.9);
    assert_true(d->method.recentre == APD_RECENTRE_MEDIAN && d->method.recentre_every == 3 &&
                d->method.polish_epochs == 0 && d->method.budget == 0.125);
    assert_true(d->training.epochs == 7 && d->training.batch == 64 && d->training.lr == 1.0 / 3.0);
    assert_true(d->training.schedule == APD_SCHEDULE_EXPONENTIAL && d->training.decay == 0.9);
    assert_true(d->training.weight_decay == 1e-4 && d->training.label_smoothing == 0.25 &&
                d->training.keep_best == 5);
    assert_int_equal(d->training.teacher_count, 2);
    assert_string_equal(d->training.teachers[0], "/a b");
    assert_string_equal(d->training.teachers[1], "c\"d");
    assert_true(d->training.distillation == 0.75 && d->training.temperature == 3.0);
    assert_true(d->training.beta1 == 0.8 && d->training.beta2 == 0.99 && d->training.epsilon == 1e-7);
    assert_true(d->log.interval == 3 && d->log.evaluate_batch == 17);
    apd_description_destroy(d);
}

static void parse_layers_sets_specs_and_their_defaults(void **state) {
    (void)state;
    apd_description *d = parse_good(everything);
    const apd_layer_spec *layer = d->network.layers;
    assert_string_equal(d->network.preset, "custom");
    assert_int_equal(d->network.layer_count, 8);
    assert_true(layer[0].kind == APD_LAYER_CONV && layer[0].units == 20);
    assert_true(layer[0].kernel_h == 5 && layer[0].kernel_w == 3);
    assert_true(layer[0].stride_h == 2 && layer[0].stride_w == 2 && layer[0].padding == APD_PADDING_VALID);
    assert_true(layer[1].kind == APD_LAYER_RELU && layer[7].kind == APD_LAYER_RELU);
    assert_true(layer[2].kind == APD_LAYER_LRN && layer[2].radius == 4 && layer[2].bias == 1.0F);
    assert_true(layer[2].alpha == (float)(0.001 / 9) && layer[2].beta == 0.75F);
    assert_true(layer[3].radius == 2 && layer[3].bias == 2.0F && layer[3].alpha == 0.1F);
    assert_true(layer[4].kind == APD_LAYER_MAX_POOL && layer[4].padding == APD_PADDING_SAME);
    assert_true(layer[4].stride_h == 3 && layer[4].stride_w == 2);
    assert_true(layer[5].kind == APD_LAYER_DENSE && layer[5].units == 800);
    assert_true(layer[6].kind == APD_LAYER_DROPOUT && layer[6].rate == 0.3F);
    apd_description_destroy(d);
    d = parse_good(SMALLEST "network: {layers: [{conv: {units: 3, kernel: 2}}]}\n");
    assert_true(d->network.layers[0].stride_h == 1 && d->network.layers[0].stride_w == 1);
    assert_true(d->network.layers[0].padding == APD_PADDING_SAME);
    apd_description_destroy(d);
}

static void parse_order_forms_set_kind_and_value(void **state) {
    (void)state;
    apd_description *d = parse_good("data: {file: /d}\nstream: {classes_per_task: 1, order: E}");
    assert_true(d->stream.order_kind == APD_ORDER_LETTER && d->stream.order_letter == 'E');
    apd_description_destroy(d);
    d = parse_good("data: {file: /d}\nstream: {classes_per_task: 1, order: seed 7}");
    assert_true(d->stream.order_kind == APD_ORDER_SEED && d->stream.order_seed == 7);
    apd_description_destroy(d);
    d = parse_with(everything, "stream.order=B");
    assert_true(d->stream.order_kind == APD_ORDER_LETTER && d->stream.order_letter == 'B');
    assert_true(d->stream.order == NULL && d->stream.order_count == 0);
    apd_description_destroy(d);
}

/* --- presets ------------------------------------------------------------------------------------------ */

typedef struct expected_layer {
    apd_layer_kind kind;
    int units, kernel, stride;
} expected_layer;

static void check_layers(const char *text, const expected_layer *expected, int count) {
    apd_description *d = parse_good(text);
    assert_int_equal(d->network.layer_count, count);
    for (int i = 0; i < count; i++) {
        const apd_layer_spec *layer = &d->network.layers[i];
        assert_int_equal(layer->kind, expected[i].kind);
        assert_int_equal(layer->units, expected[i].units);
        assert_true(layer->kernel_h == expected[i].kernel && layer->kernel_w == expected[i].kernel);
        assert_true(layer->stride_h == expected[i].stride && layer->stride_w == expected[i].stride);
        assert_int_equal(layer->padding, APD_PADDING_SAME);
        if (layer->kind == APD_LAYER_LRN) {
            assert_true(layer->radius == 4 && layer->bias == 1.0F && layer->beta == 0.75F);
            assert_true(layer->alpha == (float)(0.001 / 9));
        }
    }
    apd_description_destroy(d);
}

#define RELU \
    { APD_LAYER_RELU, 0, 0, 0 }
#define LRN \
    { APD_LAYER_LRN, 0, 0, 0 }
#define POOL \
    { APD_LAYER_MAX_POOL, 0, 3, 2 }
#define CONV(n) \
    { APD_LAYER_CONV, n, 5, 1 }
#define DENSE(n) \
    { APD_LAYER_DENSE, n, 0, 0 }

static void parse_presets_resolve_to_the_published_layers(void **state) {
    (void)state;
    const expected_layer lenet[] = {CONV(20), RELU,       POOL, CONV(50),   RELU,
                                    POOL,     DENSE(800), RELU, DENSE(500), RELU};
    const expected_layer lenet_lrn[] = {CONV(20), RELU, LRN,        POOL, CONV(50),   RELU,
                                        LRN,      POOL, DENSE(800), RELU, DENSE(500), RELU};
    const expected_layer large[] = {CONV(64), RELU,        POOL, CONV(128),   RELU,
                                    POOL,     DENSE(2500), RELU, DENSE(1500), RELU};
    const expected_layer mlp[] = {DENSE(256), RELU, DENSE(256), RELU};
    const expected_layer narrow[] = {DENSE(7), RELU};
    check_layers(SMALLEST, lenet, COUNT(lenet));
    check_layers(SMALLEST "network: {preset: lenet, lrn: true}", lenet_lrn, COUNT(lenet_lrn));
    check_layers(SMALLEST "network: {preset: lenet-large}", large, COUNT(large));
    check_layers(SMALLEST "network: {preset: mlp}", mlp, COUNT(mlp));
    check_layers(SMALLEST "network: {preset: mlp, widths: [7]}", narrow, COUNT(narrow));
    check_layers(SMALLEST "network: {preset: mlp, widths: []}", narrow, 0);
    check_layers(SMALLEST "network: {preset: custom, layers: []}", narrow, 0);
}

/* --- overlays and cross-key values -------------------------------------------------------------------- */

static void parse_settings_come_on_top_in_order(void **state) {
    (void)state;
    const char *settings[] = {"method.lambda1=2e-3", "stream.order=[1, 0]",      "method.lambda1=4e-3",
                              "network.preset=mlp",  "network.widths=[3, 4, 5]", "name=other",
                              "data.file=/a=b.h5"};
    apd_description *d = NULL;
    apd_error error = {0};
    assert_int_equal(parse(SMALLEST "method: {lambda1: 1}\n", settings, COUNT(settings), &d, &error), APD_OK);
    assert_true(d->method.lambda1 == 4e-3);
    assert_true(d->stream.order_count == 2 && d->stream.order[0] == 1);
    assert_true(d->network.width_count == 3 && d->network.widths[2] == 5 && d->network.layer_count == 6);
    assert_string_equal(d->output, "runs/other");
    assert_string_equal(d->data.files[0], "/a=b.h5");
    apd_description_destroy(d);
}

static void parse_setting_replaces_lists_of_the_file(void **state) {
    (void)state;
    apd_description *d = parse_with(everything, "stream.classes=[[9]]");
    assert_true(d->stream.class_lists == 1 && d->stream.class_counts[0] == 1 && d->stream.classes[0][0] == 9);
    apd_description_destroy(d);
    d = parse_with(everything, "network.layers=[{dense: {units: 4}}]");
    assert_true(d->network.layer_count == 1 && d->network.layers[0].units == 4);
    apd_description_destroy(d);
}

static void parse_short_run_lowers_default_polishing_only(void **state) {
    (void)state;
    const struct {
        const char *text;
        int polish;
    } cases[] = {{SMALLEST "training: {epochs: 7}", 6},
                 {SMALLEST "training: {epochs: 6}", 1},
                 {SMALLEST "training: {epochs: 4}", 1},
                 {SMALLEST "training: {epochs: 1}", 0},
                 {SMALLEST "training: {epochs: 90}", 6},
                 {SMALLEST "training: {epochs: 4}\nmethod: {polish_epochs: 3}", 3}};
    for (int i = 0; i < COUNT(cases); i++) {
        apd_description *d = parse_good(cases[i].text);
        assert_int_equal(d->method.polish_epochs, cases[i].polish);
        apd_description_destroy(d);
    }
}

/* One description serves all methods: what a method does not read may be anything. */
static void parse_keys_of_other_methods_are_accepted(void **state) {
    (void)state;
    for (int m = 0; m < apd_method_count; m++) {
        char text[256];
        (void)snprintf(text, sizeof text,
                       SMALLEST "method: {name: %s, lambda2: 100, consolidate_every: 3, l2t_strength: inf}\n",
                       apd_methods[m].name);
        apd_description *d = parse_good(text);
        assert_ptr_equal(d->method.row, &apd_methods[m]);
        apd_description_destroy(d);
    }
    apd_description *d = parse_good(SMALLEST "training: {epochs: 3}\nmethod: {name: stl, polish_epochs: 5}");
    apd_description_destroy(d);
}

/* Runs of older versions have the key in their run.yaml. */
static void parse_former_solver_exact_says_nothing(void **state) {
    (void)state;
    apd_description *d = parse_good(SMALLEST "method: {name: stl, solver: exact}");
    assert_ptr_equal(d->method.row, apd_method_find("stl"));
    apd_description_destroy(d);
    d = parse_with(SMALLEST, "method.solver=exact");
    assert_ptr_equal(d->method.row, apd_method_find("apd"));
    char *written = apd_description_write(d);
    assert_null(strstr(written, "solver"));
    free(written);
    apd_description_destroy(d);
}

/* What a run.yaml of an older version lacks means what that version did; a person's file means this one. */
static void parse_former_run_yaml_keeps_its_meaning(void **state) {
    (void)state;
    static const char head[] = "# The run as resolved: every value and where it came from.\n";
    static const char keys[] = SMALLEST "method: {name: apd, solver: joint, lambda2: 100}\n";
    char text[1024];
    (void)snprintf(text, sizeof text, "%s%s", head, keys);
    apd_description *d = parse_good(text);
    assert_ptr_equal(d->method.row, apd_method_find("apd-joint"));
    assert_true(d->training.warmup == 0.0);
    char *written = apd_description_write(d);
    assert_non_null(strstr(written, "    name: apd-joint"));
    assert_non_null(strstr(written, "    warmup: 0 "));
    apd_description_destroy(d);
    d = parse_good(written);
    assert_true(d->training.warmup == 0.0);
    free(written);
    apd_description_destroy(d);
    d = parse_good(SMALLEST);
    assert_true(d->training.warmup == 0.1);
    apd_description_destroy(d);
}

/* A row's list of keys, which people read, and its properties, which the program asks, say the same. */
static void methods_read_the_keys_of_what_they_do(void **state) {
    (void)state;
    for (int m = 0; m < apd_method_count; m++) {
        const apd_method *method = &apd_methods[m];
        char keys[512], copy[512];
        (void)snprintf(keys, sizeof keys, " %s ", method->keys);
        assert_int_equal(strstr(keys, " consolidate_every ") != NULL, method->clusters);
        assert_int_equal(strstr(keys, " polish_epochs ") != NULL, method->polishes);
        assert_int_equal(strstr(keys, " recentre ") != NULL, method->recentring != APD_RECENTRING_NEVER);
        assert_int_equal(strstr(keys, " recentre_every ") != NULL, method->recentring == APD_RECENTRING);
        assert_int_equal(strstr(keys, " mask_init ") != NULL, method->storage == APD_STORAGE_DECOMPOSED);
        (void)snprintf(copy, sizeof copy, "%s", method->keys);
        for (char *rest = NULL, *key = strtok_r(copy, " ", &rest); key != NULL;
             key = strtok_r(NULL, " ", &rest)) {
            char whole[64];
            (void)snprintf(whole, sizeof whole, "method.%s", key);
            assert_true(apd_option_find(whole) >= 0);
        }
    }
}

/* Keys and values of older versions are read, and written with their present names. */
static void parse_former_key_and_values_are_read_as_todays(void **state) {
    (void)state;
    static const char *const texts[] = {"method: {cluster_road: auto}", "method: {cluster_road: direct}",
                                        "method: {cluster_road: scalapack}", "method: {gram: direct}",
                                        "method: {cluster_road: distributed}"};
    static const apd_method_gram grams[] = {APD_METHOD_GRAM_AUTO, APD_METHOD_GRAM_REPLICATED,
                                            APD_METHOD_GRAM_DISTRIBUTED, APD_METHOD_GRAM_REPLICATED,
                                            APD_METHOD_GRAM_DISTRIBUTED};
    static const char *const names[] = {"auto", "replicated", "distributed", "replicated", "distributed"};
    for (int i = 0; i < COUNT(texts); i++) {
        char text[256], line[64];
        (void)snprintf(text, sizeof text, SMALLEST "%s\n", texts[i]);
        apd_description *d = parse_good(text);
        assert_int_equal(d->method.gram, grams[i]);
        char *written = apd_description_write(d);
        (void)snprintf(line, sizeof line, "\n    gram: %s  # file line 3\n", names[i]);
        assert_non_null(strstr(written, line));
        assert_null(strstr(written, "road"));
        free(written);
        apd_description_destroy(d);
    }
    apd_description *d = parse_with(SMALLEST, "method.cluster_road=scalapack");
    assert_int_equal(d->method.gram, APD_METHOD_GRAM_DISTRIBUTED);
    apd_description_destroy(d);
}

/* --- writing and digests ------------------------------------------------------------------------------ */

static void check_round_trip(const char *text, const char *setting) {
    apd_description *first = parse_with(text, setting);
    char *written = apd_description_write(first);
    apd_description *second = parse_good(written);
    char *again = apd_description_write(second);
    apd_description *third = parse_good(again);
    char *fixed = apd_description_write(third);
    assert_true(apd_description_digest(first) == apd_description_digest(second));
    assert_string_equal(first->name, second->name);
    assert_string_equal(first->output, second->output);
    assert_string_equal(first->data.files[0], second->data.files[0]);
    assert_string_equal(first->network.preset, second->network.preset);
    assert_int_equal(first->network.layer_count, second->network.layer_count);
    assert_memory_equal(first->network.layers, second->network.layers,
                        (size_t)first->network.layer_count * sizeof *first->network.layers);
    assert_memory_equal(&first->method, &second->method, sizeof first->method);
    assert_int_equal(first->training.teacher_count, second->training.teacher_count);
    for (int i = 0; i < first->training.teacher_count; i++)
        assert_string_equal(first->training.teachers[i], second->training.teachers[i]);
    char **teachers = second->training.teachers;
    second->training.teachers = first->training.teachers;
    assert_memory_equal(&first->training, &second->training, sizeof first->training);
    second->training.teachers = teachers;
    assert_memory_equal(&first->log, &second->log, sizeof first->log);
    assert_string_equal(again, fixed); /* what was read from a written text is written the same */
    free(written);
    free(again);
    free(fixed);
    apd_description_destroy(first);
    apd_description_destroy(second);
    apd_description_destroy(third);
}

static void write_reads_back_to_the_same_description(void **state) {
    (void)state;
    check_round_trip(SMALLEST, NULL);
    check_round_trip(everything, NULL);
    check_round_trip(SMALLEST "network: {preset: lenet-large, lrn: true}", NULL);
    check_round_trip(SMALLEST "network: {preset: mlp, widths: [1, 2, 3]}", NULL);
    check_round_trip(SMALLEST "network: {layers: []}\nmethod: {lambda1: 0.1}\n", "network.preset=custom");
    check_round_trip(SMALLEST "training: {epochs: 3, lr: 1.7976931348623157e308, epsilon: 5e-324}", NULL);
    check_round_trip(SMALLEST "method: {lambda1: 0.30000000000000004, lambda2: 123456789.12345678}", NULL);
    check_round_trip("data: {file: \"/q\\\"\\\\ #: é.h5\"}\nname: \"# no: comment\"\n"
                     "stream: {kind: permutation, tasks: 3, order: \"seed 18446744073709551615\"}",
                     "stream.rotation_step=-0.1");
    check_round_trip(SMALLEST "stream.class_seed: 9223372036854775807\n", "shards=3");
}

static void assert_has(const char *text, const char *line) {
    if (strstr(text, line) == NULL)
        fail_msg("no line <%s> in\n%s", line, text);
}

static void write_says_where_each_value_came_from(void **state) {
    (void)state;
    apd_description *d = parse_with(SMALLEST "training:\n  epochs: 4\n  lr: 0.01\n", "method.lambda1=2e-3");
    char *text = apd_description_write(d);
    assert_has(text, "\nname: \"run\"  # default\n");
    assert_has(text, "\nshards: auto  # default\n");
    assert_has(text, "\n    file: \"/d.h5\"  # file line 1\n");
    assert_has(text, "\n    classes_per_task: 5  # file line 2\n");
    assert_has(text, "\n    epochs: 4  # file line 4\n");
    assert_has(text, "\n    lr: 0.01  # file line 5\n");
    assert_has(text, "\n    lambda1: 0.002  # flag\n");
    assert_has(text, "\n    epsilon: 1e-08  # default\n");
    assert_has(text, "\n    lambda2: inf  # default\n");
    assert_has(text, "\n    polish_epochs: 1  # default, lowered to 3/10 of training.epochs\n");
    assert_has(text, "\n    order: A  # default\n");
    assert_has(text, "\n    preset: \"lenet\"  # default\n");
    free(text);
    apd_description_set_shards(d, 3);
    text = apd_description_write(d);
    assert_int_equal(d->shards, 3);
    assert_has(text, "\nshards: 3  # auto: the ranks of the first launch\n");
    free(text);
    apd_description_destroy(d);
}

static void digest_changes_with_values_that_results_depend_on(void **state) {
    (void)state;
    const char *const matter[] = {"seed=1",
                                  "shards=2",
                                  "data.shift=1",
                                  "data.flip=true",
                                  "data.validation=0.1",
                                  "data.normalise=unit",
                                  "stream.tasks=2",
                                  "stream.order=B",
                                  "stream.turns=2",
                                  "stream.class_seed=0",
                                  "stream.rotation_step=6",
                                  "network.lrn=true",
                                  "network.preset=mlp",
                                  "method.name=stl",
                                  "method.lambda1=1e-4",
                                  "method.lambda2=7",
                                  "method.mask_init=0.6",
                                  "method.recentre=none",
                                  "method.recentre_every=2",
                                  "method.polish_epochs=5",
                                  "method.budget=0.1",
                                  "training.epochs=21",
                                  "training.batch=99",
                                  "training.lr=2e-3",
                                  "training.schedule=constant",
                                  "training.decay=0.9",
                                  "training.weight_decay=1e-4",
                                  "training.label_smoothing=0.1",
                                  "training.teachers=[a]",
                                  "init=runs/a",
                                  "stream.added=[[1]]",
                                  "training.distillation=0.25",
                                  "training.temperature=1",
                                  "training.beta1=0.8",
                                  "training.beta2=0.9",
                                  "training.epsilon=1e-7",
                                  "log.evaluate_batch=8"};
    const char *const free_ones[] = {"name=b",
                                     "output=c",
                                     "log.interval=7",
                                     "log.stall_seconds=7",
                                     "data.file=/moved.h5",
                                     "data.file=[/moved.h5, /more.h5]",
                                     "method.lambda1=0.001",
                                     "training.epochs=20"};
    apd_description *plain = parse_good(SMALLEST);
    uint64_t digest = apd_description_digest(plain);
    apd_description_destroy(plain);
    for (int i = 0; i < COUNT(matter) + COUNT(free_ones); i++) {
        bool matters = i < COUNT(matter);
        const char *setting = matters ? matter[i] : free_ones[i - COUNT(matter)];
        apd_description *d = parse_with(SMALLEST, setting);
        if ((apd_description_digest(d) != digest) != matters)
            fail_msg("--set %s: the digest %s", setting, matters ? "stays" : "changes");
        apd_description_destroy(d);
    }
}

static void digest_of_preset_equals_its_layers_written_out(void **state) {
    (void)state;
    apd_description *preset = parse_good(SMALLEST "network: {preset: mlp, widths: [9]}");
    apd_description *custom = parse_good(SMALLEST "network: {layers: [{dense: {units: 9}}, relu]}");
    assert_true(apd_description_digest(preset) == apd_description_digest(custom));
    apd_description_destroy(preset);
    apd_description_destroy(custom);
}

static void help_lists_every_section_with_ranges_and_defaults(void **state) {
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    assert_non_null(file);
    apd_description_help(file);
    assert_int_equal(fclose(file), 0);
    const char *parts[] = {"\n  data.file ",        "\n  stream.order ",
                           "\n  network.layers ",   "\n  log.evaluate_batch ",
                           "count, median or none", "a whole number from 1 to 100000;",
                           "a number > 0 or inf",   "default: 0.95\n",
                           "\n  max_pool: stride ", "default: kernel\n"};
    for (int i = 0; i < COUNT(parts); i++)
        assert_has(text, parts[i]);
    free(text);
}

/* --- files -------------------------------------------------------------------------------------------- */

typedef struct folder {
    char path[64];
    char old[512];
} folder;

static int make_folder(void **state) {
    static folder made;
    (void)snprintf(made.path, sizeof made.path, "/tmp/apd-description-XXXXXX");
    if (getcwd(made.old, sizeof made.old) == NULL || mkdtemp(made.path) == NULL || chdir(made.path) != 0)
        return -1;
    *state = &made;
    return 0;
}

static int remove_folder(void **state) {
    folder *made = *state;
    const char *const names[] = {"study/mine.yaml", "study/here.h5", "there.h5", "big.yaml"};
    for (int i = 0; i < COUNT(names); i++)
        (void)unlink(names[i]);
    (void)rmdir("study");
    return chdir(made->old) != 0 || rmdir(made->path) != 0 ? -1 : 0;
}

static void put(const char *where, const char *name, const char *text) {
    apd_error error = {0};
    assert_int_equal(apd_make_folder(where, &error), APD_OK);
    assert_int_equal(apd_write_file(where, name, text, (int64_t)strlen(text), &error), APD_OK);
}

static void read_resolves_data_file_beside_description_or_in_working_folder(void **state) {
    folder *made = *state;
    char expected[128];
    const struct {
        const char *file, *path; /* as written; below the working folder */
    } cases[] = {{"data.file=here.h5", "study/here.h5"},
                 {"data.file=there.h5", "there.h5"},
                 {"data.file=missing.h5", "missing.h5"},
                 {"data.file=../there.h5", "study/../there.h5"}};
    put("study", "mine.yaml", "stream: {classes_per_task: 1}\n");
    put("study", "here.h5", "x");
    put(".", "there.h5", "x");
    for (int i = 0; i < COUNT(cases); i++) {
        apd_description *d = NULL;
        apd_error error = {0};
        if (apd_description_read("study/mine.yaml", &cases[i].file, 1, &d, &error) != APD_OK)
            fail_msg("%s", error.message);
        (void)snprintf(expected, sizeof expected, "%s/%s", made->path, cases[i].path);
        assert_string_equal(d->data.files[0], expected);
        assert_string_equal(d->name, "mine");
        apd_description_destroy(d);
    }
}

static void read_missing_or_long_file_says_so(void **state) {
    (void)state;
    apd_description *d = NULL;
    apd_error error = {0};
    assert_int_equal(apd_description_read("none.yaml", NULL, 0, &d, &error), APD_ERROR_IO);
    assert_string_equal(error.message, "none.yaml: cannot open: No such file or directory");
    error = (apd_error){0};
    assert_int_equal(apd_description_read(".", NULL, 0, &d, &error), APD_ERROR_IO);
    assert_string_equal(error.message, ".: cannot read: Is a directory");
    put(".", "big.yaml", "");
    assert_int_equal(truncate("big.yaml", APD_YAML_BYTES + 1), 0);
    error = (apd_error){0};
    assert_int_equal(apd_description_read("big.yaml", NULL, 0, &d, &error), APD_ERROR_USAGE);
    assert_string_equal(error.message, "big.yaml is longer than 1048576 bytes");
    assert_null(d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_smallest_description_gives_documented_defaults),
        cmocka_unit_test(parse_every_key_sets_every_field),
        cmocka_unit_test(parse_layers_sets_specs_and_their_defaults),
        cmocka_unit_test(parse_order_forms_set_kind_and_value),
        cmocka_unit_test(parse_presets_resolve_to_the_published_layers),
        cmocka_unit_test(parse_settings_come_on_top_in_order),
        cmocka_unit_test(parse_setting_replaces_lists_of_the_file),
        cmocka_unit_test(parse_short_run_lowers_default_polishing_only),
        cmocka_unit_test(parse_keys_of_other_methods_are_accepted),
        cmocka_unit_test(parse_former_solver_exact_says_nothing),
        cmocka_unit_test(parse_former_run_yaml_keeps_its_meaning),
        cmocka_unit_test(methods_read_the_keys_of_what_they_do),
        cmocka_unit_test(parse_former_key_and_values_are_read_as_todays),
        cmocka_unit_test(write_reads_back_to_the_same_description),
        cmocka_unit_test(write_says_where_each_value_came_from),
        cmocka_unit_test(digest_changes_with_values_that_results_depend_on),
        cmocka_unit_test(digest_of_preset_equals_its_layers_written_out),
        cmocka_unit_test(help_lists_every_section_with_ranges_and_defaults),
        cmocka_unit_test_setup_teardown(read_resolves_data_file_beside_description_or_in_working_folder,
                                        make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(read_missing_or_long_file_says_so, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
