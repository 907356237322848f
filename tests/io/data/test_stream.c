/* Streams over a data set made in memory: class c of the training split has TRAIN_IMAGES[c] images, of the
 * test split TEST_IMAGES[c]; images of the classes are interleaved. */
#include "base/memory.h"
#include "io/data/stream.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CLASSES = 12 };
static const int TRAIN_IMAGES[CLASSES] = {1, 2, 3, 4, 5, 7, 10, 13, 20, 40, 40, 6};
static const int TEST_IMAGES[CLASSES] = {1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 0, 1};

static void fill_split(apd_dataset *data, apd_split split, const int *images) {
    int left[CLASSES], total = 0;
    for (int class = 0; class < CLASSES; class ++)
        total += left[class] = images[class];
    data->count[split] = total;
    data->labels[split] = apd_allocate(total, sizeof(int32_t), "labels");
    data->coarse[split] = apd_allocate(total, sizeof(int32_t), "coarse labels");
    for (int i = 0, class = 5; i < total; class = (class + 5) % CLASSES) {
        if (left[class] == 0)
            continue;
        left[class]--;
        data->labels[split][i] = class;
        data->coarse[split][i++] = (class * 7) % 3;
    }
}

static apd_dataset make_data(void) {
    /* the second name has the first of a letter's two bytes where a name's last byte goes */
    static char long_name[80], cut_name[80], *coarse_names[] = {"sea", cut_name, long_name};
    memset(long_name, 'x', sizeof long_name - 1);
    memset(cut_name, 'x', 62);
    memcpy(cut_name + 62, "\xc3\xa4", 3);
    apd_dataset data = {.path = "test.h5",
                        .shape = {2, 4, 4},
                        .image_bytes = 32,
                        .classes = CLASSES,
                        .coarse_classes = 3,
                        .coarse_names = coarse_names};
    fill_split(&data, APD_SPLIT_TRAIN, TRAIN_IMAGES);
    fill_split(&data, APD_SPLIT_TEST, TEST_IMAGES);
    return data;
}

static void clear_data(apd_dataset *data) {
    for (int split = 0; split < APD_SPLITS; split++) {
        free(data->labels[split]);
        free(data->coarse[split]);
    }
}

static apd_description describe(apd_stream_kind kind) {
    apd_description description = {.seed = 11};
    description.stream.kind = kind;
    description.stream.turns = 1;
    description.stream.class_seed = -1;
    description.stream.order_kind = APD_ORDER_LETTER;
    description.stream.order_letter = 'A';
    description.stream.rotation_step = 5;
    return description;
}

static apd_stream *make(const apd_description *description, const apd_dataset *data) {
    apd_stream *stream = NULL;
    apd_error error = {0};
    if (apd_stream_create(description, data, &stream, &error) != APD_OK)
        fail_msg("%s", error.message);
    return stream;
}

/* Assert that the stream is refused with `status` and a message with all `words` (separated by |). */
static void assert_refused(const apd_description *description, const apd_dataset *data, apd_status status,
                           const char *words) {
    apd_stream *stream = NULL;
    apd_error error = {0};
    assert_int_equal(apd_stream_create(description, data, &stream, &error), status);
    assert_null(stream);
    char text[256], *rest = text;
    snprintf(text, sizeof text, "%s", words);
    for (char *word; (word = strsep(&rest, "|")) != NULL;)
        if (strstr(error.message, word) == NULL)
            fail_msg("'%s' is not in: %s", word, error.message);
}

/* --- tasks ------------------------------------------------------------------------------------------------
 */

static void split_inOrder_cutsRuns(void **state) {
    (void)state;
    apd_dataset data = make_data();
    apd_description description = describe(APD_STREAM_SPLIT);
    description.stream.classes_per_task = 4;
    apd_stream *stream = make(&description, &data);
    assert_int_equal(stream->task_count, 3);
    assert_int_equal(stream->max_classes, 4);
    assert_string_equal(stream->tasks[1].name, "classes 4-7");
    for (int id = 0; id < 3; id++)
        for (int i = 0; i < 4; i++)
            assert_int_equal(stream->tasks[id].classes[i], 4 * id + i);
    apd_stream_destroy(stream);
    clear_data(&data);
}

static void split_oneClassEach_isNamedByIt(void **state) {
    (void)state;
    apd_dataset data = make_data();
    apd_description description = describe(APD_STREAM_SPLIT);
    description.stream.classes_per_task = 1;
    description.stream.tasks = 10;
    apd_stream *stream = make(&description, &data);
    assert_int_equal(stream->task_count, 10);
    assert_string_equal(stream->tasks[9].name, "class 9");
    apd_stream_destroy(stream);
    clear_data(&data);
}

static void split_bySeed_dealsEveryClassOnceAndOtherwiseForOtherSeeds(void **state) {
    (void)state;
    apd_dataset data = make_data();
    int sequence[2][CLASSES];
    for (int seed = 0; seed < 2; seed++) {
        apd_description description = describe(APD_STREAM_SPLIT);
        description.stream.classes_per_task = 3;
        description.stream.class_seed = seed;
        apd_stream *stream = make(&description, &data);
        int times[CLASSES] = {0};
        for (int i = 0; i < CLASSES; i++)
            times[sequence[seed][i] = stream->tasks[i / 3].classes[i % 3]]++;
        for (int class = 0; class < CLASSES; class ++)
            assert_int_equal(times[class], 1);
        assert_int_equal(strncmp(stream->tasks[0].name, "classes ", 8), 0);
        apd_stream_destroy(stream);
    }
    assert_memory_not_equal(sequence[0], sequence[1], sizeof sequence[0]);
    clear_data(&data);
}

static void split_impossible_namesTheKey(void **state) {
    (void)state;
    apd_dataset data = make_data();
    apd_description description = describe(APD_STREAM_SPLIT);
    assert_refused(&description, &data, APD_ERROR_USAGE, "stream.classes_per_task is 0|1 to 12");
    description.stream.classes_per_task = 13;
    assert_refused(&description, &data, APD_ERROR_USAGE, "stream.classes_per_task is 13|test.h5|1 to 12");
    description.stream.classes_per_task = 5;
    assert_refused(&description, &data, APD_ERROR_USAGE, "stream.classes_per_task is 5|stream.tasks: 2");
    description.stream.tasks = 3;
    assert_refused(&description, &data, APD_ERROR_USAGE, "stream.tasks is 3|0 (all) to 2 is needed");
    description.stream.classes_per_task = 1;
    description.stream.tasks = 12; /* class 10 has no test images */
    assert_refused(&description, &data, APD_ERROR_DATA, "test.h5|no test images|task 10 (class 10)");
    clear_data(&data);
}

/* --- subsets: from their definition, at lengths that no permutation divides --------------------------------------- */

static apd_description describe_subsets(int tasks, int each, int64_t seed) {
    apd_description description = describe(APD_STREAM_SUBSETS);
    description.stream.tasks = tasks;
    description.stream.classes_per_task = each;
    description.stream.class_seed = seed;
    return description;
}

static void subsets_ofAnySize_areDistinctAndBalancedAtEveryLength(void **state) {
    (void)state;
    apd_dataset data = make_data();
    data.labels[APD_SPLIT_TEST][0] = 10; /* which has no test image otherwise */
    for (int each = 1; each <= CLASSES; each++) {
        apd_description description = describe_subsets(1000, each, 4);
        apd_stream *stream = make(&description, &data);
        int used[CLASSES] = {0}, companies = 0;
        assert_int_equal(stream->task_count, 1000);
        assert_int_equal(stream->max_classes, each);
        for (int id = 0; id < 1000; id++) {
            const int *classes = stream->tasks[id].classes;
            bool has[CLASSES] = {false};
            assert_int_equal(stream->tasks[id].class_count, each);
            assert_true(strncmp(stream->tasks[id].name, "class", 5) == 0);
            for (int i = 0; i < each; i++) {
                assert_in_range(classes[i], 0, CLASSES - 1);
                assert_false(has[classes[i]]);
                has[classes[i]] = true;
                used[classes[i]]++;
            }
            int least = used[0], most = used[0];
            for (int class = 1; class < CLASSES; class ++) {
                least = used[class] < least ? used[class] : least;
                most = used[class] > most ? used[class] : most;
            }
            assert_true(most - least <= 1);
            companies += has[0] && has[1]; /* 0 and 1 meet in some tasks, and not in all that have one */
        }
        if (each > 1 && each < CLASSES) {
            int expected = 1000 * each * (each - 1) / (CLASSES * (CLASSES - 1));
            assert_in_range(companies, expected / 2, expected + expected / 2 + 10);
        }
        apd_stream_destroy(stream);
    }
    clear_data(&data);
}

static void subsets_ofALongerStream_beginWithThoseOfAShorterOne(void **state) {
    (void)state;
    apd_dataset data = make_data();
    int differ = 0;
    apd_description long_one = describe_subsets(50, 5, 9);
    apd_stream *longer = make(&long_one, &data);
    for (int tasks = 1; tasks < 50; tasks += 7) {
        apd_description description = describe_subsets(tasks, 5, 9);
        description.seed = 77; /* neither the run's seed nor the order moves a class */
        description.stream.order_kind = APD_ORDER_SEED;
        description.stream.order_seed = 3;
        apd_stream *shorter = make(&description, &data);
        for (int id = 0; id < tasks; id++)
            assert_memory_equal(shorter->tasks[id].classes, longer->tasks[id].classes, 5 * sizeof(int));
        apd_stream_destroy(shorter);
    }
    for (int64_t seed = -1; seed <= 1; seed++) { /* -1 is 0; other seeds draw other classes */
        apd_description description = describe_subsets(50, 5, seed), zero = describe_subsets(50, 5, 0);
        apd_stream *one = make(&description, &data), *other = make(&zero, &data);
        for (int id = 0; id < 50; id++) {
            int different = memcmp(one->tasks[id].classes, other->tasks[id].classes, 5 * sizeof(int)) != 0;
            assert_true(seed == 1 || !different);
            differ += different;
        }
        apd_stream_destroy(one);
        apd_stream_destroy(other);
    }
    assert_true(differ > 40);
    apd_stream_destroy(longer);
    clear_data(&data);
}

static void subsets_impossible_nameTheKey(void **state) {
    (void)state;
    apd_dataset data = make_data();
    apd_description description = describe_subsets(3, CLASSES + 1, 0);
    assert_refused(&description, &data, APD_ERROR_USAGE, "stream.classes_per_task is 13|1 to 12 is needed");
    description = describe_subsets(0, 2, 0);
    assert_refused(&description, &data, APD_ERROR_USAGE, "stream.tasks is 0|subsets needs 1 or more");
    description = describe_subsets(12, 3, 0);
    description.stream.order_letter = 'B';
    assert_refused(&description, &data, APD_ERROR_USAGE, "stream.order is B|10 or 20 tasks|has 12|seed N");
    clear_data(&data);
}

/* --- what is measured --------------------------------------------------------------------------------------------- */

static void evaluateValidation_ofTooFewImages_isRefusedAndNeedsNoTestPart(void **state) {
    (void)state;
    apd_dataset data = make_data();
    apd_description description = describe(APD_STREAM_LIST);
    int small[] = {0, 1}, large[] = {9, 10}, *lists[] = {large, small}, counts[] = {2, 2};
    description.stream.classes = lists;
    description.stream.class_counts = counts;
    description.stream.class_lists = 2;
    description.evaluate = APD_EVALUATE_VALIDATION;
    description.data.validation = 0.1; /* none of 1 and of 2 images */
    assert_refused(&description, &data, APD_ERROR_USAGE, "data.validation is 0.1|no image of task 1");
    description.stream.class_lists = 1;
    free(data.labels[APD_SPLIT_TEST]); /* class 10 has no test image, and there need not be any */
    free(data.coarse[APD_SPLIT_TEST]);
    data.labels[APD_SPLIT_TEST] = data.coarse[APD_SPLIT_TEST] = NULL;
    data.count[APD_SPLIT_TEST] = 0;
    apd_stream *stream = make(&description, &data);
    assert_int_equal(stream->measured, APD_PART_VALIDATION);
    apd_sample *samples;
    assert_int_equal(apd_stream_samples(stream, &data, 0, 0.1, APD_PART_VALIDATION, &samples), 8);
    free(samples);
    apd_stream_destroy(stream);
    clear_data(&data);
}

static void tasks_ofNamedClasses_areNamedByThemIfAllFit(void **state) {
    (void)state;
    apd_dataset data = make_data();
    char *names[CLASSES] = {"ant", "bee", "cat", "dog", "elk", "fox", "a camel of thirteen",
                            "h",   "i",   "j",   "k",   "l"};
    apd_description description = describe(APD_STREAM_SPLIT);
    description.stream.classes_per_task = 2;
    description.stream.tasks = 3;
    data.class_names = names;
    apd_stream *stream = make(&description, &data);
    assert_string_equal(stream->tasks[0].name, "ant, bee");
    assert_string_equal(stream->tasks[2].name, "elk, fox");
    apd_stream_destroy(stream);
    description.stream.tasks = 4; /* 22 bytes fit, 29 do not, nor does a class without a name */
    stream = make(&description, &data);
    assert_string_equal(stream->tasks[3].name, "a camel of thirteen, h");
    apd_stream_destroy(stream);
    names[7] = "12345678";
    stream = make(&description, &data);
    assert_string_equal(stream->tasks[0].name, "classes 0-1");
    assert_string_equal(stream->tasks[3].name, "classes 6-7");
    apd_stream_destroy(stream);
    names[7] = "";
    stream = make(&description, &data);
    assert_string_equal(stream->tasks[0].name, "classes 0-1");
    apd_stream_destroy(stream);
    names[7] = "h";
    int first[] = {2, 0}, second[] = {5};
    int *rows[] = {first, second}, counts[] = {2, 1};
    description = describe(APD_STREAM_LIST);
    description.stream.classes = rows;
    description.stream.class_counts = counts;
    description.stream.class_lists = 1;
    stream = make(&description, &data);
    assert_string_equal(stream->tasks[0].name, "cat, ant");
    apd_stream_destroy(stream);
    description.stream.class_lists = 2;
    stream = make(&description, &data);
    assert_string_equal(stream->tasks[0].name, "classes 2,0");
    assert_string_equal(stream->tasks[1].name, "class 5");
    apd_stream_destroy(stream);
    clear_data(&data);
}

static void list_ofClasses_isTakenAsWritten(void **state) {
    (void)state;
    apd_dataset data = make_data();
    int first[] = {7, 2, 9}, second[] = {2}, third[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 10};
    int *rows[] = {first, second, third}, counts[] = {3, 1, 12};
    apd_description description = describe(APD_STREAM_LIST);
    description.stream.classes = rows;
    description.stream.class_counts = counts;
    description.stream.class_lists = 3;
    apd_stream *stream = make(&description, &data);
    assert_int_equal(stream->task_count, 3);
    assert_int_equal(stream->max_classes, 12);
    assert_memory_equal(stream->tasks[0].classes, first, sizeof first);
    assert_string_equal(stream->tasks[0].name, "classes 7,2,9");
    assert_string_equal(stream->tasks[1].name, "class 2");
    assert_string_equal(stream->tasks[2].name, "classes 0,1,2,3,4,5,6,7,8,9,11,10");
    apd_stream_destroy(stream);
    clear_data(&data);
}

static void list_ofManyClasses_hasANameThatEndsInDots(void **state) {
    (void)state;
    enum { MANY = 300 };
    int32_t labels[MANY];
    int row[MANY], *rows[] = {row}, counts[] = {MANY};
    for (int i = 0; i < MANY; i++)
        row[i] = labels[i] = MANY - 1 - i;
    apd_dataset data = {.path = "many.h5", .shape = {1, 1, 1}, .image_bytes = 1, .classes = MANY};
    for (int split = 0; split < APD_SPLITS; split++) {
        data.count[split] = MANY;
        data.labels[split] = labels;
    }
    apd_description description = describe(APD_STREAM_LIST);
    description.stream.classes = rows;
    description.stream.class_counts = counts;
    description.stream.class_lists = 1;
    apd_stream *stream = make(&description, &data);
    const char *name = stream->tasks[0].name;
    assert_int_equal(strncmp(name, "classes 299,298,297,", 20), 0);
    assert_string_equal(name + strlen(name) - 4, ",...");
    apd_stream_destroy(stream);
}

static void list_wrong_namesTheRow(void **state) {
    (void)state;
    apd_dataset data = make_data();
    data.classes++; /* a class without images between others */
    int good[] = {9}, outside[] = {3, 13}, negative[] = {-1}, twice[] = {4, 5, 4}, unused[] = {12};
    const struct {
        int *row, count;
        const char *words;
    } cases[] = {
        {outside, 2, "stream.classes[1]|class 13|0 to 12"},
        {negative, 1, "stream.classes[1]|class -1"},
        {twice, 3, "stream.classes[1]|class 4|twice"},
        {unused, 1, "stream.classes[1]|class 12|has no images"},
        {good, 0, "stream.classes[1]|empty"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int *rows[] = {good, cases[i].row}, counts[] = {1, cases[i].count};
        apd_description description = describe(APD_STREAM_LIST);
        description.stream.classes = rows;
        description.stream.class_counts = counts;
        description.stream.class_lists = 2;
        assert_refused(&description, &data, APD_ERROR_USAGE, cases[i].words);
    }
    apd_description description = describe(APD_STREAM_LIST);
    assert_refused(&description, &data, APD_ERROR_USAGE, "stream.classes|no lists");
    clear_data(&data);
}

static void superclass_fromCoarseLabels_hasTheirClassesAndNames(void **state) {
    (void)state;
    apd_dataset data = make_data();
    apd_description description = describe(APD_STREAM_SUPERCLASS);
    apd_stream *stream = make(&description, &data);
    assert_int_equal(stream->task_count, 3);
    const int expected[3][4] = {{0, 3, 6, 9}, {1, 4, 7, 10}, {2, 5, 8, 11}};
    for (int id = 0; id < 3; id++) {
        assert_int_equal(stream->tasks[id].class_count, 4);
        assert_memory_equal(stream->tasks[id].classes, expected[id], sizeof expected[id]);
    }
    assert_string_equal(stream->tasks[0].name, "sea");
    assert_int_equal(strlen(stream->tasks[1].name), 62);
    assert_int_equal(strlen(stream->tasks[2].name), 63);
    apd_stream_destroy(stream);
    data.coarse_names = NULL;
    stream = make(&description, &data);
    assert_string_equal(stream->tasks[2].name, "superclass 2");
    apd_stream_destroy(stream);
    clear_data(&data);
}

static void superclass_unusable_saysWhere(void **state) {
    (void)state;
    apd_dataset data = make_data();
    apd_description description = describe(APD_STREAM_SUPERCLASS);
    data.coarse_classes = 4;
    assert_refused(&description, &data, APD_ERROR_DATA, "test.h5|coarse label 3");
    data.coarse_classes = 3;
    description.stream.tasks = 4;
    assert_refused(&description, &data, APD_ERROR_USAGE, "stream.tasks is 4|superclasses is 3");
    description.stream.tasks = 0;
    int32_t *last = &data.coarse[APD_SPLIT_TEST][data.count[APD_SPLIT_TEST] - 1];
    *last = (*last + 1) % 3;
    assert_refused(&description, &data, APD_ERROR_DATA,
                   "test.h5|/test/coarse_labels: entry 17|one superclass");
    free(data.coarse[APD_SPLIT_TRAIN]);
    data.coarse[APD_SPLIT_TRAIN] = NULL;
    assert_refused(&description, &data, APD_ERROR_DATA, "superclass|/train/coarse_labels|test.h5");
    clear_data(&data);
}

static void permutationAndRotation_haveAllClassesInEveryTask(void **state) {
    (void)state;
    apd_dataset data = make_data();
    for (apd_stream_kind kind = APD_STREAM_PERMUTATION; kind <= APD_STREAM_ROTATION; kind++) {
        apd_description description = describe(kind);
        assert_refused(&description, &data, APD_ERROR_USAGE, "stream.tasks is 0|1 or more");
        description.stream.tasks = 8;
        apd_stream *stream = make(&description, &data);
        bool permutes = kind == APD_STREAM_PERMUTATION;
        assert_int_equal(stream->task_count, 8);
        for (int id = 0; id < 8; id++) {
            assert_int_equal(stream->tasks[id].class_count, CLASSES);
            assert_int_equal(stream->tasks[id].classes[CLASSES - 1], CLASSES - 1);
            assert_int_equal(stream->tasks[id].permuted, permutes && id > 0);
            assert_true(fabs(stream->tasks[id].angle - (permutes ? 0 : 5 * id)) < 1e-12);
        }
        assert_string_equal(stream->tasks[7].name, permutes ? "permutation 7" : "rotation 35");
        apd_stream_destroy(stream);
    }
    clear_data(&data);
}

static void turns_impossible_areRefused(void **state) {
    (void)state;
    apd_dataset data = make_data();
    apd_description description = describe(APD_STREAM_SUPERCLASS);
    for (int turns = -1; turns <= 5; turns++) {
        description.stream.turns = turns;
        if (turns != 1 && turns != 2 && turns != 4)
            assert_refused(&description, &data, APD_ERROR_USAGE, "stream.turns|1, 2 or 4");
    }
    data.shape.width = 5;
    description.stream.turns = 2;
    assert_refused(&description, &data, APD_ERROR_USAGE, "stream.turns is 2|square|4 x 5");
    clear_data(&data);
}

/* --- order ------------------------------------------------------------------------------------------------
 */

static apd_stream *ordered(const apd_dataset *data, int tasks, char letter) {
    apd_description description = describe(APD_STREAM_PERMUTATION);
    description.stream.tasks = tasks;
    description.stream.order_letter = letter;
    return make(&description, data);
}

static void order_ofLetters_isThePublishedTable(void **state) {
    (void)state;
    static const struct {
        int tasks;
        char letter;
        const char *ids;
    } rows[] = {
        {10, 'A', "0 1 2 3 4 5 6 7 8 9"},
        {10, 'B', "1 7 4 5 2 0 8 6 9 3"},
        {10, 'C', "7 0 5 1 8 4 3 6 2 9"},
        {10, 'D', "5 8 2 9 0 4 3 7 6 1"},
        {10, 'E', "2 9 5 4 8 0 6 1 3 7"},
        {20, 'A', "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19"},
        {20, 'B', "15 12 5 9 7 16 18 17 1 0 3 8 11 14 10 6 2 4 13 19"},
        {20, 'C', "17 1 19 18 12 7 6 0 11 15 10 5 13 3 9 16 4 14 2 8"},
        {20, 'D', "11 9 6 5 12 4 0 10 13 7 14 3 15 16 8 1 2 19 18 17"},
        {20, 'E', "6 14 0 11 12 17 13 4 9 1 7 19 8 10 3 15 18 5 2 16"},
        {3, 'A', "0 1 2"},
        {1, 'A', "0"},
    };
    apd_dataset data = make_data();
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        apd_stream *stream = ordered(&data, rows[row].tasks, rows[row].letter);
        bool seen[20] = {false};
        const char *at = rows[row].ids;
        for (int p = 0; p < rows[row].tasks; p++) {
            char *end;
            int id = (int)strtol(at, &end, 10);
            assert_ptr_not_equal(at, end);
            at = end;
            assert_int_equal(stream->order[p], id);
            assert_false(seen[id]);
            seen[id] = true;
        }
        apd_stream_destroy(stream);
    }
    clear_data(&data);
}

static void order_ofAnUnknownLetter_isRefused(void **state) {
    (void)state;
    apd_dataset data = make_data();
    apd_description description = describe(APD_STREAM_PERMUTATION);
    description.stream.tasks = 7;
    description.stream.order_letter = 'B';
    assert_refused(&description, &data, APD_ERROR_USAGE, "stream.order is B|10 or 20|7");
    description.stream.order_letter = 'F';
    assert_refused(&description, &data, APD_ERROR_USAGE, "stream.order is F|A to E");
    clear_data(&data);
}

static void order_ofAList_mustNameEveryTaskOnce(void **state) {
    (void)state;
    apd_dataset data = make_data();
    apd_description description = describe(APD_STREAM_PERMUTATION);
    description.stream.tasks = 4;
    description.stream.order_kind = APD_ORDER_LIST;
    int good[] = {2, 0, 3, 1}, twice[] = {2, 0, 2, 1}, outside[] = {2, 0, 4, 1}, negative[] = {-1, 0, 2, 1};
    description.stream.order = good;
    description.stream.order_count = 4;
    apd_stream *stream = make(&description, &data);
    assert_memory_equal(stream->order, good, sizeof good);
    assert_int_equal(stream->tasks[2].id, 2);
    apd_stream_destroy(stream);
    description.stream.order_count = 3;
    assert_refused(&description, &data, APD_ERROR_USAGE, "stream.order lists 3 of 4 task ids|0 to 3");
    description.stream.order_count = 4;
    description.stream.order = twice;
    assert_refused(&description, &data, APD_ERROR_USAGE, "stream.order[2] is 2|there twice");
    description.stream.order = outside;
    assert_refused(&description, &data, APD_ERROR_USAGE, "stream.order[2] is 4|no task's id|0 to 3");
    description.stream.order = negative;
    assert_refused(&description, &data, APD_ERROR_USAGE, "stream.order[0] is -1");
    clear_data(&data);
}

static void order_ofASeed_isAPermutationOfItsOwn(void **state) {
    (void)state;
    apd_dataset data = make_data();
    int orders[3][50];
    for (int i = 0; i < 3; i++) {
        apd_description description = describe(APD_STREAM_PERMUTATION);
        description.stream.tasks = 50;
        description.stream.order_kind = APD_ORDER_SEED;
        description.stream.order_seed = i == 2 ? 8 : 7;
        description.seed = (uint64_t)i;
        apd_stream *stream = make(&description, &data);
        memcpy(orders[i], stream->order, sizeof orders[i]);
        int64_t sum = 0, squares = 0;
        for (int p = 0; p < 50; p++) {
            sum += orders[i][p];
            squares += orders[i][p] * orders[i][p];
        }
        assert_int_equal(sum, 49 * 50 / 2);
        assert_int_equal(squares, 49 * 50 * 99 / 6);
        apd_stream_destroy(stream);
    }
    assert_memory_equal(orders[0], orders[1], sizeof orders[0]);
    assert_memory_not_equal(orders[0], orders[2], sizeof orders[0]);
    clear_data(&data);
}

/* --- samples ----------------------------------------------------------------------------------------------
 */

static void samples_ofATask_areItsImagesWithLabelsByPlace(void **state) {
    (void)state;
    apd_dataset data = make_data();
    int row[] = {9, 2, 7}, *rows[] = {row}, counts[] = {3};
    apd_description description = describe(APD_STREAM_LIST);
    description.stream.classes = rows;
    description.stream.class_counts = counts;
    description.stream.class_lists = 1;
    apd_stream *stream = make(&description, &data);
    for (int split = 0; split < APD_SPLITS; split++) {
        apd_sample *samples;
        int64_t count = apd_stream_samples(
            stream, &data, 0, 0, split == APD_SPLIT_TEST ? APD_PART_TEST : APD_PART_TRAIN, &samples);
        int64_t at = 0;
        for (int64_t i = 0; i < data.count[split]; i++)
            for (int place = 0; place < 3; place++)
                if (data.labels[split][i] == row[place]) {
                    assert_true(at < count);
                    assert_int_equal(samples[at].image, i);
                    assert_int_equal(samples[at].turn, 0);
                    assert_int_equal(samples[at++].label, place);
                }
        assert_int_equal(at, count);
        assert_int_equal(count, split == APD_SPLIT_TEST ? 3 + 1 + 2 : 40 + 3 + 13);
        free(samples);
    }
    apd_sample *none;
    assert_int_equal(apd_stream_samples(stream, &data, 0, 0, APD_PART_VALIDATION, &none), 0);
    assert_non_null(none);
    free(none);
    apd_stream_destroy(stream);
    clear_data(&data);
}

static apd_stream *whole(const apd_dataset *data, int turns, uint64_t seed) {
    apd_description description = describe(APD_STREAM_ROTATION);
    description.seed = seed;
    description.stream.tasks = 3;
    description.stream.turns = turns;
    return make(&description, data);
}

/* Marks[image] = the parts it is in (bit 0: train, bit 1: validation) once for each of its turns. */
static void mark_parts(const apd_stream *stream, const apd_dataset *data, int task, double validation,
                       int *marks) {
    memset(marks, 0, (size_t)data->count[APD_SPLIT_TRAIN] * sizeof *marks);
    for (int part = 0; part < 2; part++) {
        apd_sample *samples;
        int64_t count = apd_stream_samples(stream, data, task, validation,
                                           part == 0 ? APD_PART_TRAIN : APD_PART_VALIDATION, &samples);
        assert_int_equal(count % stream->turns, 0);
        for (int64_t i = 0; i < count; i++) {
            assert_int_equal(samples[i].turn, i % stream->turns);
            assert_int_equal(samples[i].image, samples[i - i % stream->turns].image);
            assert_int_equal(samples[i].label, data->labels[APD_SPLIT_TRAIN][samples[i].image]);
            if (i > 0)
                assert_true(samples[i].image >= samples[i - 1].image);
            marks[samples[i].image] += part == 0 ? 1 : 100;
        }
        free(samples);
    }
}

static void validation_ofAnyShare_isStratifiedAndDisjointAndKeepsTurnsTogether(void **state) {
    (void)state;
    static const double shares[] = {0, 0.01, 0.1, 0.2, 0.25, 0.5, 0.9, 0.999};
    static const int turns[] = {1, 2, 4};
    apd_dataset data = make_data();
    int marks[256];
    for (int t = 0; t < 3; t++) {
        apd_stream *stream = whole(&data, turns[t], 3);
        for (size_t s = 0; s < sizeof shares / sizeof *shares; s++) {
            mark_parts(stream, &data, 1, shares[s], marks);
            int held[CLASSES] = {0};
            for (int64_t i = 0; i < data.count[APD_SPLIT_TRAIN]; i++) {
                assert_true(marks[i] == turns[t] || marks[i] == 100 * turns[t]);
                held[data.labels[APD_SPLIT_TRAIN][i]] += marks[i] >= 100;
            }
            for (int class = 0; class < CLASSES; class ++) {
                int best = (int)floor(shares[s] * TRAIN_IMAGES[class] + 0.5);
                assert_int_equal(held[class], best < TRAIN_IMAGES[class] ? best : TRAIN_IMAGES[class] - 1);
            }
        }
        apd_stream_destroy(stream);
    }
    clear_data(&data);
}

static void validation_ofOtherSeedsAndTasks_holdsOutOtherImages(void **state) {
    (void)state;
    apd_dataset data = make_data();
    int marks[4][256] = {{0}};
    for (int i = 0; i < 4; i++) {
        apd_stream *stream = whole(&data, 1, i == 3 ? 4 : 3);
        mark_parts(stream, &data, i == 2, 0.3, marks[i]);
        apd_stream_destroy(stream);
    }
    assert_memory_equal(marks[0], marks[1], sizeof marks[0]);
    assert_memory_not_equal(marks[0], marks[2], sizeof marks[0]);
    assert_memory_not_equal(marks[0], marks[3], sizeof marks[0]);
    clear_data(&data);
}

static void samples_ofATestPart_areTurnedToo(void **state) {
    (void)state;
    apd_dataset data = make_data();
    apd_stream *stream = whole(&data, 4, 3);
    apd_sample *samples;
    assert_int_equal(apd_stream_samples(stream, &data, 0, 0.5, APD_PART_TEST, &samples), 18 * 4);
    for (int i = 0; i < 18 * 4; i++) {
        assert_int_equal(samples[i].image, i / 4);
        assert_int_equal(samples[i].turn, i % 4);
    }
    free(samples);
    apd_stream_destroy(stream);
    apd_stream_destroy(NULL);
    clear_data(&data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_inOrder_cutsRuns),
        cmocka_unit_test(split_oneClassEach_isNamedByIt),
        cmocka_unit_test(split_bySeed_dealsEveryClassOnceAndOtherwiseForOtherSeeds),
        cmocka_unit_test(split_impossible_namesTheKey),
        cmocka_unit_test(subsets_ofAnySize_areDistinctAndBalancedAtEveryLength),
        cmocka_unit_test(subsets_ofALongerStream_beginWithThoseOfAShorterOne),
        cmocka_unit_test(subsets_impossible_nameTheKey),
        cmocka_unit_test(evaluateValidation_ofTooFewImages_isRefusedAndNeedsNoTestPart),
        cmocka_unit_test(tasks_ofNamedClasses_areNamedByThemIfAllFit),
        cmocka_unit_test(list_ofClasses_isTakenAsWritten),
        cmocka_unit_test(list_ofManyClasses_hasANameThatEndsInDots),
        cmocka_unit_test(list_wrong_namesTheRow),
        cmocka_unit_test(superclass_fromCoarseLabels_hasTheirClassesAndNames),
        cmocka_unit_test(superclass_unusable_saysWhere),
        cmocka_unit_test(permutationAndRotation_haveAllClassesInEveryTask),
        cmocka_unit_test(turns_impossible_areRefused),
        cmocka_unit_test(order_ofLetters_isThePublishedTable),
        cmocka_unit_test(order_ofAnUnknownLetter_isRefused),
        cmocka_unit_test(order_ofAList_mustNameEveryTaskOnce),
        cmocka_unit_test(order_ofASeed_isAPermutationOfItsOwn),
        cmocka_unit_test(samples_ofATask_areItsImagesWithLabelsByPlace),
        cmocka_unit_test(validation_ofAnyShare_isStratifiedAndDisjointAndKeepsTurnsTogether),
        cmocka_unit_test(validation_ofOtherSeedsAndTasks_holdsOutOtherImages),
        cmocka_unit_test(samples_ofATestPart_areTurnedToo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
