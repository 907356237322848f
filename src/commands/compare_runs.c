#include "commands/compare_runs.h"

#include "base/memory.h"
#include "io/description/description.h"
#include "tables/table_set.h"
#include "tables/tables.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const may_differ[] = {"seed", "stream.order", "log.evaluate_batch", NULL};
#define MAY_DIFFER "compared runs may differ in seed and stream.order only"

/* --- whether runs belong together ------------------------------------------------------------ */

static apd_status check_description(const apd_result *a, const apd_result *b, apd_error *error) {
    apd_description_difference found;
    if (a->data_digest != b->data_digest)
        return apd_fail(error, APD_ERROR_USAGE,
                        "%s: data.file is %s with digest %016" PRIx64 ", and in %s it is %s with digest "
                        "%016" PRIx64 "; " MAY_DIFFER,
                        b->name, b->description->data.files[0], b->data_digest, a->name,
                        a->description->data.files[0], a->data_digest);
    if (!apd_description_differs(b->description, a->description, may_differ, &found))
        return APD_OK;
    return apd_fail(error, APD_ERROR_USAGE, "%s: %s is %s, and in %s it is %s; " MAY_DIFFER, b->name,
                    found.key, found.first, a->name, found.second);
}

static uint64_t seed_of(const apd_comparison *c, int run) {
    return c->runs[run].description->seed;
}

static bool has_seed(const apd_comparison *c, int order, uint64_t seed) {
    for (int r = 0; r < c->run_count; r++)
        if (c->side.order_of[r] == order && seed_of(c, r) == seed)
            return true;
    return false;
}

/* A run given twice is no second seed. Permuted pixels are drawn from the seed, so that a task is the same
 * one in two orders only at equal seeds. */
static apd_status check_seeds(const apd_comparison *c, apd_error *error) {
    bool drawn = c->runs[0].description->stream.kind == APD_STREAM_PERMUTATION;
    for (int r = 0; r < c->run_count; r++) {
        uint64_t seed = seed_of(c, r);
        for (int q = 0; q < r; q++)
            if (c->side.order_of[q] == c->side.order_of[r] && seed_of(c, q) == seed)
                return apd_fail(error, APD_ERROR_USAGE,
                                "%s and %s have the same tasks in the same order with the same seed %" PRIu64
                                ": one of them would weigh twice; leave it out",
                                c->runs[q].name, c->runs[r].name, seed);
        for (int q = 0; drawn && q < c->run_count; q++)
            if (!has_seed(c, c->side.order_of[q], seed))
                return apd_fail(error, APD_ERROR_USAGE,
                                "%s has seed %" PRIu64 ", and no run in the order of %s has it: stream.kind "
                                "permutation draws the tasks from the seed, so that every order needs the "
                                "same seeds",
                                c->runs[r].name, seed, c->runs[q].name);
    }
    return APD_OK;
}

apd_status apd_comparison_make(const char *const *names, int count, apd_comparison *out, apd_error *error) {
    apd_comparison c = {0};
    apd_status status = APD_OK;
    c.runs = apd_allocate(count, sizeof *c.runs, "the runs");
    apd_result **runs = apd_allocate(count, sizeof(apd_result *), "the runs");
    int *all = apd_allocate(count, sizeof *all, "the runs");
    for (; c.run_count < count; c.run_count++) {
        APD_GO(apd_result_open(names[c.run_count], &c.runs[c.run_count], error));
        runs[c.run_count] = &c.runs[c.run_count];
        all[c.run_count] = c.run_count;
    }
    for (int r = 1; r < count; r++)
        APD_GO(check_description(&c.runs[0], &c.runs[r], error));
    APD_GO(apd_side_make(runs, count, &c.side, error));
    APD_GO(check_seeds(&c, error));
    c.line = apd_line_make(&c.side, all, count);
    *out = c;
    c = (apd_comparison){0};
out:
    apd_comparison_clear(&c);
    free(all);
    free(runs);
    return status;
}

void apd_comparison_clear(apd_comparison *comparison) {
    apd_line_clear(&comparison->line);
    apd_side_clear(&comparison->side);
    for (int r = 0; r < comparison->run_count; r++)
        apd_result_clear(&comparison->runs[r]);
    free(comparison->runs);
    *comparison = (apd_comparison){0};
}

/* --- the tables of a study ------------------------------------------------------------------- */

static apd_status write_tables(const char *folder, const char *const *names, const apd_result *runs,
                               int count, apd_error *error) {
    const char *keys[APD_TABLE_KEYS + 1] = {NULL};
    int key_count = 0;
    for (int r = 1; r < count; r++)
        key_count = apd_table_keys(runs[0].description, runs[r].description, keys);
    apd_table_run *given = apd_allocate(count, sizeof *given, "runs");
    char **values = apd_allocate((int64_t)count * key_count, sizeof *values, "their values");
    for (int r = 0; r < count; r++) {
        given[r] = (apd_table_run){names[r], (const char *const *)values + (int64_t)r * key_count};
        for (int k = 0; k < key_count; k++)
            values[(int64_t)r * key_count + k] = apd_result_value(runs[r].description, keys[k]);
    }
    apd_status status = apd_tables_write(folder, given, count, keys, key_count, error);
    for (int64_t i = 0; i < (int64_t)count * key_count; i++)
        free(values[i]);
    free(values);
    free(given);
    return status;
}

apd_status apd_compare_tables(const char *folder, const char *const *names, int count, apd_error *error) {
    apd_result *runs = apd_allocate(count, sizeof *runs, "the runs");
    apd_status status = APD_OK;
    int read = 0;
    for (; read < count && status == APD_OK; read++) {
        status = apd_result_read(names[read], &runs[read], error);
        if (status == APD_OK && runs[read].description == NULL)
            status = apd_fail(error, APD_ERROR_USAGE, "%s has no run.yaml; the folder of a run is needed",
                              names[read]);
    }
    if (status == APD_OK)
        status = write_tables(folder, names, runs, count, error);
    for (int r = 0; r < read; r++)
        apd_result_clear(&runs[r]);
    free(runs);
    return status;
}
