#include "tables/timings.h"

#include "base/memory.h"
#include "io/system/json.h"
#include "io/system/runlog.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_TASKS = 5 };

/* The finished tasks as repeats of a point. */
typedef struct reading {
    apd_scaling_point tasks;
    int64_t *steps; /* (tasks) */
    int ranks;      /* of the first start; 0: none yet */
    bool mixed;
} reading;

static double milliseconds(const char *line, const char *phase, const char *ending) {
    char key[40];
    (void)snprintf(key, sizeof key, "%s%s", phase, ending);
    return 1e-3 * apd_json_find_number(line, key);
}

/* A line about a task that has ended; of several about one, the last counts. */
static void take_task(reading *in, const char *line) {
    double place = apd_json_find_number(line, "place");
    if (!(place >= 0.0 && place < in->tasks.repeats))
        return;
    double *values = in->tasks.values[(int)place];
    values[APD_Q_STEP] = milliseconds(line, "step", "_ms");
    for (int phase = 0; phase < APD_PHASES; phase++) {
        values[APD_Q_MEAN + phase] = milliseconds(line, apd_phase_names[phase], "_ms");
        values[APD_Q_MOST + phase] = milliseconds(line, apd_phase_names[phase], "_max_ms");
    }
    values[APD_Q_COMPUTE] = milliseconds(line, "compute", "_ms");
    values[APD_Q_COMPUTE_MOST] = milliseconds(line, "compute", "_max_ms");
    values[APD_Q_TASK] = apd_json_find_number(line, "seconds");
    values[APD_Q_EVALUATION] =
        apd_json_find_number(line, "evaluation_seconds") / apd_json_find_number(line, "evaluated_tasks");
    values[APD_Q_CONSOLIDATION] = apd_json_find_number(line, "consolidation_seconds");
    values[APD_Q_COMMIT] = apd_json_find_number(line, "commit_seconds");
    in->steps[(int)place] = apd_json_find_whole(line, "timed_steps");
}

static void take_line(void *context, const char *event, const char *line) {
    reading *in = context;
    if (strcmp(event, "task") == 0)
        take_task(in, line);
    if (strcmp(event, "start") == 0) {
        int ranks = apd_json_find_whole(line, "ranks");
        in->mixed = in->mixed || (in->ranks != 0 && ranks != in->ranks);
        in->ranks = ranks;
    }
}

/* The medians over the last tenth of the tasks. */
static void finish(const reading *in, const apd_result *result, apd_timings *timings) {
    const int done = result->done, tenth = (done + 9) / 10;
    const int window = tenth > LEAST_TASKS ? tenth : done < LEAST_TASKS ? done : LEAST_TASKS;
    apd_scaling_point last = in->tasks;
    last.values += done - window;
    last.repeats = window;
    for (apd_quantity q = 0; q < APD_QUANTITIES; q++)
        timings->values[q] = apd_point_spread(&last, q).median;
    timings->values[APD_Q_CONSOLIDATION] = NAN;
    for (int t = 0; t < done; t++)
        if (!isnan(in->tasks.values[t][APD_Q_CONSOLIDATION]))
            timings->values[APD_Q_CONSOLIDATION] = in->tasks.values[t][APD_Q_CONSOLIDATION];
    for (int t = done - window; t < done; t++)
        timings->steps += in->steps[t];
    timings->values[APD_Q_LOOP] = result->seconds;
    timings->values[APD_Q_MEMORY] = result->memory;
    timings->values[APD_Q_BYTES] = result->checkpoint;
    timings->values[APD_Q_CAPACITY] = result->capacity.weights;
    timings->values[APD_Q_ACCURACY] = apd_metrics_of(&result->accuracies).average;
    timings->usable = !in->mixed && !isnan(timings->values[APD_Q_STEP]);
}

apd_status apd_timings_read(const char *folder, const apd_result *result, apd_timings *timings,
                            apd_error *error) {
    apd_scaling_series rows = {0};
    reading in = {.steps = apd_allocate(result->done, sizeof *in.steps, "the tasks' steps")};
    in.tasks = *apd_series_add(&rows, (apd_scaling_point){.repeats = result->done});
    *timings = (apd_timings){0};
    apd_status status = apd_runlog_read(folder, take_line, &in, error);
    if (status == APD_OK)
        finish(&in, result, timings);
    free(in.tasks.values);
    free(rows.points);
    free(in.steps);
    return status;
}
