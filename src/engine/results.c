#include "engine/results.h"

#include "base/counted.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/utf8.h"
#include "engine/counts.h"
#include "engine/manifest.h"
#include "io/system/csv.h"
#include "io/system/durable.h"
#include "io/system/file.h"
#include "io/system/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static apd_status save(apd_text *text, const apd_run *run, const char *name, bool grows, apd_error *error) {
    const char *folder = run->description->output;
    (void)apd_text_end(text);
    apd_status status =
        (grows ? apd_append_file : apd_write_file)(folder, name, text->text, (int64_t)text->size, error);
    free(text->text);
    return status;
}

static double last_accuracy(const apd_run *run, int place) {
    return run->state.accuracies.now[place];
}

/* An accuracy as a CSV cell, empty if there is none. */
static void cell(FILE *file, double accuracy) {
    if (isnan(accuracy))
        (void)fputc(',', file);
    else
        (void)fprintf(file, ",%.6f", accuracy);
}

/* `row` (T): the accuracies after task `task`. */
static void put_accuracies(FILE *file, const apd_run *run, int task, const double *row) {
    (void)fprintf(file, "%d", run->state.records[task].id);
    for (int j = 0; j < run->stream->task_count; j++)
        cell(file, j <= task ? row[j] : NAN);
    (void)fputc('\n', file);
}

/* Whether accuracy.csv, as this process wrote it, lacks nothing but the rows of later tasks. */
static bool lacks_last_rows(const apd_run *run) {
    char *path = apd_join_path(run->description->output, "accuracy.csv");
    bool there = access(path, F_OK) == 0;
    free(path);
    return there && run->listed > 0 && run->listed < run->state.task_count;
}

/* The file grows with the square of the tasks, so only new rows are appended where that suffices. */
static apd_status write_accuracy(apd_run *run, apd_error *error) {
    const int tasks = run->state.task_count;
    bool grows = lacks_last_rows(run);
    apd_text s;
    apd_text_begin(&s, "accuracy.csv");
    if (!grows) {
        (void)fputs("after_task", s.file);
        for (int j = 0; j < run->stream->task_count; j++)
            (void)fprintf(s.file, ",task_%d", run->stream->order[j]);
        (void)fputc('\n', s.file);
    }
    double *row = apd_allocate(tasks, sizeof *row, "accuracies");
    for (int i = 0; i < tasks; i++) {
        apd_accuracies_next_row(&run->state.accuracies, i, row);
        if (!grows || i >= run->listed)
            put_accuracies(s.file, run, i, row);
    }
    free(row);
    run->listed = tasks;
    return save(&s, run, "accuracy.csv", grows, error);
}

static int64_t own_numbers(const apd_layout *layout, int classes) {
    int64_t numbers = (int64_t)classes * (layout->blocks[layout->block_count - 1].cols + 1);
    for (int b = 0; b < layout->block_count; b++)
        numbers += layout->blocks[b].decomposed ? layout->blocks[b].rows : 0;
    return numbers;
}

static int64_t subnetwork_bytes(const apd_layout *layout) {
    int64_t bytes = 0;
    for (int b = 0; b + 1 < layout->block_count; b++)
        bytes += layout->blocks[b].rows * apd_bit_bytes(layout->blocks[b].cols);
    return bytes;
}

/* Bytes of a task in a checkpoint, uncompressed: values and columns of tau, row offsets, masks, biases, head. */
static int64_t task_bytes(const apd_run *run, int task, int64_t nonzeros) {
    const apd_layout *layout = apd_network_layout(run->network);
    if (run->state.records[task].class_count == 0)
        return 0; /* forgotten */
    int64_t rows = 0, own = own_numbers(layout, run->state.records[task].class_count);
    for (int b = 0; b < layout->block_count; b++)
        rows += layout->blocks[b].decomposed ? layout->blocks[b].rows : 0;
    if (run->state.records[task].storage == APD_STORAGE_SUBNETWORK)
        return subnetwork_bytes(layout) + 4 * own;
    if (run->state.records[task].storage != APD_STORAGE_DECOMPOSED)
        return 4 * (nonzeros + own);
    return 8 * nonzeros + 8 * (rows + 1) + 4 * (rows + own);
}

static apd_status write_tasks(const apd_run *run, const int64_t *nonzeros, apd_error *error) {
    const apd_run_state *state = &run->state;
    apd_text s;
    apd_text_begin(&s, "tasks.csv");
    (void)fputs("place,task,name,classes,accuracy_learned,accuracy,tau_nonzeros,bytes,epochs,seconds\n",
                s.file);
    for (int t = 0; t < state->task_count; t++) {
        const apd_task_record *record = &state->records[t];
        (void)fprintf(s.file, "%d,%d,", t, record->id);
        apd_csv_text(s.file, record->name);
        (void)fprintf(s.file, ",%d", record->class_count);
        cell(s.file, record->accuracy);
        cell(s.file, last_accuracy(run, t));
        (void)fprintf(s.file, ",%" PRId64 ",%" PRId64 ",%d,%.3f\n", nonzeros[t],
                      task_bytes(run, t, nonzeros[t]), record->epochs, record->seconds);
    }
    return save(&s, run, "tasks.csv", false, error);
}

static const char *measured_on(const apd_run *run) {
    return run->stream->measured == APD_PART_TEST ? "test" : "validation";
}

int64_t apd_run_peak_bytes(const apd_run *run) {
    int64_t peak = apd_peak_bytes();
    apd_team_maximum(run->team, &peak, 1);
    return peak;
}

/* What is counted over all ranks. */
typedef struct totals {
    int64_t *nonzeros; /* (tasks) of tau */
    apd_manifest_figures figures;
    double seconds;
} totals;

/* Collective. */
static totals count_totals(apd_run *run) {
    const int tasks = run->state.task_count;
    totals all = {.nonzeros = apd_allocate(tasks, sizeof *all.nonzeros, "the tasks' non-zeros")};
    apd_capacity_counts counts = apd_run_count(run, all.nonzeros);
    all.figures.peak = apd_run_peak_bytes(run);
    if (apd_run_speaks(run))
        all.figures.file_bytes = counts.file_bytes = apd_checkpoint_bytes(run->checkpoint, &run->state);
    all.figures.capacity =
        apd_capacity_of(apd_network_layout(run->network), run->stream->max_classes, &counts);
    for (int t = 0; t < tasks; t++)
        all.seconds += run->state.records[t].seconds;
    return all;
}

apd_status apd_results_write(apd_run *run, apd_error *error) {
    totals all = count_totals(run);
    run->capacity = all.figures.capacity.weights;
    char *hosts = apd_team_hosts(run->team);
    apd_status status = APD_OK;
    if (apd_run_speaks(run)) {
        status = write_accuracy(run, error);
        if (status == APD_OK)
            status = write_tasks(run, all.nonzeros, error);
        if (status == APD_OK)
            status = apd_manifest_write(run, hosts, &all.figures, false, error);
    }
    free(hosts);
    free(all.nonzeros);
    return apd_team_agree(run->team, status, error);
}

apd_status apd_results_begin(apd_run *run, apd_error *error) {
    const apd_manifest_figures figures = {.peak = apd_run_peak_bytes(run)};
    char *hosts = apd_team_hosts(run->team);
    apd_status status = apd_run_speaks(run) ? apd_manifest_write(run, hosts, &figures, true, error) : APD_OK;
    free(hosts);
    return apd_team_agree(run->team, status, error);
}

static void print_percent(double share) {
    if (isnan(share)) /* not evaluated yet */
        (void)printf(" %8s", "-");
    else
        (void)printf(" %8.2f", 100.0 * share);
}

static void print_task(const apd_run *run, int t, int64_t nonzeros) {
    const apd_task_record *record = &run->state.records[t];
    double dense = (double)apd_network_layout(run->network)->decomposed;
    if (record->class_count == 0) {
        (void)printf("%5d %5d  (forgotten)\n", t, record->id);
        return;
    }
    (void)printf("%5d %5d  %-30s", t, record->id, apd_utf8_shown(record->name).text);
    print_percent(record->accuracy);
    print_percent(last_accuracy(run, t));
    (void)printf(" %10" PRId64 " %7.2f %9.1f\n", nonzeros, 100.0 * (double)nonzeros / dense, record->seconds);
}

static int64_t key_bytes(const apd_run_state *state) {
    int64_t classes = 0;
    for (int t = 0; t < state->task_count; t++)
        classes += state->records[t].class_count;
    return classes * state->key_width;
}

static void print_summary(const apd_run *run, const totals *all) {
    const apd_run_state *state = &run->state;
    const apd_capacity *capacity = &all->figures.capacity;
    apd_metrics metrics = apd_metrics_of(&state->accuracies);
    (void)printf("\naverage accuracy %.2f %%   when learned %.2f %%   worst task %.2f %%\n",
                 100.0 * metrics.average, 100.0 * metrics.learning, 100.0 * metrics.worst);
    if (run->stream->measured != APD_PART_TEST)
        (void)printf("on held-out training images (evaluate: validation); no test image was opened\n");
    (void)printf("backward transfer %+.2f %%   forgetting %.2f %%\n", 100.0 * metrics.backward,
                 100.0 * apd_forgetting_of(&state->accuracies));
    (void)printf("capacity %.1f %% of one network's weights (with heads and biases %.1f %%; checkpoint bytes "
                 "%.1f %%; with an ideal code of positions %.1f %%)\n",
                 100.0 * capacity->weights, 100.0 * capacity->all, 100.0 * capacity->bytes,
                 100.0 * capacity->coded);
    if (state->key_width > 0)
        (void)printf("keys take %.1f kB of the checkpoint, %.2f %% of one network\n",
                     (double)key_bytes(state) / 1e3,
                     100.0 * capacity->bytes * (double)key_bytes(state) / (double)all->figures.file_bytes);
    (void)printf("%.1f s of training for %s on %s with %s, at most %.0f MB a rank\n", all->seconds,
                 apd_count(state->task_count, "task").text, apd_count(apd_team_size(run->team), "rank").text,
                 apd_count(run->partition.shards, "shard").text, (double)all->figures.peak / 1e6);
}

/* The non-zeros of each layer. */
typedef struct layer_counts {
    int64_t *sigma, *tau; /* (blocks) */
} layer_counts;

/* Collective. */
static layer_counts count_layers(apd_run *run) {
    const int blocks = apd_network_layout(run->network)->block_count;
    layer_counts counts = {.sigma = apd_allocate(blocks, sizeof *counts.sigma, "the layers' non-zeros"),
                           .tau = apd_allocate(blocks, sizeof *counts.tau, "the layers' non-zeros")};
    apd_run_count_blocks(run, counts.sigma, counts.tau);
    return counts;
}

static void clear_layers(layer_counts *counts) {
    free(counts->sigma);
    free(counts->tau);
}

static void print_layers(const apd_run *run, const layer_counts *counts) {
    const apd_layout *layout = apd_network_layout(run->network);
    (void)printf("\nlayer            rows    columns     sigma non-zeros   all tau non-zeros\n");
    for (int b = 0; b < layout->block_count; b++)
        if (layout->blocks[b].decomposed)
            (void)printf("%-12s %8" PRId64 " %10" PRId64 " %19" PRId64 " %19" PRId64 "\n",
                         apd_utf8_shown(layout->blocks[b].name).text, layout->blocks[b].rows,
                         layout->blocks[b].cols, counts->sigma[b], counts->tau[b]);
}

void apd_results_print(apd_run *run, bool layers) {
    const int tasks = run->state.task_count;
    totals all = count_totals(run);
    layer_counts counts = count_layers(run);
    if (apd_run_speaks(run) && tasks > 0) {
        (void)printf("\nplace  task  name                            learned %%    now %%   tau != 0   of D "
                     "%%   seconds\n");
        for (int t = 0; t < tasks; t++)
            print_task(run, t, all.nonzeros[t]);
        print_summary(run, &all);
        if (layers)
            print_layers(run, &counts);
    }
    clear_layers(&counts);
    free(all.nonzeros);
}

/* --- as JSON --------------------------------------------------------------------------------------------------- */

static void put_commit(apd_json *json, const apd_run *run) {
    static const char *const endings[] = {[APD_ENDING_COMPLETE] = "complete",
                                          [APD_ENDING_TRAINED] = "trained",
                                          [APD_ENDING_CONSOLIDATED] = "consolidated"};
    const apd_run_state *state = &run->state;
    apd_json_text(json, "checkpoint", run->checkpoint);
    apd_json_integer(json, "commit", state->commit);
    apd_json_unsigned(json, "seed", state->seed);
    apd_json_integer(json, "shards", state->shards);
    apd_json_integer(json, "tasks_done", apd_run_tasks_done(run));
    apd_json_integer(json, "tasks_in_stream", run->stream->task_count);
    apd_json_text(json, "last_task", endings[state->ending]);
    if (state->half_way) {
        apd_json_begin_object(json, "in_training");
        apd_json_integer(json, "task", state->training.id);
        apd_json_integer(json, "epoch", state->training.epoch + 1);
        apd_json_integer(json, "epochs", state->training.epochs);
        apd_json_integer(json, "step", state->training.step);
        apd_json_end(json);
    }
}

static void put_task(apd_json *json, const apd_run *run, int t, int64_t nonzeros) {
    const apd_task_record *record = &run->state.records[t];
    apd_json_begin_object(json, NULL);
    apd_json_integer(json, "place", t);
    apd_json_integer(json, "task", record->id);
    apd_json_text(json, "name", record->name);
    apd_json_flag(json, "forgotten", record->class_count == 0);
    if (record->class_count > 0) {
        apd_json_integer(json, "classes", record->class_count);
        apd_json_number(json, "accuracy_learned", record->accuracy);
        apd_json_number(json, "accuracy", last_accuracy(run, t));
        apd_json_integer(json, "tau_nonzeros", nonzeros);
        apd_json_number(json, "tau_density",
                        (double)nonzeros / (double)apd_network_layout(run->network)->decomposed);
        apd_json_integer(json, "epochs", record->epochs);
        apd_json_number(json, "seconds", record->seconds);
    }
    apd_json_end(json);
}

static void put_capacity(apd_json *json, const totals *all) {
    apd_json_number(json, "capacity", all->figures.capacity.weights);
    apd_json_number(json, "capacity_with_heads", all->figures.capacity.all);
    apd_json_number(json, "capacity_bytes", all->figures.capacity.bytes);
    apd_json_number(json, "capacity_coded", all->figures.capacity.coded);
    apd_json_integer(json, "checkpoint_bytes", all->figures.file_bytes);
}

static void put_summary(apd_json *json, const apd_run *run, const totals *all) {
    apd_metrics metrics = apd_metrics_of(&run->state.accuracies);
    apd_json_text(json, "evaluate", measured_on(run));
    apd_json_number(json, "average_accuracy", metrics.average);
    apd_json_number(json, "learning_accuracy", metrics.learning);
    apd_json_number(json, "worst_accuracy", metrics.worst);
    apd_json_number(json, "backward_transfer", metrics.backward);
    apd_json_number(json, "forgetting", apd_forgetting_of(&run->state.accuracies));
    put_capacity(json, all);
    apd_json_number(json, "seconds", all->seconds);
    apd_json_integer(json, "ranks", apd_team_size(run->team));
    apd_json_integer(json, "peak_bytes_a_rank", all->figures.peak);
}

static void put_layers(apd_json *json, const apd_run *run, const layer_counts *counts) {
    const apd_layout *layout = apd_network_layout(run->network);
    apd_json_begin_array(json, "layers");
    for (int b = 0; b < layout->block_count; b++) {
        if (!layout->blocks[b].decomposed)
            continue;
        apd_json_begin_object(json, NULL);
        apd_json_text(json, "layer", layout->blocks[b].name);
        apd_json_integer(json, "rows", layout->blocks[b].rows);
        apd_json_integer(json, "columns", layout->blocks[b].cols);
        apd_json_integer(json, "sigma_nonzeros", counts->sigma[b]);
        apd_json_integer(json, "tau_nonzeros", counts->tau[b]);
        apd_json_end(json);
    }
    apd_json_end(json);
}

void apd_results_print_json(apd_run *run, bool layers) {
    totals all = count_totals(run);
    layer_counts counts = count_layers(run);
    if (apd_run_speaks(run)) {
        apd_json json = {.file = stdout};
        apd_json_begin_object(&json, NULL);
        put_commit(&json, run);
        apd_json_begin_array(&json, "tasks");
        for (int t = 0; t < run->state.task_count; t++)
            put_task(&json, run, t, all.nonzeros[t]);
        apd_json_end(&json);
        if (run->state.task_count > 0)
            put_summary(&json, run, &all);
        if (layers)
            put_layers(&json, run, &counts);
        apd_json_end(&json);
    }
    clear_layers(&counts);
    free(all.nonzeros);
}
