/* Run descriptions: defaults, every form of a value, overlays, presets, complaints, round trips, damaged
 * text. */
#include "io/description.h"

#include "base/random.h"
#include "io/runlog.h"
#include "io/yaml.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define SMALLEST "data: {file: /d.h5}\nstream: {classes_per_task: 5}\n"

static apd_status parse(const char *text, const char *const *settings, int count, apd_description **out,
                        apd_error *error) {
    return apd_description_parse("run.yaml", text, (int64_t)strlen(text), settings, count, out, error);
}

static apd_description *parse_with(const char *text, const char *setting) {
    apd_description *made = NULL;
    apd_error error = {0};
    apd_status status = parse(text, &setting, setting != NULL, &made, &error);
    if (status != APD_OK)
        fail_msg("%s", error.message);
    return made;
}

static apd_description *parse_good(const char *text) {
    return parse_with(text, NULL);
}

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
    assert_true(d->method.name == APD_METHOD_APD && d->method.solver == APD_SOLVER_EXACT);
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
                d->method.cluster_road == APD_ROAD_AUTO);
    assert_true(d->log.interval == 50 && d->log.evaluate_batch == 250 && d->log.stall_seconds == 60.0);
    apd_description_destroy(d);
}

static const char *const everything =
    "name: many\noutput: out/many\nseed: 18446744073709551615\nshards: 4\nblas_threads: 2\n"
    "data: {file: /x y.h5, normalise: unit, validation: 0.25, flip: true, shift: 4}\n"
    "stream:\n"
    "  kind: list\n"
    "  classes: [[0, 1], [2, 3, 4], [7]]\n"
    "  turns: 4\n"
    "  order: [2, 0, 1]\n"
    "  rotation_step: -7.5\n"
    "  forget: [2, 1]\n"
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
    "method: {name: apd, solver: joint, lambda1: 4e-4, lambda2: 100, mask_init: 0.9, recentre: median,"
    " recentre_every: 3, consolidate_every: 5, clusters_added: 3, beta: 0.25, merge: plain,"
    " cluster_start: spectral, cluster_road: scalapack, polish_epochs: 0}\n"
    "training: {epochs: 7, batch: 64, lr: 0.3333333333333333, schedule: exponential, decay: 0.9,"
    " weight_decay: 1e-4, keep_best: 5, beta1: 0.8, beta2: 0.99, epsilon: 1e-7}\n"
    "log: {interval: 3, spectrum: 9, evaluate_batch: 17}\n";

static void parse_every_key_sets_every_field(void **state) {
    (void)state;
    apd_description *d = parse_good(everything);
    assert_string_equal(d->name, "many");
    assert_string_equal(d->output, "out/many");
    assert_true(d->seed == UINT64_MAX && d->shards == 4);
    assert_true(d->blas_threads == 2 && d->log.spectrum == 9);
    assert_true(d->stream.forget_count == 2 && d->stream.forget[0] == 2 && d->stream.forget[1] == 1);
    assert_true(d->method.consolidate_every == 5 && d->method.clusters_added == 3 && d->method.beta == 0.25);
    assert_true(d->method.merge == APD_MERGES_PLAIN && d->method.cluster_start == APD_START_SPECTRAL &&
                d->method.cluster_road == APD_ROAD_SCALAPACK);
    assert_string_equal(d->data.file, "/x y.h5");
    assert_true(d->data.normalise == APD_NORMALISE_UNIT && d->data.validation == 0.25);
    assert_true(d->data.flip && d->data.shift == 4);
    assert_true(d->stream.kind == APD_STREAM_LIST && d->stream.turns == 4);
    assert_true(d->stream.rotation_step == -7.5);
    assert_int_equal(d->stream.class_lists, 3);
    assert_true(d->stream.class_counts[0] == 2 && d->stream.class_counts[1] == 3);
    assert_true(d->stream.classes[1][2] == 4 && d->stream.classes[2][0] == 7);
    assert_true(d->stream.order_kind == APD_ORDER_LIST && d->stream.order_count == 3);
    assert_true(d->stream.order[0] == 2 && d->stream.order[1] == 0 && d->stream.order[2] == 1);
    assert_true(d->method.solver == APD_SOLVER_JOINT && d->method.lambda1 == 4e-4);
    assert_true(d->method.lambda2 == 100.0 && d->method.mask_init == 0.9);
    assert_true(d->method.recentre == APD_RECENTRE_MEDIAN && d->method.recentre_every == 3 &&
                d->method.polish_epochs == 0);
    assert_true(d->training.epochs == 7 && d->training.batch == 64 && d->training.lr == 1.0 / 3.0);
    assert_true(d->training.schedule == APD_SCHEDULE_EXPONENTIAL && d->training.decay == 0.9);
    assert_true(d->training.weight_decay == 1e-4 && d->training.keep_best == 5);
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

/* --- presets
 * ------------------------------------------------------------------------------------------------ */

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
#define COUNT(of) ((int)(sizeof(of) / sizeof *(of)))

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

/* --- complaints
 * --------------------------------------------------------------------------------------------- */

typedef struct bad_input {
    const char *text, *setting, *message; /* the whole message */
} bad_input;

#define BAD(text, message) \
    { text, NULL, message }
#define BAD_FLAG(setting, message) \
    { SMALLEST, setting, "--set " setting ": " message }
#define WHOLE_NEED "a whole number from 1 to 1000000 is needed"
#define LAYER_NEED "a layer (conv, dense, relu, max_pool, lrn or dropout) is needed"

static const bad_input bad_inputs[] = {
    BAD("", "run.yaml: nothing in it; a run description with at least data.file is needed"),
    BAD("# only a comment\n", "run.yaml: nothing in it; a run description with at least data.file is needed"),
    BAD("seed: 1\n", "run.yaml: data.file is missing; the path of an HDF5 data file is needed"),
    BAD("just words\n", "run.yaml:1: a text; a map of keys such as \"seed: 0\" is needed"),
    BAD("\n- 1\n", "run.yaml:2: a list; a map of keys such as \"seed: 0\" is needed"),
    BAD(SMALLEST "\ntraining:\n  epoch: 3\n",
        "run.yaml:5: training.epoch is not a key (did you mean training.epochs?)"),
    BAD("lambda1: 3\n", "run.yaml:1: lambda1 is not a key (did you mean method.lambda1?)"),
    BAD("data: {}\ntrainig: {}\n", "run.yaml:2: trainig is not a key (did you mean training?)"),
    BAD("something_else_entirely: 3\n", "run.yaml:1: something_else_entirely is not a key"),
    BAD("seed: 1\nname: a\nseed: 2\n", "run.yaml:3: seed is given twice (first in line 1)"),
    BAD("log: {interval: 3}\nlog.interval: 4\n", "run.yaml:2: log.interval is given twice (first in line 1)"),
    BAD("training: 3\n", "run.yaml:1: training is \"3\"; a map of keys is needed"),
    BAD("seed: {a: 1}\n",
        "run.yaml:1: seed is a map; a whole number from 0 to 18446744073709551615 is needed"),
    BAD("seed: [1]\n", "run.yaml:1: seed is a list; a whole number from 0 to 18446744073709551615 is needed"),
    BAD("seed: -1\n", "run.yaml:1: seed is \"-1\"; a whole number from 0 to 18446744073709551615 is needed"),
    BAD("seed: 18446744073709551616\n",
        "run.yaml:1: seed is \"18446744073709551616\"; a whole number from 0 to "
        "18446744073709551615 is needed"),
    BAD("seed:\n", "run.yaml:1: seed is empty; a whole number from 0 to 18446744073709551615 is needed"),
    BAD("shards: 0\n", "run.yaml:1: shards is \"0\"; auto or a whole number from 1 to 65536 is needed"),
    BAD("name: a/b\n", "run.yaml:1: name is \"a/b\"; a name of at most 200 bytes without / and not beginning "
                       "with a dot is needed"),
    BAD("name: ~\n",
        "run.yaml:1: name is empty; a name of at most 200 bytes without / and not beginning with "
        "a dot is needed"),
    BAD("\n\nmethod:\n\n\n\n  lambda1: abc\n",
        "run.yaml:7: method.lambda1 is \"abc\"; a number >= 0 is needed"),
    BAD("method: {lambda1: nan}\n", "run.yaml:1: method.lambda1 is \"nan\"; a number >= 0 is needed"),
    BAD("method: {lambda1: .nan}\n", "run.yaml:1: method.lambda1 is \".nan\"; a number >= 0 is needed"),
    BAD("method: {lambda1: inf}\n", "run.yaml:1: method.lambda1 is \"inf\"; a number >= 0 is needed"),
    BAD("method: {lambda1: 1e999}\n", "run.yaml:1: method.lambda1 is \"1e999\"; a number >= 0 is needed"),
    BAD("method: {lambda1: 1e-999}\n", "run.yaml:1: method.lambda1 is \"1e-999\"; a number >= 0 is needed"),
    BAD("method: {lambda1: 0x10}\n", "run.yaml:1: method.lambda1 is \"0x10\"; a number >= 0 is needed"),
    BAD("method: {lambda1: 1e-3x}\n", "run.yaml:1: method.lambda1 is \"1e-3x\"; a number >= 0 is needed"),
    BAD("method: {lambda1: 1 2}\n", "run.yaml:1: method.lambda1 is \"1 2\"; a number >= 0 is needed"),
    BAD("method: {lambda1: -0.1}\n", "run.yaml:1: method.lambda1 is \"-0.1\"; a number >= 0 is needed"),
    BAD("method: {lambda2: 0}\n", "run.yaml:1: method.lambda2 is \"0\"; a number > 0 or inf is needed"),
    BAD("method: {lambda2: -inf}\n", "run.yaml:1: method.lambda2 is \"-inf\"; a number > 0 or inf is needed"),
    BAD("method: {mask_init: 1}\n", "run.yaml:1: method.mask_init is \"1\"; a number > 0 and < 1 is needed"),
    BAD("data: {validation: 1}\n", "run.yaml:1: data.validation is \"1\"; a number >= 0 and < 1 is needed"),
    BAD("method: {recentre: mean}\n",
        "run.yaml:1: method.recentre is \"mean\"; count, median or none is needed"),
    BAD("data: {flip: yes}\n", "run.yaml:1: data.flip is \"yes\"; true or false is needed"),
    BAD("stream: {turns: 3}\n", "run.yaml:1: stream.turns is \"3\"; 1, 2 or 4 is needed"),
    BAD("stream: {class_seed: -2}\n",
        "run.yaml:1: stream.class_seed is \"-2\"; a whole number >= -1 is needed"),
    BAD("training: {batch: 1.5}\n", "run.yaml:1: training.batch is \"1.5\"; " WHOLE_NEED),
    BAD("training: {batch: 99999999999999999999}\n",
        "run.yaml:1: training.batch is \"99999999999999999999\"; " WHOLE_NEED),
    BAD("network: {preset: resnet}\n",
        "run.yaml:1: network.preset is \"resnet\"; lenet, lenet-large, mlp or custom is needed"),
    BAD("network: {widths: 3}\n",
        "run.yaml:1: network.widths is \"3\"; a list of whole numbers from 1 to 1000000 is needed"),
    BAD("network: {widths: [3,\n 0]}\n", "run.yaml:2: network.widths[1] is \"0\"; " WHOLE_NEED),
    BAD("stream: {order: F}\n",
        "run.yaml:1: stream.order is \"F\"; a letter A to E, \"seed N\", or a list of task ids is needed"),
    BAD("stream: {order: []}\n",
        "run.yaml:1: stream.order is a list; a letter A to E, \"seed N\", or a list of task ids is needed"),
    BAD("stream: {order: [0, 2]}\n", "run.yaml:1: stream.order has 2 tasks; each of 0 to 1 once is needed"),
    BAD("stream: {order: [0, 0]}\n", "run.yaml:1: stream.order has 2 tasks; each of 0 to 1 once is needed"),
    BAD("stream: {classes: [1, 2]}\n",
        "run.yaml:1: stream.classes[0] is \"1\"; a list of class numbers is needed"),
    BAD("stream: {classes: [[1], []]}\n",
        "run.yaml:1: stream.classes[1] is an empty list; at least one class is needed"),
    BAD("stream: {classes: [[1], [2, -3]]}\n",
        "run.yaml:1: stream.classes[1][1] is \"-3\"; a whole number from 0 to 2147483647 is needed"),
    BAD("network:\n  layers:\n  - relu\n  - relo\n",
        "run.yaml:4: network.layers, layer 2 is \"relo\"; " LAYER_NEED),
    BAD("network: {layers: [[1]]}\n", "run.yaml:1: network.layers, layer 1 is a list; " LAYER_NEED),
    BAD("network: {layers: [{}]}\n", "run.yaml:1: network.layers, layer 1 is a map; " LAYER_NEED),
    BAD("network: {layers: [{relu: , lrn: }]}\n",
        "run.yaml:1: network.layers, layer 1 is a map; " LAYER_NEED),
    BAD("network: {layers: relu}\n", "run.yaml:1: network.layers is \"relu\"; a list of layers is needed"),
    BAD("network: {layers: [dense]}\n",
        "run.yaml:1: network.layers, layer 1 (dense): units is missing; " WHOLE_NEED),
    BAD("network: {layers: [{dense: 3}]}\n",
        "run.yaml:1: network.layers, layer 1 (dense) is \"3\"; a map such as {units: 20} is needed"),
    BAD("network: {layers: [{dense: {units: 0}}]}\n",
        "run.yaml:1: network.layers, layer 1 (dense): units is \"0\"; " WHOLE_NEED),
    BAD("network: {layers: [{dense: {unit: 3}}]}\n",
        "run.yaml:1: network.layers, layer 1 (dense): unit is not a key of dense (known: units)"),
    BAD("network: {layers: [{conv: {units: 3, kernel: [1, 2, 3]}}]}\n",
        "run.yaml:1: network.layers, layer 1 (conv): kernel is a list; a whole number from 1 to 1024, or two "
        "of "
        "them [height, width] is needed"),
    BAD("network: {layers: [{dropout: {rate: 0.999999999999}}]}\n",
        "run.yaml:1: network.layers, layer 1 (dropout): rate is \"0.999999999999\"; a number >= 0 and < 1 is "
        "needed"),
    BAD(SMALLEST "network: {preset: lenet, layers: [relu]}\n",
        "run.yaml:3: network.layers is given beside network.preset lenet; leave the preset out, or make it "
        "custom"),
    BAD(SMALLEST "network: {preset: custom}\n", "run.yaml:3: network.preset custom needs network.layers"),
    BAD(SMALLEST "network: {widths: [3]}\n", "run.yaml:3: network.widths is for network.preset mlp only"),
    BAD(SMALLEST "network: {preset: mlp, lrn: true}\n",
        "run.yaml:3: network.lrn is for the lenet presets only; a custom network lists lrn layers"),
    BAD(SMALLEST "method: {solver: joint}\n",
        "run.yaml:3: method.solver joint needs a finite method.lambda2, such as 100"),
    BAD("data: {file: x.h5}\nstream: {classes_per_task: 2, forget: [1, 3, 2]}\n",
        "run.yaml:2: stream.forget has 3 numbers; pairs of a task and the number of tasks after which it is "
        "forgotten are needed"),
    BAD("data: {file: x.h5}\nstream: {classes_per_task: 2, forget: [1, 0]}\n",
        "run.yaml:2: stream.forget forgets task 1 after 0 tasks; at least 1 is needed"),
    BAD(SMALLEST "training: {epochs: 4}\nmethod: {polish_epochs: 4}\n",
        "run.yaml:4: method.polish_epochs is 4; less than training.epochs (4) is needed"),
    BAD(SMALLEST "training: {keep_best: 5}\n",
        "run.yaml:3: training.keep_best needs data.validation above 0"),
    BAD(SMALLEST "shards: 5\ntraining: {batch: 4}\n",
        "run.yaml:4: training.batch does not fit: training.batch is 4, and at least one image for each of 5 "
        "shards is needed"),
    BAD("data: {file: /d}\n", "run.yaml: stream.kind split needs stream.classes_per_task, at least 1"),
    BAD("data: {file: /d}\nstream: {kind: permutation}\n",
        "run.yaml:2: stream.kind permutation needs stream.tasks, at least 1"),
    BAD("data: {file: /d}\nstream: {kind: rotation}\n",
        "run.yaml:2: stream.kind rotation needs stream.tasks, at least 1"),
    BAD("data: {file: /d}\nstream: {kind: list}\n",
        "run.yaml:2: stream.kind list needs stream.classes, such as [[0, 1], [2, 3]]"),
    BAD("data: {file: /d}\nstream: {classes_per_task: 2, classes: [[1]]}\n",
        "run.yaml:2: stream.classes is for stream.kind list only"),
    BAD("data: {file: /d}\nstream: {kind: superclass, classes_per_task: 2}\n",
        "run.yaml:2: stream.classes_per_task is for stream.kind split only"),
    BAD("data: {file: /d}\nstream: {kind: superclass, class_seed: 2}\n",
        "run.yaml:2: stream.class_seed is for stream.kind split only"),
    BAD("a: [1, 2\nb: 3\n",
        "run.yaml:2: not YAML: did not find expected ',' or ']' while parsing a flow sequence"),
    BAD("a: 1\n b: 2\n", "run.yaml:2: not YAML: mapping values are not allowed in this context"),
    BAD("seed: \"abc\n",
        "run.yaml:2: not YAML: found unexpected end of stream while scanning a quoted scalar"),
    BAD("seed: 1\nname: \x01\n", "run.yaml:2: not YAML: control characters are not allowed"),
    BAD("seed: 1\nname: \xff\n", "run.yaml:2: not YAML: invalid leading UTF-8 octet"),
    BAD("name: \"a\\tb\"\n",
        "run.yaml:1: a text with a control character or a line break; one line of printable "
        "characters is needed"),
    BAD("name: \"a\\0b\"\n",
        "run.yaml:1: a text with a control character or a line break; one line of printable "
        "characters is needed"),
    BAD("name: |\n  a\n  b\n",
        "run.yaml:1: a text with a control character or a line break; one line of printable "
        "characters is needed"),
    BAD("seed: &x 1\nname: *x\n", "run.yaml:2: the alias *x; the value itself is needed"),
    BAD("data: &x [*x]\n", "run.yaml:1: the alias *x; the value itself is needed"),
    BAD("name: *x\n", "run.yaml:1: the alias *x; the value itself is needed"),
    BAD("seed: !!int 3\n", "run.yaml:1: the tag tag:yaml.org,2002:int; values without tags are needed"),
    BAD("[1]: 3\n", "run.yaml:1: a key is a list; a name is needed"),
    BAD("a: [[[[[[[[[[[[[[1]]]]]]]]]]]]]]\n", "run.yaml:1: lists and maps more than 12 deep"),
    BAD("seed: 1\n---\nseed: 2\n", "run.yaml:2: a second document; one description a file is needed"),
    BAD_FLAG("training.batch=0", WHOLE_NEED),
    BAD_FLAG("training.batch=", WHOLE_NEED),
    BAD_FLAG("training.batch=[3]", WHOLE_NEED),
    BAD_FLAG("stream.order=[1, x]",
             "stream.order[1] is \"x\"; a whole number from 0 to 2147483647 is needed"),
    BAD_FLAG("training.epoch=3", "training.epoch is not a key (did you mean training.epochs?)"),
    BAD_FLAG("training=3", "training is a section; one of its keys is needed"),
    BAD_FLAG("training.batch", "KEY=VALUE is needed, such as method.lambda1=2e-3"),
    BAD_FLAG("=3", "KEY=VALUE is needed, such as method.lambda1=2e-3"),
    BAD_FLAG("", "KEY=VALUE is needed, such as method.lambda1=2e-3"),
    BAD_FLAG("stream.order=[1", "not YAML: did not find expected ',' or ']' while parsing a flow sequence"),
    BAD_FLAG("method.solver=joint", "method.solver joint needs a finite method.lambda2, such as 100"),
    BAD_FLAG("shards=200",
             "shards does not fit: training.batch is 100, and at least one image for each of 200 "
             "shards is needed")};

static void parse_bad_input_names_place_and_remedy(void **state) {
    (void)state;
    for (int i = 0; i < COUNT(bad_inputs); i++) {
        const bad_input *bad = &bad_inputs[i];
        apd_description *untouched = (apd_description *)(uintptr_t)8;
        apd_description *out = untouched;
        apd_error error = {0};
        assert_int_equal(parse(bad->text, &bad->setting, bad->setting != NULL, &out, &error),
                         APD_ERROR_USAGE);
        assert_string_equal(error.message, bad->message);
        assert_ptr_equal(out, untouched);
    }
}

static void parse_hostile_sizes_are_refused_quickly(void **state) {
    (void)state;
    int64_t bytes = APD_YAML_BYTES;
    char *text = malloc((size_t)bytes + 1);
    const char *fills[] = {"[", "{", "- ", "? ", "a: ", "&a ", "\"", "[1],"};
    assert_non_null(text);
    for (int f = 0; f < COUNT(fills); f++) {
        size_t length = strlen(fills[f]);
        for (int64_t at = 0; at < bytes; at++)
            text[at] = fills[f][(size_t)at % length];
        apd_description *out = NULL;
        apd_error error = {0};
        assert_int_equal(apd_description_parse("run.yaml", text, bytes, NULL, 0, &out, &error),
                         APD_ERROR_USAGE);
        assert_null(out);
    }
    apd_description *out = NULL;
    apd_error error = {0};
    assert_int_equal(apd_description_parse("run.yaml", text, bytes + 1, NULL, 0, &out, &error),
                     APD_ERROR_USAGE);
    assert_string_equal(error.message, "run.yaml: longer than 1048576 bytes: not a run description");
    free(text);
}

static void parse_map_of_many_keys_is_refused(void **state) {
    (void)state;
    char text[8192] = "";
    size_t used = 0;
    for (int i = 0; i <= APD_YAML_KEYS; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "key%d: 1\n", i);
    apd_description *out = NULL;
    apd_error error = {0};
    assert_int_equal(parse(text, NULL, 0, &out, &error), APD_ERROR_USAGE);
    assert_string_equal(error.message, "run.yaml:257: a map of more than 256 keys");
}

/* libyaml compares each directive with all before it: a megabyte of them would take a minute. */
static void parse_many_tag_directives_are_refused_quickly(void **state) {
    (void)state;
    static char text[APD_YAML_BYTES];
    size_t used = 0;
    for (int i = 0; used < sizeof text - 20; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%%TAG !%x! y\n", (unsigned)i);
    apd_description *out = NULL;
    apd_error error = {0};
    clock_t start = clock();
    assert_int_equal(apd_description_parse("run.yaml", text, (int64_t)used, NULL, 0, &out, &error),
                     APD_ERROR_USAGE);
    assert_string_equal(error.message, "run.yaml:101: more than 100 %TAG; values without tags are needed");
    assert_true(clock() - start < 5 * CLOCKS_PER_SEC);
}

static void parse_other_encoding_is_refused(void **state) {
    (void)state;
    static const char text[] = "\xff\xfes\0e\0e\0d\0:\0 \0001\0\n";
    apd_description *out = NULL;
    apd_error error = {0};
    assert_int_equal(apd_description_parse("run.yaml", text, sizeof text, NULL, 0, &out, &error),
                     APD_ERROR_USAGE);
    assert_string_equal(error.message, "run.yaml:1: not YAML: invalid leading UTF-8 octet");
}

/* --- overlays and cross-key values
 * -------------------------------------------------------------------------- */

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
    assert_string_equal(d->data.file, "/a=b.h5");
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

static void parse_stl_with_joint_settings_left_over_is_accepted(void **state) {
    (void)state;
    apd_description *d = parse_good(SMALLEST "method: {name: stl, solver: joint}");
    assert_int_equal(d->method.name, APD_METHOD_STL);
    apd_description_destroy(d);
}

/* --- writing and digests
 * ------------------------------------------------------------------------------------ */

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
    assert_string_equal(first->data.file, second->data.file);
    assert_string_equal(first->network.preset, second->network.preset);
    assert_int_equal(first->network.layer_count, second->network.layer_count);
    assert_memory_equal(first->network.layers, second->network.layers,
                        (size_t)first->network.layer_count * sizeof *first->network.layers);
    assert_memory_equal(&first->method, &second->method, sizeof first->method);
    assert_memory_equal(&first->training, &second->training, sizeof first->training);
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
                                  "training.epochs=21",
                                  "training.batch=99",
                                  "training.lr=2e-3",
                                  "training.schedule=constant",
                                  "training.decay=0.9",
                                  "training.weight_decay=1e-4",
                                  "training.beta1=0.8",
                                  "training.beta2=0.9",
                                  "training.epsilon=1e-7",
                                  "log.evaluate_batch=8"};
    const char *const free_ones[] = {"name=b",
                                     "output=c",
                                     "log.interval=7",
                                     "log.stall_seconds=7",
                                     "data.file=/moved.h5",
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
    const char *parts[] = {"\ndata.file ",          "\nstream.order ",
                           "\nnetwork.layers ",     "\nlog.evaluate_batch ",
                           "count, median or none", "a whole number from 1 to 100000 ",
                           "a number > 0 or inf",   "0.95",
                           "  max_pool stride ",    "as kernel"};
    for (int i = 0; i < COUNT(parts); i++)
        assert_has(text, parts[i]);
    free(text);
}

/* --- files
 * -------------------------------------------------------------------------------------------------- */

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
        assert_string_equal(d->data.file, expected);
        assert_string_equal(d->name, "mine");
        apd_description_destroy(d);
    }
}

static void read_missing_or_long_file_says_so(void **state) {
    (void)state;
    apd_description *d = NULL;
    apd_error error = {0};
    assert_int_equal(apd_description_read("none.yaml", NULL, 0, &d, &error), APD_ERROR_IO);
    assert_string_equal(error.message, "cannot open none.yaml: No such file or directory");
    error = (apd_error){0};
    assert_int_equal(apd_description_read(".", NULL, 0, &d, &error), APD_ERROR_IO);
    assert_string_equal(error.message, "cannot read .: Is a directory");
    put(".", "big.yaml", "");
    assert_int_equal(truncate("big.yaml", APD_YAML_BYTES + 1), 0);
    error = (apd_error){0};
    assert_int_equal(apd_description_read("big.yaml", NULL, 0, &d, &error), APD_ERROR_USAGE);
    assert_string_equal(error.message, "big.yaml is longer than 1048576 bytes");
    assert_null(d);
}

/* --- damaged text
 * ------------------------------------------------------------------------------------------- */

/* Change, drop or double a few bytes, or cut the text. Returns its new length. */
static size_t damage(char *text, size_t length, size_t room, const apd_random *random) {
    static const char bytes[] = "[]{}:,-#&*!|>'\"%@`?~ \n\t\x00\xff\xc3"
                                "0a9.e";
    int64_t edits = 1 + apd_random_below(random, 0, 6);
    for (int64_t e = 0; e < edits && length > 1; e++) {
        size_t at = (size_t)apd_random_below(random, 4 * e + 1, (int64_t)length);
        char byte = bytes[apd_random_below(random, 4 * e + 2, (int64_t)sizeof bytes - 1)];
        int64_t way = apd_random_below(random, 4 * e + 3, 16);
        if (way == 0) {
            length = at;
        } else if (way < 8) {
            text[at] = byte;
        } else if (way < 12 || length == room) {
            memmove(text + at, text + at + 1, length - at - 1);
            length--;
        } else {
            memmove(text + at + 1, text + at, length - at);
            text[at] = byte;
            length++;
        }
    }
    return length;
}

static void parse_damaged_text_fails_with_a_line_or_succeeds(void **state) {
    (void)state;
    size_t full = strlen(everything);
    int refused = 0;
    for (uint32_t round = 0; round < 6000; round++) {
        apd_random random = apd_random_stream(1, APD_RANDOM_TEST, round, 0);
        char *copy = malloc(full + 16);
        assert_non_null(copy);
        memcpy(copy, everything, full);
        size_t length = damage(copy, full, full + 16, &random);
        char *exact = malloc(length + (length == 0)); /* a read past the end is seen by the sanitizer */
        assert_non_null(exact);
        memcpy(exact, copy, length);
        apd_description *d = NULL;
        apd_error error = {0};
        apd_status status = apd_description_parse("run.yaml", exact, (int64_t)length, NULL, 0, &d, &error);
        assert_true(status == APD_OK || status == APD_ERROR_USAGE);
        assert_true((status == APD_OK) == (error.message[0] == '\0') && (status == APD_OK) == (d != NULL));
        refused += status != APD_OK;
        apd_description_destroy(d);
        free(exact);
        free(copy);
    }
    assert_in_range(refused, 3000, 5999);
}

static void parse_every_prefix_fails_with_a_line_or_succeeds(void **state) {
    (void)state;
    for (size_t length = 0; length < strlen(everything); length++) {
        apd_description *d = NULL;
        apd_error error = {0};
        apd_status status =
            apd_description_parse("run.yaml", everything, (int64_t)length, NULL, 0, &d, &error);
        assert_true((status == APD_OK) == (d != NULL) && (status == APD_OK) == (error.message[0] == '\0'));
        apd_description_destroy(d);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_smallest_description_gives_documented_defaults),
        cmocka_unit_test(parse_every_key_sets_every_field),
        cmocka_unit_test(parse_layers_sets_specs_and_their_defaults),
        cmocka_unit_test(parse_order_forms_set_kind_and_value),
        cmocka_unit_test(parse_presets_resolve_to_the_published_layers),
        cmocka_unit_test(parse_bad_input_names_place_and_remedy),
        cmocka_unit_test(parse_hostile_sizes_are_refused_quickly),
        cmocka_unit_test(parse_map_of_many_keys_is_refused),
        cmocka_unit_test(parse_many_tag_directives_are_refused_quickly),
        cmocka_unit_test(parse_other_encoding_is_refused),
        cmocka_unit_test(parse_settings_come_on_top_in_order),
        cmocka_unit_test(parse_setting_replaces_lists_of_the_file),
        cmocka_unit_test(parse_short_run_lowers_default_polishing_only),
        cmocka_unit_test(parse_stl_with_joint_settings_left_over_is_accepted),
        cmocka_unit_test(write_reads_back_to_the_same_description),
        cmocka_unit_test(write_says_where_each_value_came_from),
        cmocka_unit_test(digest_changes_with_values_that_results_depend_on),
        cmocka_unit_test(digest_of_preset_equals_its_layers_written_out),
        cmocka_unit_test(help_lists_every_section_with_ranges_and_defaults),
        cmocka_unit_test_setup_teardown(read_resolves_data_file_beside_description_or_in_working_folder,
                                        make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(read_missing_or_long_file_says_so, make_folder, remove_folder),
        cmocka_unit_test(parse_damaged_text_fails_with_a_line_or_succeeds),
        cmocka_unit_test(parse_every_prefix_fails_with_a_line_or_succeeds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
