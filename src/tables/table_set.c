#include "tables/table_set.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

int apd_table_keys(const apd_description *a, const apd_description *b, const char *keys[APD_TABLE_KEYS + 1]) {
    apd_description_difference found;
    int count = 0;
    while (keys[count] != NULL)
        count++;
    while (count < APD_TABLE_KEYS && apd_description_differs(a, b, keys, &found)) {
        keys[count++] = found.key;
        keys[count] = NULL;
    }
    return count;
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

static const char *last_component(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

static void read_run(apd_tabled_run *run, const apd_table_run *given) {
    *run = (apd_tabled_run){.folder = given->folder, .values = given->values, .table = -1};
    if (apd_result_read(given->folder, &run->result, &run->fault) != APD_OK) {
        run->state = "unreadable";
        run->result = (apd_result){.name = apd_duplicate_text(given->folder)};
    } else if (apd_result_finished(&run->result)) {
        run->state = "finished";
    } else {
        run->state = run->result.description != NULL ? "unfinished" : "not started";
    }
    char *name = apd_duplicate_text(last_component(given->folder));
    free(run->result.name);
    run->result.name = name;
}

/* Whether lines with other values of the key are other lines, and a column says which. */
static bool is_shown(const char *key) {
    static const char *const others[] = {"seed", "stream.order", "method.name", "ranks", "repeat"};
    bool shown = true;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        shown = shown && strcmp(key, others[i]) != 0;
    return shown;
}

/* --- tables ------------------------------------------------------------------------------------------------------ */

static bool same_tasks(const apd_result *a, const apd_result *b) {
    if (a->data_digest != b->data_digest || a->done != b->done || strcmp(a->part, b->part) != 0)
        return false;
    bool same = true;
    for (int t = 0; t < a->done && same; t++)
        same = a->records[a->places[t]].id == b->records[b->places[t]].id;
    return same;
}

/* Number the tables of the finished runs by first appearance. */
static void number_tables(apd_table_set *study) {
    for (int r = 0; r < study->run_count; r++) {
        apd_tabled_run *run = &study->runs[r];
        if (strcmp(run->state, "finished") != 0)
            continue;
        for (int q = 0; q < r && run->table < 0; q++)
            if (study->runs[q].table >= 0 && same_tasks(&run->result, &study->runs[q].result))
                run->table = study->runs[q].table;
        if (run->table < 0)
            run->table = study->table_count++;
    }
}

static bool same_line(const apd_table_set *study, const apd_tabled_run *a, const apd_tabled_run *b) {
    bool same = strcmp(a->result.method, b->result.method) == 0;
    for (int k = 0; k < study->shown_count && same; k++)
        same = strcmp(a->values[study->shown[k]], b->values[study->shown[k]]) == 0;
    return same;
}

/* Whether one of the `count` chosen rows has the row's description: the run again, or on other ranks, with the same results. */
static bool is_repeat(const apd_side *side, const int *chosen, int count, int row) {
    const apd_description *own = side->runs[row]->description;
    apd_description_difference ignored;
    for (int i = 0; i < count; i++) {
        const apd_description *before = side->runs[chosen[i]]->description;
        if (before->seed == own->seed && !apd_description_differs(before, own, NULL, &ignored))
            return true;
    }
    return false;
}

static void make_lines(const apd_table_set *study, apd_table *table) {
    int count = table->side.run_count, *chosen = apd_allocate(count, sizeof *chosen, "a line's runs");
    bool *taken = apd_allocate(count, sizeof *taken, "runs");
    table->lines = apd_allocate(count, sizeof *table->lines, "lines");
    for (int r = 0; r < count; r++) {
        int runs = 0;
        for (int q = r; q < count && !taken[r]; q++)
            if (!taken[q] && same_line(study, &study->runs[table->rows[r]], &study->runs[table->rows[q]])) {
                if (!is_repeat(&table->side, chosen, runs, q))
                    chosen[runs++] = q;
                taken[q] = q > r;
            }
        if (runs > 0)
            table->lines[table->line_count++] = apd_line_make(&table->side, chosen, runs);
    }
    free(taken);
    free(chosen);
}

static void make_table(apd_table_set *study, int number) {
    apd_table *table = &study->tables[number];
    apd_result **runs = apd_allocate(study->run_count, sizeof(apd_result *), "a table's runs");
    int count = 0;
    table->rows = apd_allocate(study->run_count, sizeof *table->rows, "a table's runs");
    for (int r = 0; r < study->run_count; r++)
        if (study->runs[r].table == number) {
            table->rows[count] = r;
            runs[count++] = &study->runs[r].result;
        }
    apd_error error = {0};
    apd_status status = apd_side_make(runs, count, &table->side, &error);
    free(runs);
    APD_ASSERT(status == APD_OK); /* the runs have the same tasks, each once: apd_result_read, same_tasks */
    make_lines(study, table);
}

apd_table_set apd_table_set_read(const apd_table_run *runs, int count, const char *const *keys,
                                 int key_count) {
    apd_table_set study = {.run_count = count, .keys = keys, .key_count = key_count};
    study.runs = apd_allocate(count, sizeof *study.runs, "runs");
    study.shown = apd_allocate(key_count, sizeof *study.shown, "keys");
    for (int k = 0; k < key_count; k++)
        if (is_shown(keys[k]))
            study.shown[study.shown_count++] = k;
    for (int r = 0; r < count; r++)
        read_run(&study.runs[r], &runs[r]);
    number_tables(&study);
    study.tables = apd_allocate(study.table_count, sizeof *study.tables, "tables");
    for (int t = 0; t < study.table_count; t++)
        make_table(&study, t);
    return study;
}

void apd_table_set_clear(apd_table_set *study) {
    for (int t = 0; t < study->table_count; t++) {
        for (int l = 0; l < study->tables[t].line_count; l++)
            apd_line_clear(&study->tables[t].lines[l]);
        free(study->tables[t].lines);
        free(study->tables[t].rows);
        apd_side_clear(&study->tables[t].side);
    }
    for (int r = 0; r < study->run_count; r++)
        apd_result_clear(&study->runs[r].result);
    free(study->tables);
    free(study->shown);
    free(study->runs);
    *study = (apd_table_set){0};
}
