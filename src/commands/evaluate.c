/* apd evaluate: measure the tasks of a run again, from its checkpoint and its data. */
#include "base/counted.h"
#include "base/utf8.h"
#include "commands/commands.h"
#include "engine/evaluator.h"
#include "engine/run.h"

#include <math.h>

typedef struct evaluate_options {
    apd_cli_list settings;
} evaluate_options;

static const evaluate_options defaults = {0};

static const apd_cli_option table[] = {
    {.name = "set",
     .argument = "KEY=VALUE",
     .help = "override the run's description, for example data.file; may be repeated",
     APD_CLI_COLLECTS(evaluate_options, settings)},
    {0},
};

/* Measure every task; `*different` counts accuracies that differ from the recorded ones. Collective. */
static apd_status evaluate_all(apd_run *run, int *different, apd_error *error) {
    const apd_run_state *state = &run->state;
    double sum = 0.0;
    int measured = 0;
    if (apd_run_speaks(run))
        (void)printf("place  task  name                            recorded %%  measured %%\n");
    for (int t = 0; t < state->task_count; t++) {
        if (run->decomposition->tasks[t] == NULL)
            continue;
        double accuracy = 0.0, recorded = state->accuracies.now[t];
        APD_TRY(apd_evaluate_task(run, t, &accuracy, error));
        bool equal =
            accuracy == recorded || isnan(recorded); /* NaN: the run stopped before this evaluation */
        *different += !equal;
        sum += accuracy;
        measured++;
        if (apd_run_speaks(run))
            (void)printf("%5d %5d  %-30s %10.2f %11.2f%s\n", t, state->records[t].id,
                         apd_utf8_shown(state->records[t].name).text, 100.0 * recorded, 100.0 * accuracy,
                         isnan(recorded) ? "  not recorded yet"
                         : equal         ? ""
                                         : "  differs");
    }
    if (apd_run_speaks(run) && measured > 0)
        (void)printf("average accuracy %.2f %% over %s; %s\n", 100.0 * sum / measured,
                     apd_count(measured, "task").text,
                     *different == 0 ? "all as recorded" : "some differ from the recorded ones");
    return APD_OK;
}

static apd_status run_evaluate(const void *given, int count, const char *const *arguments, apd_error *error) {
    const evaluate_options *options = given;
    (void)count;
    apd_run run;
    int different = 0;
    apd_status status = apd_run_begin(&run, error);
    if (status == APD_OK)
        status = apd_run_open(&run, arguments[0], options->settings.values, options->settings.count, error);
    if (status == APD_OK)
        status = evaluate_all(&run, &different, error);
    if (status == APD_OK && different > 0)
        status = apd_fail(
            error, APD_ERROR_DATA,
            "%s: the accuracies of %s differ from the recorded ones; use the data and the kind of processor "
            "that the run was trained on",
            arguments[0], apd_count(different, "task").text);
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
