#include "method/accuracies.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void apd_accuracies_clear(apd_accuracies *accuracies) {
    free(accuracies->now);
    free(accuracies->learned);
    free(accuracies->best);
    free(accuracies->above);
    free(accuracies->ends);
    free(accuracies->task);
    free(accuracies->value);
    *accuracies = (apd_accuracies){0};
}

/* As numbers, NaN being equal to NaN. */
static bool differ(double a, double b) {
    return isnan(a) ? !isnan(b) : isnan(b) || memcmp(&a, &b, sizeof a) != 0;
}

static int64_t closed_changes(const apd_accuracies *accuracies) {
    return accuracies->tasks > 1 ? accuracies->ends[accuracies->tasks - 2] : 0;
}

static void append_change(apd_accuracies *accuracies, int64_t *count, int32_t task, double value) {
    if (*count == accuracies->capacity) {
        int64_t grown = accuracies->capacity < 64 ? 64 : 2 * accuracies->capacity;
        accuracies->task = apd_reallocate(accuracies->task, *count, grown, sizeof(int32_t), "accuracies");
        accuracies->value = apd_reallocate(accuracies->value, *count, grown, sizeof(double), "accuracies");
        accuracies->capacity = grown;
    }
    accuracies->task[*count] = task;
    accuracies->value[(*count)++] = value;
}

/* Row T-1 is final: its changes join the list. */
static void close_row(apd_accuracies *accuracies) {
    int64_t count = closed_changes(accuracies);
    for (int32_t j = 0; j < accuracies->tasks; j++) {
        if (differ(accuracies->now[j], accuracies->above[j]))
            append_change(accuracies, &count, j, accuracies->now[j]);
        accuracies->best[j] = fmax(accuracies->best[j], accuracies->now[j]);
        accuracies->above[j] = accuracies->now[j];
    }
    accuracies->ends = apd_reallocate(accuracies->ends, accuracies->tasks - 1, accuracies->tasks,
                                      sizeof(int64_t), "accuracies");
    accuracies->ends[accuracies->tasks - 1] = count;
    accuracies->learned[accuracies->tasks - 1] = accuracies->now[accuracies->tasks - 1];
}

static void grow(double **vector, int32_t tasks) {
    *vector = apd_reallocate(*vector, tasks, (int64_t)tasks + 1, sizeof(double), "accuracies");
    (*vector)[tasks] = NAN;
}

void apd_accuracies_add_task(apd_accuracies *accuracies) {
    if (accuracies->tasks > 0)
        close_row(accuracies);
    grow(&accuracies->now, accuracies->tasks);
    grow(&accuracies->learned, accuracies->tasks);
    grow(&accuracies->best, accuracies->tasks);
    grow(&accuracies->above, accuracies->tasks);
    accuracies->tasks++;
}

double apd_accuracies_learned(const apd_accuracies *accuracies, int32_t task) {
    return task == accuracies->tasks - 1 ? accuracies->now[task] : accuracies->learned[task];
}

void apd_accuracies_forget(apd_accuracies *accuracies, int32_t place) {
    int64_t kept = 0;
    for (int64_t i = 0, t = 0; t < accuracies->tasks - 1; t++) {
        for (; i < accuracies->ends[t]; i++) {
            if (accuracies->task[i] == place)
                continue;
            accuracies->task[kept] = accuracies->task[i];
            accuracies->value[kept++] = accuracies->value[i];
        }
        accuracies->ends[t] = kept;
    }
    accuracies->now[place] = accuracies->learned[place] = accuracies->best[place] = accuracies->above[place] =
        NAN;
}

int64_t apd_accuracies_changes(const apd_accuracies *accuracies) {
    int64_t count = closed_changes(accuracies);
    for (int32_t j = 0; j < accuracies->tasks; j++)
        count += differ(accuracies->now[j], accuracies->above[j]);
    return count;
}

void apd_accuracies_list(const apd_accuracies *accuracies, int64_t *ends, int32_t *task, double *value) {
    int64_t count = closed_changes(accuracies);
    if (accuracies->tasks == 0)
        return;
    if (accuracies->tasks > 1)
        memcpy(ends, accuracies->ends, (size_t)(accuracies->tasks - 1) * sizeof *ends);
    if (count > 0) {
        memcpy(task, accuracies->task, (size_t)count * sizeof *task);
        memcpy(value, accuracies->value, (size_t)count * sizeof *value);
    }
    for (int32_t j = 0; j < accuracies->tasks; j++)
        if (differ(accuracies->now[j], accuracies->above[j])) {
            task[count] = j;
            value[count++] = accuracies->now[j];
        }
    ends[accuracies->tasks - 1] = count;
}

static bool makes_sense(int32_t tasks, const int64_t *ends, const int32_t *task, const double *value,
                        int64_t changes) {
    int64_t i = 0;
    for (int32_t t = 0; t < tasks; t++) {
        if (ends[t] < i || ends[t] > changes)
            return false;
        for (int64_t first = i; i < ends[t]; i++)
            if (task[i] < 0 || task[i] > t || (i > first && task[i] <= task[i - 1]) ||
                !(isnan(value[i]) || (value[i] >= 0.0 && value[i] <= 1.0)))
                return false;
    }
    return i == changes;
}

bool apd_accuracies_set(apd_accuracies *accuracies, int32_t tasks, const int64_t *ends, const int32_t *task,
                        const double *value, int64_t changes) {
    *accuracies = (apd_accuracies){0};
    if (!makes_sense(tasks, ends, task, value, changes))
        return false;
    for (int32_t t = 0; t < tasks; t++) {
        apd_accuracies_add_task(accuracies);
        for (int64_t i = t > 0 ? ends[t - 1] : 0; i < ends[t]; i++)
            accuracies->now[task[i]] = value[i];
    }
    return true;
}

void apd_accuracies_next_row(const apd_accuracies *accuracies, int32_t t, double *row) {
    for (int32_t j = 0; j < accuracies->tasks && t == 0; j++)
        row[j] = NAN;
    if (t == accuracies->tasks - 1) {
        memcpy(row, accuracies->now, (size_t)accuracies->tasks * sizeof *row);
        return;
    }
    for (int64_t i = t > 0 ? accuracies->ends[t - 1] : 0; i < accuracies->ends[t]; i++)
        row[accuracies->task[i]] = accuracies->value[i];
}
