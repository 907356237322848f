#include "tables/scaling_runs.h"

#include "base/memory.h"
#include "base/text.h"
#include "tables/timings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A finished run that was timed. */
typedef struct timed {
    const apd_tabled_run *run;
    apd_timings timings;
    uint64_t description; /* its digest */
    int ranks;
    int first; /* the first timed run of its point */
} timed;

typedef struct maker {
    const apd_table_set *study;
    timed *runs; /* (count) */
    int count;
    int *chosen; /* (count) points of a series */
    apd_scaling *scaling;
} maker;

/* --- points ------------------------------------------------------------------------------------------------------ */

static apd_status read_runs(maker *m, apd_error *error) {
    for (int r = 0; r < m->study->run_count; r++) {
        const apd_tabled_run *run = &m->study->runs[r];
        timed *to = &m->runs[m->count];
        if (!apd_result_finished(&run->result) || !(run->result.ranks >= 1.0))
            continue;
        *to = (timed){.run = run,
                      .description = apd_description_digest(run->result.description),
                      .ranks = (int)run->result.ranks,
                      .first = m->count};
        APD_TRY(apd_timings_read(run->folder, &run->result, &to->timings, error));
        if (!to->timings.usable)
            continue;
        for (int q = m->count - 1; q >= 0; q--)
            if (m->runs[q].ranks == to->ranks && m->runs[q].description == to->description)
                to->first = m->runs[q].first;
        m->count++;
    }
    return APD_OK;
}

static void add_point(const maker *m, apd_scaling_series *series, int first) {
    const apd_result *result = &m->runs[first].run->result;
    apd_scaling_point given = {.ranks = m->runs[first].ranks,
                               .nodes = result->nodes,
                               .shards = result->description->shards,
                               .batch = result->description->training.batch,
                               .tasks = result->tasks,
                               .digest = result->results_digest};
    for (int r = first; r < m->count; r++)
        given.repeats += m->runs[r].first == first;
    apd_scaling_point *point = apd_series_add(series, given);
    for (int r = first, repeat = 0; r < m->count; r++)
        if (m->runs[r].first == first) {
            uint64_t own = m->runs[r].run->result.results_digest;
            point->steps += m->runs[r].timings.steps;
            point->differs = point->differs || (own != 0 && given.digest != 0 && own != given.digest);
            memcpy(point->values[repeat++], m->runs[r].timings.values, sizeof *point->values);
        }
}

/* --- series ------------------------------------------------------------------------------------------------------ */

/* The keys in which the descriptions of a series may differ. */
static const char *const free_keys[][4] = {
    [APD_STRONG] = {NULL},
    [APD_WEAK] = {"training.batch", "shards", "training.epochs", NULL},
    [APD_TASKS] = {"stream.tasks", "method.consolidate_every", NULL},
};

static int64_t batch_of(const timed *run) {
    return run->run->result.description->training.batch;
}

static bool belong(const timed *a, const timed *b, apd_scaling_kind kind) {
    const apd_description *one = a->run->result.description, *other = b->run->result.description;
    apd_description_difference ignored;
    if (kind == APD_TASKS ? a->ranks != b->ranks || a->run->result.tasks == b->run->result.tasks
                          : a->ranks == b->ranks)
        return false;
    if (kind == APD_STRONG)
        return a->description == b->description;
    if (kind == APD_WEAK && batch_of(a) * b->ranks != batch_of(b) * a->ranks)
        return false;
    return one->seed == other->seed && a->run->result.data_digest == b->run->result.data_digest &&
           !apd_description_differs(one, other, free_keys[kind], &ignored);
}

static int scaled(const maker *m, int run, apd_scaling_kind kind) {
    return kind == APD_TASKS ? m->runs[run].run->result.tasks : m->runs[run].ranks;
}

static bool is_one_of(const char *key, const char *const *keys) {
    while (*keys != NULL && strcmp(key, *keys) != 0)
        keys++;
    return *keys != NULL;
}

/* "method.name=apd, seed=0": the keys that the study varies but those in `left_out` and the free ones; the method's name
 * without any. */
static char *name_of(const maker *m, int run, apd_scaling_kind kind, const char *const *left_out) {
    const apd_table_set *study = m->study;
    apd_text text;
    int count = 0;
    apd_text_begin(&text, "a series' name");
    for (int k = 0; k < study->key_count; k++)
        if (!is_one_of(study->keys[k], free_keys[kind]) && !is_one_of(study->keys[k], left_out) &&
            m->runs[run].run->values[k][0] != '\0')
            (void)fprintf(text.file, "%s%s=%s", count++ > 0 ? ", " : "", study->keys[k],
                          m->runs[run].run->values[k]);
    if (count == 0)
        (void)fputs(m->runs[run].run->result.method, text.file);
    return apd_text_end(&text);
}

static void add_series(const maker *m, int count, apd_scaling_kind kind) {
    static const char *const repeats[] = {"repeat", NULL}, *const ranks[] = {"repeat", "ranks", NULL},
                             *const both[] = {"repeat", "ranks", "stream.tasks", NULL};
    char *name = name_of(m, m->chosen[0], kind, kind == APD_TASKS ? repeats : ranks);
    char *root = name_of(m, m->chosen[0], kind, both);
    apd_scaling_series *series = apd_scaling_add(m->scaling, name, root, kind, NULL);
    free(root);
    free(name);
    for (int i = 1; i < count; i++) /* few: by insertion */
        for (int j = i; j > 0 && scaled(m, m->chosen[j], kind) < scaled(m, m->chosen[j - 1], kind); j--) {
            int later = m->chosen[j - 1];
            m->chosen[j - 1] = m->chosen[j];
            m->chosen[j] = later;
        }
    for (int i = 0; i < count; i++)
        add_point(m, series, m->chosen[i]);
}

static void make_series(maker *m, apd_scaling_kind kind) {
    bool *used = apd_allocate(m->count, sizeof *used, "points");
    for (int a = 0; a < m->count; a++) {
        int count = 0;
        if (used[a] || m->runs[a].first != a)
            continue;
        m->chosen[count++] = a;
        for (int b = a + 1; b < m->count; b++) {
            bool fits = !used[b] && m->runs[b].first == b && belong(&m->runs[a], &m->runs[b], kind);
            for (int i = 0; i < count && fits; i++)
                fits = scaled(m, m->chosen[i], kind) != scaled(m, b, kind);
            if (!fits)
                continue;
            used[b] = true;
            m->chosen[count++] = b;
        }
        if (count > 1)
            add_series(m, count, kind);
    }
    free(used);
}

/* Whether there is anything to compare; most studies have nothing, and their metrics.jsonl need not be read. */
static bool varies(const apd_table_set *study) {
    const apd_result *first = NULL;
    for (int r = 0; r < study->run_count; r++) {
        const apd_result *result = &study->runs[r].result;
        if (!apd_result_finished(result))
            continue;
        if (first != NULL && (result->ranks != first->ranks || result->tasks != first->tasks))
            return true;
        first = first != NULL ? first : result;
    }
    return false;
}

apd_status apd_scaling_of_runs(const apd_table_set *study, apd_scaling *scaling, apd_error *error) {
    *scaling = (apd_scaling){0};
    if (!varies(study))
        return APD_OK;
    maker m = {.study = study, .scaling = scaling};
    m.runs = apd_allocate(study->run_count, sizeof *m.runs, "timed runs");
    m.chosen = apd_allocate(study->run_count, sizeof *m.chosen, "points");
    apd_status status = read_runs(&m, error);
    for (apd_scaling_kind kind = APD_STRONG; kind <= APD_TASKS && status == APD_OK; kind++)
        make_series(&m, kind);
    free(m.chosen);
    free(m.runs);
    return status;
}
