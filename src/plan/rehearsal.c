#include "plan/rehearsal.h"

#include "base/digest.h"
#include "base/log.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

apd_status apd_rehearsal_init(apd_rehearsal *rehearsal, apd_run *run, apd_error *error) {
    int id = run->stream->order[0];
    *rehearsal = (apd_rehearsal){.run = run, .id = id, .classes = run->stream->tasks[id].class_count};
    apd_rows *rows = apd_partition_slice(&run->partition, apd_network_layout(run->network));
    run->decomposition = apd_decomposition_create(apd_network_layout(run->network), rows);
    free(rows);
    apd_run_create_solver(run);
    double started = apd_seconds();
    apd_status status = apd_batches_load(run, 0, id, &rehearsal->batches, error);
    rehearsal->set = status == APD_OK ? apd_batches_own(rehearsal->batches) : NULL;
    rehearsal->load_seconds = apd_team_slowest(run->team, apd_seconds() - started);
    return status;
}

void apd_rehearsal_clear(apd_rehearsal *rehearsal) {
    apd_stepper_clear(&rehearsal->stepper);
    apd_batches_destroy(rehearsal->batches);
    rehearsal->batches = NULL;
}

double apd_rehearsal_begin_task(apd_rehearsal *rehearsal) {
    apd_run *run = rehearsal->run;
    apd_team_barrier(run->team);
    double started = apd_seconds();
    apd_stepper_clear(&rehearsal->stepper);
    apd_stepper_init(&rehearsal->stepper, run, rehearsal->batches, rehearsal->id);
    rehearsal->step = 0;
    apd_solver_begin_task(run->solver, rehearsal->id, rehearsal->classes);
    apd_step_share_theta(run, -1);
    return apd_team_slowest(run->team, apd_seconds() - started);
}

/* The mean over ranks: times in whole nanoseconds, which can be added up in any order. */
static void average_over_ranks(const apd_team *team, apd_step_time *times, int count) {
    int numbers = count * APD_PHASES;
    int64_t *sums = apd_allocate(numbers, sizeof *sums, "the steps' times");
    for (int i = 0; i < numbers; i++)
        sums[i] = (int64_t)(1e9 * times[i / APD_PHASES].phases[i % APD_PHASES]);
    apd_team_sum(team, sums, numbers);
    for (int i = 0; i < numbers; i++)
        times[i / APD_PHASES].phases[i % APD_PHASES] = 1e-9 * (double)sums[i] / apd_team_size(team);
    free(sums);
}

void apd_rehearsal_steps(apd_rehearsal *rehearsal, int count, apd_step_time *times) {
    apd_run *run = rehearsal->run;
    int steps = apd_batches_steps(rehearsal->batches);
    double before[APD_PHASES];
    for (int i = 0; i < count; i++) {
        for (int phase = 0; phase < APD_PHASES; phase++)
            before[phase] = rehearsal->stepper.phases[phase];
        int64_t step = rehearsal->step++;
        apd_step(&rehearsal->stepper, (int)(step / steps), (int)(step % steps),
                 run->description->training.lr);
        for (int phase = 0; phase < APD_PHASES && times != NULL; phase++)
            times[i].phases[phase] = rehearsal->stepper.phases[phase] - before[phase];
    }
    if (times != NULL)
        average_over_ranks(run->team, times, count);
}

uint64_t apd_rehearsal_digest(apd_rehearsal *rehearsal, int steps) {
    apd_run *run = rehearsal->run;
    (void)apd_rehearsal_begin_task(rehearsal);
    apd_rehearsal_steps(rehearsal, steps, NULL);
    apd_step_share_theta(run, -1);
    return apd_digest(apd_exchange_theta(run->exchange),
                      (size_t)apd_network_layout(run->network)->size * sizeof(float));
}

enum { WARM = 3, LEAST_STEPS = 3, MOST_STEPS = 200 };

/* Steps a round that fill `seconds`, the same on every rank: their times are. Collective. */
static int steps_a_round(apd_rehearsal *rehearsal, double seconds) {
    apd_step_time times[LEAST_STEPS];
    (void)apd_rehearsal_begin_task(rehearsal);
    apd_rehearsal_steps(rehearsal, WARM, NULL);
    apd_rehearsal_steps(rehearsal, LEAST_STEPS, times);
    apd_step_time step = apd_step_typical(times, LEAST_STEPS);
    double fit = seconds / apd_step_seconds(&step);
    return fit < LEAST_STEPS ? LEAST_STEPS : fit > MOST_STEPS ? MOST_STEPS : (int)fit;
}

void apd_rehearsal_show_tasks(apd_rehearsal *rehearsal, int count) {
    apd_decomposition *d = rehearsal->run->decomposition;
    d->task_count = count;
    for (int b = 0; b < d->layout->block_count; b++)
        apd_decomposition_revised(d, b);
}

/* One round of one scan, its steps into `times` (steps). Returns the seconds before them. Collective. */
static double scan_once(apd_rehearsal *rehearsal, int steps, apd_step_time *times) {
    apd_step_time first[WARM];
    double seconds = apd_rehearsal_begin_task(rehearsal);
    apd_rehearsal_steps(rehearsal, WARM, first);
    for (int i = 0; i < WARM; i++)
        seconds += apd_step_seconds(&first[i]);
    apd_rehearsal_steps(rehearsal, steps, times);
    return seconds;
}

static void finish_scan(apd_scan *scan, apd_step_time *times, double *begins, int rounds) {
    double *seconds = apd_allocate(scan->steps, sizeof *seconds, "the steps' times");
    for (int i = 0; i < scan->steps; i++)
        seconds[i] = apd_step_seconds(&times[i]);
    scan->median = apd_median(seconds, scan->steps);
    scan->step = apd_step_typical(times, scan->steps);
    scan->begin = fmax(apd_median(begins, rounds) - WARM * scan->median, 0.0);
    free(seconds);
}

void apd_rehearsal_scan(apd_rehearsal *rehearsal, apd_scan *scans, int count, int rounds, double seconds) {
    const int all = rehearsal->run->decomposition->task_count;
    apd_step_time **times = apd_allocate(count, sizeof *times, "the steps' times");
    double *begins = apd_allocate((int64_t)count * rounds, sizeof *begins, "the tasks' times");
    int *steps = apd_allocate(count, sizeof *steps, "the steps");
    for (int round = 0; round < rounds; round++)
        for (int i = 0; i < count; i++) {
            APD_ASSERT(scans[i].earlier <= all);
            apd_rehearsal_show_tasks(rehearsal, scans[i].earlier);
            if (round == 0) {
                steps[i] = steps_a_round(rehearsal, seconds / rounds);
                times[i] = apd_allocate((int64_t)rounds * steps[i], sizeof **times, "the steps' times");
            }
            begins[i * rounds + round] = scan_once(rehearsal, steps[i], times[i] + round * steps[i]);
        }
    apd_rehearsal_show_tasks(rehearsal, all);
    for (int i = 0; i < count; i++) {
        scans[i].steps = rounds * steps[i];
        finish_scan(&scans[i], times[i], begins + i * rounds, rounds);
        free(times[i]);
    }
    free(steps);
    free(begins);
    free((void *)times);
}

double apd_rehearsal_end_task(apd_rehearsal *rehearsal) {
    apd_team_barrier(rehearsal->run->team);
    double started = apd_seconds();
    apd_solver_end_task(rehearsal->run->solver);
    return apd_team_slowest(rehearsal->run->team, apd_seconds() - started);
}
