/* Run descriptions that are refused: messages, hostile sizes, damaged text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/random.h"
#include "description_cases.h"
#include "io/description/yaml.h"

/* --- complaints --------------------------------------------------------------------------------------- */

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
    BAD("stream: {order: [0, 2]}\n", "run.yaml:1: stream.order is no order; each of 0 to 1 once is needed"),
    BAD("stream: {order: [0, 0]}\n", "run.yaml:1: stream.order is no order; each of 0 to 1 once is needed"),
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
    BAD(SMALLEST "method: {name: apd-joint}\n",
        "run.yaml:3: method.name apd-joint needs a finite method.lambda2, such as 100"),
    BAD(SMALLEST "method: {solver: joint}\n",
        "run.yaml:3: method.solver is no longer a key: use method.name: apd-joint"),
    BAD(SMALLEST "method: {solver: [exact]}\n",
        "run.yaml:3: method.solver is no longer a key: leave it out; method.name says all"),
    BAD(SMALLEST "method: {name: sgd}\n",
        "run.yaml:3: method.name is \"sgd\"; apd, apd-retro, apd-fixed, "
        "apd-joint, stl, finetune, multitask, l2t, ewc, packnet or wsn is needed"),
    BAD(SMALLEST "method: {name: [apd]}\n",
        "run.yaml:3: method.name is a list; apd, apd-retro, apd-fixed, "
        "apd-joint, stl, finetune, multitask, l2t, ewc, packnet or wsn is needed"),
    BAD("data: {file: x.h5}\nstream: {classes_per_task: 2, forget: [1, 3]}\nmethod: {name: ewc}\n",
        "run.yaml:2: stream.forget cannot be used with method.name ewc: the tasks' Fisher informations are "
        "kept as one "
        "sum, which no task can be taken out of; leave it out, or use apd"),
    BAD(SMALLEST "method: {ewc_strength: inf}\n",
        "run.yaml:3: method.ewc_strength is \"inf\"; a number >= 0 and <= 1e+30 is needed"),
    BAD(SMALLEST "method: {packnet_prune: 1}\n",
        "run.yaml:3: method.packnet_prune is \"1\"; a number >= 0 and < 1 is needed"),
    BAD(SMALLEST "method: {wsn_density: 0}\n",
        "run.yaml:3: method.wsn_density is \"0\"; a number > 0 and <= 1 is needed"),
    BAD(SMALLEST "method: {ewc: sum}\n", "run.yaml:3: method.ewc is \"sum\"; tasks or online is needed"),
    BAD("data: {file: x.h5}\nstream: {classes_per_task: 2, forget: [1, 3, 2]}\n",
        "run.yaml:2: stream.forget has an odd number of entries (3); pairs of a task and the number of tasks "
        "after which it is "
        "forgotten are needed"),
    BAD("data: {file: x.h5}\nstream: {classes_per_task: 2, forget: [1, 0]}\n",
        "run.yaml:2: stream.forget forgets task 1 after 0 tasks; at least 1 is needed"),
    BAD(SMALLEST "training: {epochs: 4}\nmethod: {polish_epochs: 4}\n",
        "run.yaml:4: method.polish_epochs is 4; less than training.epochs (4) is needed"),
    BAD(SMALLEST "method: {budget: 0.1, polish_epochs: 0}\n",
        "run.yaml:3: method.budget needs method.polish_epochs above 0"),
    BAD(SMALLEST "training: {teachers: runs/a}\n",
        "run.yaml:3: training.teachers is \"runs/a\"; a list of texts is needed"),
    BAD(SMALLEST "training: {teachers: [a, [b]]}\n",
        "run.yaml:3: training.teachers[1] is a list; a text is needed"),
    BAD(SMALLEST "training: {temperature: 0}\n",
        "run.yaml:3: training.temperature is \"0\"; a number > 0 and <= 1000 is needed"),
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
    BAD("data: {file: /d}\nstream: {kind: subsets, classes_per_task: 3}\n",
        "run.yaml:2: stream.kind subsets needs stream.tasks, at least 1"),
    BAD("data: {file: /d}\nstream: {kind: subsets, tasks: 3}\n",
        "run.yaml:2: stream.kind subsets needs stream.classes_per_task, at least 1"),
    BAD(SMALLEST "evaluate: validation\n",
        "run.yaml:3: evaluate validation needs data.validation above 0, such as 0.1"),
    BAD(SMALLEST "evaluate: train\n", "run.yaml:3: evaluate is \"train\"; test or validation is needed"),
    BAD(SMALLEST "training: {warmup: 1.5}\n",
        "run.yaml:3: training.warmup is \"1.5\"; a number >= 0 and <= 1 is needed"),
    BAD("data: {file: /d}\nstream: {kind: list}\n",
        "run.yaml:2: stream.kind list needs stream.classes, such as [[0, 1], [2, 3]]"),
    BAD("data: {file: /d}\nstream: {classes_per_task: 2, classes: [[1]]}\n",
        "run.yaml:2: stream.classes is for stream.kind list only"),
    BAD("data: {file: /d}\nstream: {kind: superclass, classes_per_task: 2}\n",
        "run.yaml:2: stream.classes_per_task is for stream.kind split or subsets only"),
    BAD("data: {file: /d}\nstream: {kind: superclass, class_seed: 2}\n",
        "run.yaml:2: stream.class_seed is for stream.kind split or subsets only"),
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
    BAD("seed: 1\n---\nseed: 2\n", "run.yaml:2: a second document; a file holds one description"),
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
    BAD_FLAG("method.solver=joint", "method.solver is no longer a key: use method.name: apd-joint"),
    BAD_FLAG("method.name=apd-joint", "method.name apd-joint needs a finite method.lambda2, such as 100"),
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

/* --- damaged text ------------------------------------------------------------------------------------- */

/* Change, drop or repeat a few bytes, or cut the text. Returns its new length. */
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
        char *exact = malloc(length + (length == 0)); /* the sanitizer sees a read past the end */
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
        cmocka_unit_test(parse_bad_input_names_place_and_remedy),
        cmocka_unit_test(parse_hostile_sizes_are_refused_quickly),
        cmocka_unit_test(parse_map_of_many_keys_is_refused),
        cmocka_unit_test(parse_many_tag_directives_are_refused_quickly),
        cmocka_unit_test(parse_other_encoding_is_refused),
        cmocka_unit_test(parse_damaged_text_fails_with_a_line_or_succeeds),
        cmocka_unit_test(parse_every_prefix_fails_with_a_line_or_succeeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
