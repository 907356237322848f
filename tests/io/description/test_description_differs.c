/* The first key in which two descriptions differ. */
#include "io/description/description.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define PLAIN "data: {file: /d.h5}\nstream: {classes_per_task: 5}\n"

static apd_description *parse(const char *text, const char *setting) {
    apd_description *made = NULL;
    apd_error error = {0};
    if (apd_description_parse("run.yaml", text, (int64_t)strlen(text), &setting, setting != NULL, &made,
                              &error) != APD_OK)
        fail_msg("%s", error.message);
    return made;
}

static bool differs(const char *first, const char *second, const char *const *ignored,
                    apd_description_difference *found) {
    apd_description *a = parse(PLAIN, first), *b = parse(PLAIN, second);
    *found = (apd_description_difference){.key = NULL};
    bool answer = apd_description_differs(a, b, ignored, found);
    assert_true(answer == (found->key != NULL));
    apd_description_destroy(a);
    apd_description_destroy(b);
    return answer;
}

static void differs_names_key_and_both_values(void **state) {
    (void)state;
    static const struct {
        const char *first, *second, *key, *first_value, *second_value;
    } cases[] = {
        {"seed=7", "seed=8", "seed", "7", "8"},
        {"training.lr=1e-2", NULL, "training.lr", "0.01", "0.001"},
        {NULL, "method.lambda2=100", "method.lambda2", "inf", "100"},
        {"stream.order=[1, 0]", "stream.order=seed 3", "stream.order", "[1, 0]", "\"seed 3\""},
        {"data.flip=true", NULL, "data.flip", "true", "false"},
        {"shards=2", NULL, "shards", "2", "auto"},
        /* layers follow from these */
        {"network.preset=lenet-large", NULL, "network.preset", "\"lenet-large\"", "\"lenet\""},
        {NULL, "network.lrn=true", "network.lrn", "false", "true"},
        {"network.layers=[relu]", "network.layers=[{dense: {units: 3}}]", "network.layers", "[relu]",
         "[{dense: {units: 3}}]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        apd_description_difference found;
        assert_true(differs(cases[i].first, cases[i].second, NULL, &found));
        assert_string_equal(found.key, cases[i].key);
        assert_string_equal(found.first, cases[i].first_value);
        assert_string_equal(found.second, cases[i].second_value);
    }
}

static void differs_leaves_aside_what_results_do_not_depend_on(void **state) {
    (void)state;
    apd_description_difference found;
    assert_false(differs(NULL, NULL, NULL, &found));
    assert_false(differs("name=other", NULL, NULL, &found));
    assert_false(differs("output=/elsewhere", NULL, NULL, &found));
    assert_false(differs("log.interval=3", NULL, NULL, &found));
    assert_false(differs("log.stall_seconds=0", NULL, NULL, &found));
    assert_false(differs("data.file=/moved.h5", NULL, NULL, &found));
    assert_false(differs("training.lr=0.001", NULL, NULL, &found)); /* the default, written out */
}

static void differs_leaves_aside_ignored_keys(void **state) {
    (void)state;
    static const char *const seed[] = {"seed", NULL};
    static const char *const both[] = {"seed", "stream.order", NULL};
    apd_description_difference found;
    assert_false(differs("seed=7", "seed=8", seed, &found));
    assert_true(differs("stream.order=[0]", NULL, seed, &found));
    assert_false(differs("stream.order=[0]", NULL, both, &found));
    assert_true(differs("training.batch=7", NULL, both, &found));
}

static void differs_preset_equals_its_layers_written_out(void **state) {
    (void)state;
    apd_description_difference found;
    apd_description *preset = parse(PLAIN "network: {preset: mlp, widths: [5]}\n", NULL);
    apd_description *layers = parse(PLAIN "network: {layers: [{dense: {units: 5}}, relu]}\n", NULL);
    assert_false(apd_description_differs(preset, layers, NULL, &found));
    apd_description_destroy(preset);
    apd_description_destroy(layers);
}

/* Two long lists that differ near their ends: the message shows that place. */
static void differs_long_values_are_cut_around_the_place(void **state) {
    (void)state;
    char texts[2][1200];
    for (int i = 0; i < 2; i++) {
        size_t used = (size_t)snprintf(texts[i], sizeof texts[i], "stream.order=[0");
        for (int k = 1; k < 200; k++) /* the last two are swapped */
            used += (size_t)snprintf(texts[i] + used, sizeof texts[i] - used, ", %d",
                                     i == 1 && k >= 198 ? 198 + 199 - k : k);
        (void)snprintf(texts[i] + used, sizeof texts[i] - used, "]");
    }
    apd_description_difference found;
    assert_true(differs(texts[0], texts[1], NULL, &found));
    assert_string_equal(found.first, "...95, 196, 197, 198, 199]");
    assert_string_equal(found.second, "...95, 196, 197, 199, 198]");
    assert_true(differs("stream.order=[1, 0]", texts[0], NULL, &found));
    assert_string_equal(found.first, "[1, 0]");
    assert_int_equal(strlen(found.second), sizeof found.second - 1);
    assert_string_equal(found.second + sizeof found.second - 4, "...");
    assert_memory_equal(found.second, "[0, 1, 2, ", 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(differs_names_key_and_both_values),
        cmocka_unit_test(differs_leaves_aside_what_results_do_not_depend_on),
        cmocka_unit_test(differs_leaves_aside_ignored_keys),
        cmocka_unit_test(differs_preset_equals_its_layers_written_out),
        cmocka_unit_test(differs_long_values_are_cut_around_the_place),
    };
    return cmocka_run_group_tests_name("description_differs", tests, NULL, NULL);
}
