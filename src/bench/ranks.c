/* Steps against ranks. Each case has a run of its own on a part of the team, which stays set up while the other cases
 * have their turns; a turn is a round's share of seconds, so a core that its neighbours slow for a while is as
 * slow for all cases. */
#include "base/log.h"
#include "base/memory.h"
#include "bench/bench.h"

#include <stdlib.h>
#include <string.h>

enum { WARM = 2, LEAST = 2, MOST = 500, GROUPS = 2 };

/* A case on the ranks of one group, as a rank of it sees it. */
typedef struct bench_case {
    apd_bench_scale scale;
    int groups;              /* one, or the first ranks and the last */
    int group;               /* this rank's; -1: it rests */
    apd_run run;             /* of a rank that does not rest; run.team NULL otherwise */
    apd_rehearsal rehearsal; /* likewise */
    int steps;               /* in a turn of a group */
    apd_phase_times *turns;  /* (groups, rounds), on every rank */
} bench_case;

typedef struct bench_cases {
    const apd_team *team;
    apd_bench_turns turns;
    int count;
    bench_case cases[APD_MOST_SCALES];
} bench_cases;

/* --- the cases ------------------------------------------------------------------------------------------- */

static void add_case(bench_cases *all, int ranks, bool weak) {
    APD_ASSERT(all->count < APD_MOST_SCALES);
    bench_case *one = &all->cases[all->count++];
    int rank = apd_team_rank(all->team), size = apd_team_size(all->team), last = size / ranks - 1;
    one->scale = (apd_bench_scale){.point = {.ranks = ranks}, .weak = weak};
    one->groups = last > 0 ? GROUPS : 1;
    one->group = rank < ranks ? 0 : last > 0 && rank / ranks == last ? 1 : -1;
}

static void list_cases(bench_cases *all) {
    int size = apd_team_size(all->team);
    add_case(all, 1, false);
    for (int ranks = 2; ranks / 2 < size; ranks *= 2) {
        int some = ranks < size ? ranks : size;
        add_case(all, some, false);
        add_case(all, some, true);
    }
}

/* A run of the group's own. Collective over the group. */
static apd_status open_run(bench_case *one, const apd_bench_preset *preset, const apd_cli_list *settings,
                           apd_error *error) {
    apd_run *run = &one->run;
    apd_scaling_point *point = &one->scale.point;
    int times = one->scale.weak ? point->ranks : 1;
    APD_TRY(apd_bench_describe(run, preset, settings, times, error));
    run->description->log.stall_seconds = 0.0; /* who rests does not stall */
    APD_TRY(apd_run_prepare(run, run->description->shards, error));
    point->batch = run->description->training.batch;
    point->shards = run->partition.shards;
    point->nodes = apd_team_nodes(run->team);
    APD_TRY(apd_rehearsal_init(&one->rehearsal, run, error));
    point->digest = apd_rehearsal_digest(&one->rehearsal, APD_DIGEST_STEPS);
    return APD_OK;
}

/* Collective over the team. */
static apd_status open_case(const bench_cases *all, bench_case *one, const apd_bench_preset *preset,
                            const apd_cli_list *settings, apd_error *error) {
    apd_run_init(&one->run, apd_team_split(all->team, one->group));
    apd_status status = APD_OK;
    if (one->run.team != NULL) {
        status = open_run(one, preset, settings, error);
        apd_bench_remove_data(&one->run);
    }
    return apd_team_agree(all->team, status, error);
}

static void close_cases(bench_cases *all) {
    for (int i = 0; i < all->count; i++) {
        bench_case *one = &all->cases[i];
        free(one->turns);
        apd_team *team = one->run.team;
        if (team == NULL)
            continue;
        apd_rehearsal_clear(&one->rehearsal);
        apd_run_end(&one->run);
        apd_team_destroy(team);
    }
}

/* --- turns ----------------------------------------------------------------------------------------------- */

/* Steps that fill a turn, as the first group finds; the same on all ranks of the team. Collective over the team. */
static void choose_steps(const bench_cases *all, bench_case *one) {
    apd_step_time times[LEAST];
    int64_t steps = 0;
    if (one->run.team != NULL)
        (void)apd_rehearsal_begin_task(&one->rehearsal);
    if (one->group == 0) {
        apd_rehearsal_steps(&one->rehearsal, WARM, NULL);
        apd_rehearsal_steps(&one->rehearsal, LEAST, times);
        apd_step_time step = apd_step_typical(times, LEAST);
        double fit = all->turns.seconds / all->turns.rounds / one->groups / apd_step_seconds(&step);
        steps = fit < LEAST ? LEAST : fit > MOST ? MOST : (int64_t)fit;
    }
    apd_team_rest(all->team);
    apd_team_maximum(all->team, &steps, 1);
    one->steps = (int)steps;
    one->turns =
        apd_allocate((int64_t)one->groups * all->turns.rounds, sizeof *one->turns, "the turns' times");
}

static apd_phase_times *turn_of(const bench_cases *all, const bench_case *one, int group, int round) {
    return &one->turns[group * all->turns.rounds + round];
}

/* One group's turn; the other ranks sleep through it. Collective over the team. */
static void take_turn(const bench_cases *all, bench_case *one, int group, int round) {
    apd_team_rest(all->team);
    if (one->group == group) {
        double seconds[APD_PHASES];
        const double *phases = one->rehearsal.stepper.phases;
        apd_rehearsal_steps(&one->rehearsal, WARM, NULL);
        for (int phase = 0; phase < APD_PHASES; phase++)
            seconds[phase] = -phases[phase];
        apd_rehearsal_steps(&one->rehearsal, one->steps, NULL);
        for (int phase = 0; phase < APD_PHASES; phase++)
            seconds[phase] += phases[phase];
        *turn_of(all, one, group, round) = apd_step_times(one->run.team, seconds, one->steps);
    }
    apd_team_rest(all->team);
}

/* --- figures --------------------------------------------------------------------------------------------- */

/* What the last group measured comes to rank 0, which is of the first. Collective over the team. */
static void bring_turns(const bench_cases *all, bench_case *one) {
    int64_t bytes = all->turns.rounds * (int64_t)sizeof *one->turns, total = 0;
    bool brings = one->group == 1 && apd_team_rank(one->run.team) == 0;
    void *got = NULL;
    if (one->groups == 1)
        return;
    apd_team_gather(all->team, turn_of(all, one, 1, 0), brings ? bytes : 0, &got, &total);
    if (total > 0)
        memcpy(turn_of(all, one, 1, 0), got, (size_t)total);
    free(got);
}

/* A round's step: the mean of both groups'; and the longer one. */
static double round_step(const bench_cases *all, const bench_case *one, int round, double *longest) {
    double sum = 0.0;
    *longest = 0.0;
    for (int group = 0; group < one->groups; group++) {
        double step = turn_of(all, one, group, round)->step;
        sum += step;
        *longest = step > *longest ? step : *longest;
    }
    return sum / one->groups;
}

/* The values of each round, the mean of both groups', as the point's. */
static void fill_values(const bench_cases *all, const bench_case *one, apd_scaling_point *point) {
    apd_scaling_series series = {0};
    point->repeats = all->turns.rounds;
    point->steps = (int64_t)one->groups * all->turns.rounds * one->steps;
    *point = *apd_series_add(&series, *point);
    free(series.points);
    for (int round = 0; round < all->turns.rounds; round++) {
        double *values = point->values[round], second[APD_QUANTITIES];
        apd_point_set_phases(values, turn_of(all, one, 0, round));
        apd_point_set_phases(second, turn_of(all, one, one->groups - 1, round));
        for (int q = APD_Q_STEP; q <= APD_Q_COMPUTE_MOST; q++)
            values[q] = 0.5 * (values[q] + second[q]);
    }
}

static void fill_scale(const bench_cases *all, const bench_case *one, apd_bench_scale *scale) {
    const int rounds = all->turns.rounds;
    double *shares = apd_allocate(2 * (int64_t)rounds, sizeof *shares, "the rounds' figures");
    *scale = one->scale;
    fill_values(all, one, &scale->point);
    for (int round = 0; round < rounds; round++) {
        double slower, longest, single = round_step(all, &all->cases[0], round, &slower);
        double ideal = round_step(all, one, round, &longest) * (scale->weak ? 1 : scale->point.ranks);
        shares[round] = single / ideal;
        shares[rounds + round] = slower / ideal;
    }
    scale->share = apd_median(shares, rounds);
    scale->share_of_slower = apd_median(shares + rounds, rounds);
    free(shares);
}

void apd_bench_scaling_clear(apd_bench_scaling *scaling) {
    for (int i = 0; i < scaling->count; i++)
        free(scaling->scales[i].point.values);
    scaling->count = 0;
}

apd_status apd_bench_scaling_measure(const apd_team *team, const apd_bench_preset *preset,
                                     const apd_cli_list *settings, const apd_bench_turns *turns,
                                     apd_bench_scaling *scaling, apd_error *error) {
    bench_cases *all = apd_allocate(1, sizeof *all, "the cases to be timed");
    *all = (bench_cases){.team = team, .turns = *turns};
    apd_status status = APD_OK;
    list_cases(all);
    for (int i = 0; i < all->count && status == APD_OK; i++)
        status = open_case(all, &all->cases[i], preset, settings, error);
    for (int i = 0; i < all->count && status == APD_OK; i++)
        choose_steps(all, &all->cases[i]);
    for (int round = 0; round < turns->rounds && status == APD_OK; round++)
        for (int i = 0; i < all->count; i++)
            for (int group = 0; group < all->cases[i].groups; group++)
                take_turn(all, &all->cases[i], group, round);
    for (int i = 0; i < all->count && status == APD_OK; i++)
        bring_turns(all, &all->cases[i]);
    scaling->count = status == APD_OK ? all->count : 0;
    for (int i = 0; i < scaling->count && apd_team_rank(team) == 0; i++)
        fill_scale(all, &all->cases[i], &scaling->scales[i]);
    close_cases(all);
    free(all);
    return status;
}
