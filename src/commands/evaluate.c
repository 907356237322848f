/* apd evaluate: measure the tasks of a run again, from its checkpoint and its data. */
#include "base/counted.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "commands/commands.h"
#include "commands/evaluate_auto.h"
#include "engine/evaluator.h"
#include "engine/run.h"
#include "io/system/json.h"
#include "trained/guess.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct evaluate_options {
    apd_cli_list settings;
    const char *task;
    bool json;
} evaluate_options;

static const evaluate_options defaults = {0};

static const apd_cli_option table[] = {
    {.name = "set",
     .argument = "KEY=VALUE",
     .help = "override the run's description, for example data.file; may be repeated",
     APD_CLI_COLLECTS(evaluate_options, settings)},
    {.name = "task",
     .argument = "auto",
     .help = "measure as if nobody said which task an image belongs to, too, and what it costs (needs "
             "stream.keys)",
     APD_CLI_HOLDS(evaluate_options, task)},
    {.name = "json", .help = "print a JSON object instead", APD_CLI_SETS(evaluate_options, json)},
    {0},
};

static bool equals(double accuracy, double recorded) {
    return accuracy == recorded || isnan(recorded); /* NaN: the run stopped before this evaluation */
}

static void print_row(const apd_run *run, int t, double accuracy) {
    double recorded = run->state.accuracies.now[t];
    (void)printf("%5d %5d  %-30s %10.2f %11.2f%s\n", t, run->state.records[t].id,
                 apd_utf8_shown(run->state.records[t].name).text, 100.0 * recorded, 100.0 * accuracy,
                 isnan(recorded)              ? "  not recorded yet"
                 : equals(accuracy, recorded) ? ""
                                              : "  differs");
}

/* Measure every task but forgotten ones into `measured` (tasks), which are NaN. Collective. */
static apd_status evaluate_all(apd_run *run, bool prints, double *measured, apd_error *error) {
    prints = prints && apd_run_speaks(run);
    if (prints)
        (void)printf("place  task  name                            recorded %%  measured %%\n");
    for (int t = 0; t < run->state.task_count; t++) {
        measured[t] = NAN;
        if (run->decomposition->tasks[t] == NULL)
            continue;
        APD_TRY(apd_evaluate_task(run, t, &measured[t], error));
        if (prints)
            print_row(run, t, measured[t]);
    }
    return APD_OK;
}

/* What the measured accuracies come to. */
typedef struct findings {
    int tasks, different; /* from the recorded ones */
    double average;
} findings;

static findings find(const apd_run *run, const double *measured) {
    findings found = {.average = NAN};
    double sum = 0.0;
    for (int t = 0; t < run->state.task_count; t++) {
        if (isnan(measured[t]))
            continue;
        sum += measured[t];
        found.tasks++;
        found.different += !equals(measured[t], run->state.accuracies.now[t]);
    }
    if (found.tasks > 0)
        found.average = sum / found.tasks;
    return found;
}

/* All but the object's end. */
static void print_json(const apd_run *run, const double *measured, const findings *found, apd_json *json) {
    apd_json_begin_object(json, NULL);
    apd_json_text(json, "checkpoint", run->checkpoint);
    apd_json_text(json, "evaluate", run->stream->measured == APD_PART_TEST ? "test" : "validation");
    apd_json_begin_array(json, "tasks");
    for (int t = 0; t < run->state.task_count; t++) {
        if (isnan(measured[t]))
            continue;
        double recorded = run->state.accuracies.now[t];
        apd_json_begin_object(json, NULL);
        apd_json_integer(json, "place", t);
        apd_json_integer(json, "task", run->state.records[t].id);
        apd_json_text(json, "name", run->state.records[t].name);
        apd_json_number(json, "recorded", recorded);
        apd_json_number(json, "measured", measured[t]);
        apd_json_flag(json, "differs", !equals(measured[t], recorded));
        apd_json_end(json);
    }
    apd_json_end(json);
    apd_json_number(json, "average_accuracy", found->average);
    apd_json_integer(json, "different", found->different);
}

static apd_status evaluate(apd_run *run, const evaluate_options *options, findings *found, apd_error *error) {
    const bool as_json = options->json, guesses = options->task != NULL;
    apd_json json = {.file = stdout};
    if (guesses && strcmp(options->task, "auto") != 0)
        return apd_fail(error, APD_ERROR_USAGE, "--task %s: evaluate measures all tasks; auto is needed",
                        options->task);
    if (guesses)
        APD_TRY(apd_guess_check(&run->state, run->checkpoint, error));
    double *measured = apd_allocate(run->state.task_count, sizeof *measured, "accuracies");
    apd_status status = evaluate_all(run, !as_json, measured, error);
    *found = find(run, measured);
    if (status == APD_OK && apd_run_speaks(run) && as_json)
        print_json(run, measured, found, &json);
    else if (status == APD_OK && apd_run_speaks(run) && found->tasks > 0)
        (void)printf("average accuracy %.2f %% over %s; %s\n", 100.0 * found->average,
                     apd_count(found->tasks, "task").text,
                     found->different == 0 ? "all as recorded" : "some differ from the recorded ones");
    if (status == APD_OK && guesses)
        status = apd_evaluate_auto(run, as_json ? &json : NULL, error);
    if (status == APD_OK && apd_run_speaks(run) && as_json)
        apd_json_end(&json);
    free(measured);
    return status;
}

static apd_status run_evaluate(const void *given, int count, const char *const *arguments, apd_error *error) {
    const evaluate_options *options = given;
    (void)count;
    apd_run run;
    findings found = {0};
    apd_status status = apd_run_begin(&run, error);
    if (status == APD_OK)
        status = apd_run_open(&run, arguments[0], options->settings.values, options->settings.count, error);
    if (status == APD_OK)
        status = evaluate(&run, options, &found, error);
    if (status == APD_OK && found.different > 0)
        status = apd_fail(
            error, APD_ERROR_DATA,
            "%s: the accuracies of %s differ from the recorded ones; use the data and the kind of processor "
            "that the run was trained on",
            arguments[0], apd_count(found.different, "task").text);
    apd_run_end(&run);
    return status;
}

const apd_command apd_command_evaluate = {
    .name = "evaluate",
    .arguments = "RUN",
    .summary = "measure every task of a run again from its checkpoint",
    .details =
        "RUN is the run's folder or a checkpoint. The result does not depend on the number of ranks. An\n"
        "accuracy that differs from the recorded one is marked, and the exit status is then 65.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof defaults,
    .least = 1,
    .most = 1,
    .parallel = true,
    .run = run_evaluate,
};
