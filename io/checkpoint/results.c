#include "io/checkpoint/results.h"

#include "base/memory.h"
#include "method/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SHORT_TEXT(text_) \
    { .number = APD_TEXT, .text = sizeof(text_) - 1 }

enum { AXIS = 12 }; /* bytes of an axis' name */

/* The data, each with its signal first. */
static const struct {
    const char *group;
    struct {
        const char *name;
        apd_number number;
        int rank;
    } arrays[3];
    int array_count, axis_count;
    char axes[2][AXIS];
    bool two; /* the second array is drawn beside the first */
} datas[] = {
    {"results/accuracy",
     {{"accuracy", APD_F32, 2}, {"after_task", APD_I32, 1}, {"task", APD_I32, 1}},
     3,
     2,
     {"after_task", "task"},
     false},
    {"results/average", {{"average_accuracy", APD_F64, 1}, {"tasks", APD_I32, 1}}, 2, 1, {"tasks"}, false},
    {"results/tasks",
     {{"accuracy", APD_F64, 1}, {"accuracy_learned", APD_F64, 1}, {"task", APD_I32, 1}},
     3,
     1,
     {"task"},
     true},
    {"results/capacity", {{"capacity", APD_F64, 1}, {"tasks", APD_I32, 1}}, 2, 1, {"tasks"}, false},
};
enum { DATAS = sizeof datas / sizeof datas[0] };

static void add_attribute(apd_results_part *to, int g, const char *name, apd_shape shape, const void *value) {
    apd_part_group *group = &to->groups[g];
    APD_ASSERT(group->attribute_count < APD_RESULT_ATTRIBUTES);
    to->attributes[g][group->attribute_count++] = (apd_part_attribute){name, shape, value};
}

static void add_text(apd_results_part *to, int g, const char *name, const char *text) {
    add_attribute(to, g, name, (apd_shape){.number = APD_TEXT, .text = (int64_t)strlen(text)}, text);
}

static void add_array(apd_results_part *to, int g, const char *name, apd_shape shape, const void *bytes) {
    apd_part_group *group = &to->groups[g];
    APD_ASSERT(group->array_count < APD_RESULT_ARRAYS);
    to->bytes[g][group->array_count] = bytes;
    to->arrays[g][group->array_count++] = (apd_part_array){name, shape};
}

static void begin_group(apd_results_part *to, const char *name) {
    int g = to->group_count++;
    to->groups[g] = (apd_part_group){.name = name, .attributes = to->attributes[g], .arrays = to->arrays[g]};
}

static void describe_entry(apd_results_part *to, const apd_run_state *state, bool alone) {
    static const char *const names[] = {"average_accuracy",  "learning_accuracy", "worst_accuracy",
                                        "backward_transfer", "forgetting",        "capacity"};
    begin_group(to, "results");
    add_text(to, 0, "NX_class", "NXentry");
    add_text(to, 0, "default", "accuracy");
    if (state->program[0] != '\0')
        add_text(to, 0, "program", state->program);
    for (int n = 0; n < 6; n++)
        add_attribute(to, 0, names[n], (apd_shape){.number = APD_F64}, &to->numbers[n]);
    if (alone)
        add_array(to, 0, "run_yaml",
                  (apd_shape){.number = APD_TEXT, .text = (int64_t)strlen(state->run_yaml)}, state->run_yaml);
}

static void describe_data(apd_results_part *to, int d, int32_t tasks, const void *const bytes[3]) {
    static const char second[1][AXIS + 8] = {"accuracy_learned"};
    const int g = to->group_count;
    begin_group(to, datas[d].group);
    add_text(to, g, "NX_class", "NXdata");
    add_text(to, g, "signal", datas[d].arrays[0].name);
    add_attribute(to, g, "axes",
                  (apd_shape){.number = APD_TEXT, .text = AXIS, .rank = 1, .extents = {datas[d].axis_count}},
                  datas[d].axes);
    if (datas[d].two)
        add_attribute(to, g, "auxiliary_signals",
                      (apd_shape){.number = APD_TEXT, .text = sizeof second[0], .rank = 1, .extents = {1}},
                      second);
    for (int a = 0; a < datas[d].array_count; a++)
        add_array(to, g, datas[d].arrays[a].name,
                  (apd_shape){.number = datas[d].arrays[a].number,
                              .rank = datas[d].arrays[a].rank,
                              .extents = {tasks, datas[d].arrays[a].rank > 1 ? tasks : 0}},
                  bytes[a]);
}

static double mean_of(const double *row, int32_t count) {
    double sum = 0.0;
    int measured = 0;
    for (int32_t j = 0; j < count; j++)
        if (!isnan(row[j])) {
            sum += row[j];
            measured++;
        }
    return measured > 0 ? sum / measured : (double)NAN;
}

static void fill(apd_results_part *to, const apd_run_state *state, const double *capacity) {
    const int32_t tasks = state->accuracies.tasks;
    const apd_metrics metrics = apd_metrics_of(&state->accuracies);
    const double numbers[] = {metrics.average,
                              metrics.learning,
                              metrics.worst,
                              metrics.backward,
                              apd_forgetting_of(&state->accuracies),
                              capacity[tasks - 1]};
    memcpy(to->numbers, numbers, sizeof numbers);
    double *row = apd_allocate(tasks, sizeof *row, "accuracies");
    for (int32_t t = 0; t < tasks; t++) {
        apd_accuracies_next_row(&state->accuracies, t, row);
        for (int32_t j = 0; j < tasks; j++)
            to->matrix[(int64_t)t * tasks + j] = j <= t ? (float)row[j] : NAN;
        to->average[t] = mean_of(row, t + 1);
        to->now[t] = state->accuracies.now[t];
        to->learned[t] = apd_accuracies_learned(&state->accuracies, t);
        to->capacity[t] = capacity[t];
        to->place[t] = t + 1;
    }
    free(row);
}

void apd_results_describe(const apd_run_state *state, const double *capacity, bool alone,
                          apd_results_part *out) {
    const int32_t tasks = state->accuracies.tasks;
    *out = (apd_results_part){0};
    if (tasks == 0)
        return;
    out->matrix = apd_allocate((int64_t)tasks * tasks, sizeof *out->matrix, "the accuracies");
    out->place = apd_allocate(tasks, sizeof *out->place, "places");
    out->average = apd_allocate(tasks, sizeof *out->average, "averages");
    out->now = apd_allocate(tasks, sizeof *out->now, "accuracies");
    out->learned = apd_allocate(tasks, sizeof *out->learned, "accuracies");
    out->capacity = apd_allocate(tasks, sizeof *out->capacity, "capacities");
    fill(out, state, capacity);
    const void *const bytes[DATAS][3] = {{out->matrix, out->place, out->place},
                                         {out->average, out->place, NULL},
                                         {out->now, out->learned, out->place},
                                         {out->capacity, out->place, NULL}};
    describe_entry(out, state, alone);
    for (int d = 0; d < DATAS; d++)
        describe_data(out, d, tasks, bytes[d]);
}

void apd_results_clear(apd_results_part *results) {
    free(results->matrix);
    free(results->place);
    free(results->average);
    free(results->now);
    free(results->learned);
    free(results->capacity);
}

void apd_results_append(const apd_results_part *results, apd_part_writer *writer) {
    for (int g = 0; g < results->group_count; g++)
        for (int a = 0; a < results->groups[g].array_count; a++)
            apd_part_append(writer, results->bytes[g][a], apd_shape_bytes(&results->arrays[g][a].shape));
}

const apd_part_attribute *apd_results_root(int *count) {
    static const apd_part_attribute attributes[] = {{"NX_class", SHORT_TEXT("NXroot"), "NXroot"},
                                                    {"default", SHORT_TEXT("results"), "results"}};
    *count = (int)(sizeof attributes / sizeof attributes[0]);
    return attributes;
}

static apd_status verify_data(const apd_part_reader *reader, int d, apd_error *error) {
    apd_part_in in;
    apd_status status;
    APD_GO(apd_part_begin_group(reader, datas[d].group, &in, error));
    for (int a = 0; a < datas[d].array_count; a++) {
        apd_shape shape = {.number = datas[d].arrays[a].number,
                           .rank = datas[d].arrays[a].rank,
                           .extents = {APD_ANY, APD_ANY}};
        void *bytes = NULL;
        APD_GO(apd_part_read_array(&in, datas[d].arrays[a].name, &shape, &bytes, error));
        free(bytes);
    }
    return apd_part_end_group(&in, error);
out:
    apd_part_abandon(&in);
    return status;
}

apd_status apd_results_verify(const apd_part_reader *reader, int *groups, apd_error *error) {
    if (!apd_part_has(reader, "results"))
        return APD_OK;
    for (int d = 0; d < DATAS; d++)
        APD_TRY(verify_data(reader, d, error));
    *groups += 1 + DATAS;
    return APD_OK;
}
