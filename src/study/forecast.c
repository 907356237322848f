#include "study/forecast.h"

#include "base/counted.h"
#include "base/memory.h"
#include "engine/run.h"
#include "plan/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What runs need that differ in seed, order and repeat alone. */
typedef struct need {
    int run;   /* the first of them */
    int ranks; /* that it names; 0: none */
    int64_t memory, disk;
    double seconds;
} need;

typedef struct forecast {
    const apd_study *study;
    need *needs; /* (run_count), of which `count` are used */
    int count;
    int *of; /* (run_count): a run's need */
} forecast;

static apd_description *describe(const apd_study *study, int run) {
    apd_description *description = NULL;
    const char *text = study->runs[run].text;
    (void)apd_description_parse("run.yaml", text, (int64_t)strlen(text), NULL, 0, &description, NULL);
    return description;
}

/* Sort the runs into kinds. Called by the first rank of a group. */
static void find_kinds(forecast *f) {
    static const char *const alike[] = {"seed", "stream.order", NULL};
    apd_description_difference ignored;
    apd_description **firsts = apd_allocate(f->study->run_count, sizeof(apd_description *), "kinds of runs");
    for (int r = 0; r < f->study->run_count; r++) {
        apd_description *now = describe(f->study, r);
        int kind = 0;
        while (kind < f->count && (f->needs[kind].ranks != f->study->runs[r].ranks ||
                                   apd_description_differs(now, firsts[kind], alike, &ignored)))
            kind++;
        f->of[r] = kind;
        if (kind < f->count) {
            apd_description_destroy(now);
            continue;
        }
        firsts[f->count] = now;
        f->needs[f->count++] = (need){.run = r, .ranks = f->study->runs[r].ranks};
    }
    for (int k = 0; k < f->count; k++)
        apd_description_destroy(firsts[k]);
    free((void *)firsts);
}

/* Measure a kind for `ranks` ranks. Collective over the team, which has at most as many. */
static apd_status measure(forecast *f, int kind, int ranks, apd_team *team, double seconds,
                          apd_error *error) {
    const int present = apd_team_size(team);
    const bool leads = apd_team_rank(team) == 0;
    apd_plan plan = {.path = "",
                     .nodes = 1,
                     .ranks_a_node = ranks,
                     .density = 0.05,
                     .longest = 86400.0,
                     .present = {.ranks = present, .ranks_a_node = present},
                     .launch = {.ranks = ranks, .ranks_a_node = ranks}};
    apd_run run;
    apd_run_init(&run, team);
    const char *text = leads ? f->study->runs[f->needs[kind].run].text : "";
    apd_status status = apd_run_describe(&run, "a run of the study", text, NULL, 0, error);
    if (status == APD_OK)
        status = apd_plan_measure(&plan, &run, seconds, error);
    if (leads && status == APD_OK) {
        f->needs[kind].memory = plan.memory.peak;
        f->needs[kind].disk = plan.disk.kept;
        f->needs[kind].seconds = plan.duration.all;
    }
    apd_run_end(&run);
    return status;
}

/* The same on the first ranks of the group, as many as the kind names; the others rest. Collective over the group. */
static apd_status measure_named(forecast *f, int kind, apd_team *team, double seconds, apd_error *error) {
    const int size = apd_team_size(team);
    int ranks = f->needs[kind].ranks;
    apd_team_broadcast(team, &ranks, (int64_t)sizeof ranks);
    ranks = ranks > 0 ? ranks : size;
    apd_team *some = apd_team_split(team, apd_team_rank(team) < ranks ? 0 : -1);
    apd_status status = some != NULL ? measure(f, kind, ranks, some, seconds, error) : APD_OK;
    if (some != NULL)
        apd_team_destroy(some);
    apd_team_rest(team);
    return apd_team_agree(team, status, error);
}

static void print_row(const char *name, apd_run_kind state, const need *n, double hours) {
    (void)printf("%-9s", apd_run_kind_names[state]);
    if (n->memory > 0)
        (void)printf(" %10.0f %10.1f", (double)n->memory / 1e6, (double)n->disk / 1e6);
    else
        (void)printf(" %10s %10s", "-", "-");
    if (isnan(hours))
        (void)printf(" %9s", "-");
    else
        (void)printf(" %9.3g", hours);
    (void)printf("  %s\n", name);
}

/* Called by rank 0. */
static void print_all(const forecast *f, int at_a_time, int ranks, bool measured) {
    static const double kept[] = {[APD_KEEP_ALL] = 1.0, [APD_KEEP_LAST] = 0.5, [APD_KEEP_RESULTS] = 0.0};
    double left = 0.0, disk = 0.0;
    int64_t memory = 0;
    (void)printf("state      MB a rank    MB disk     hours  run\n");
    for (int r = 0; r < f->study->run_count; r++) {
        need n = f->needs[f->of[r]];
        apd_standing standing;
        char *folder = apd_study_run_folder(f->study, r);
        apd_run_kind state = apd_run_look(folder, &standing);
        bool done = state == APD_RUN_DONE;
        n.disk = (int64_t)((double)n.disk * kept[f->study->keep]);
        double hours = done ? standing.seconds / 3600.0 : measured ? n.seconds / 3600.0 : NAN;
        print_row(f->study->runs[r].folder, state, &n, hours);
        left += done ? 0.0 : hours;
        disk += (double)n.disk;
        memory = n.memory > memory ? n.memory : memory;
        free(folder);
    }
    (void)printf("\n%s with %s", apd_count(f->study->run_count, "run").text,
                 apd_count(f->study->shards, "shard").text);
    const int named = apd_study_most_ranks(f->study);
    if (measured && named > 0)
        (void)printf(": %.3g hours are left, one run at a time, on up to %s", left,
                     apd_count(named, "rank").text);
    else if (measured)
        (void)printf(": %.3g hours are left on %s a run, %.3g with %d at a time", left,
                     apd_count(ranks, "rank").text, left / at_a_time, at_a_time);
    if (measured)
        (void)printf("; at most %.0f MB a rank, %.1f MB on disk", (double)memory / 1e6, disk / 1e6);
    (void)printf("\n");
}

static void begin(forecast *f, const apd_study *study) {
    *f = (forecast){.study = study};
    f->needs = apd_allocate(study->run_count, sizeof *f->needs, "what the runs need");
    f->of = apd_allocate(study->run_count, sizeof *f->of, "the runs' kinds");
}

static void end(forecast *f) {
    free(f->needs);
    free(f->of);
}

void apd_forecast_list(const apd_study *study) {
    forecast f;
    begin(&f, study);
    print_all(&f, 1, 1, false);
    end(&f);
}

apd_status apd_forecast(const apd_study *study, const apd_team *world, apd_team *team, int ranks,
                        double seconds, apd_error *error) {
    apd_status status = APD_OK;
    const bool first = apd_team_rank(world) < ranks, leads = apd_team_rank(world) == 0;
    if (first) {
        forecast f;
        begin(&f, study);
        if (leads)
            find_kinds(&f);
        apd_team_broadcast(team, &f.count, (int64_t)sizeof f.count);
        for (int k = 0; k < f.count && status == APD_OK; k++)
            status = measure_named(&f, k, team, seconds, error);
        if (leads && status == APD_OK)
            print_all(&f, apd_team_size(world) / ranks, ranks, true);
        end(&f);
    }
    apd_team_rest(world);
    return apd_team_agree(world, status, error);
}
