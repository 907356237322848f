#include "library/apd.h"

#include "base/landing.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "io/hdf5/guard.h"
#include "trained/trained.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct apd_file {
    apd_trained_run run;
    char ***names; /* (T, classes) */
};

struct apd_theta {
    const apd_file *file;
    apd_trained trained;
    char (*names)[80]; /* (2 B) of its arrays */
};

_Static_assert((int)APD_BAD_CALL == (int)APD_ERROR_USAGE && (int)APD_BAD_FILE == (int)APD_ERROR_DATA &&
                   (int)APD_FAULT == (int)APD_ERROR_INTERNAL && (int)APD_REFUSED == (int)APD_ERROR_IO &&
                   (int)APD_TRY_AGAIN == (int)APD_REQUEUE,
               "the statuses of apd.h");

/* --- failures ---------------------------------------------------------------------------------------------- */

static _Thread_local char reason[sizeof((apd_error *)0)->message] = "";

const char *apd_reason(void) {
    return reason;
}

const char *apd_version(void) {
    return APD_VERSION;
}

static int answer(apd_status status, const apd_error *error) {
    if (status != APD_OK) {
        (void)snprintf(reason, sizeof reason, "%s", error->message);
        apd_utf8_clean(reason);
    }
    return (int)status;
}

static int refuse(const char *text) {
    apd_error error = {0};
    return answer(apd_fail(&error, APD_ERROR_USAGE, "%s", text), &error);
}

/* Set `*status` to what `work` returns, or to why it could not: false then, and its memory and handles are lost. */
typedef apd_status library_work(void *context, apd_error *error);

static bool guarded(library_work *work, void *context, int *status) {
    apd_landing landing = {0};
    apd_error error = {0};
    if (sigsetjmp(landing.place, 1) != 0) {
        *status = answer(apd_fail(&error, (apd_status)landing.status, "%s", landing.message), &error);
        return false;
    }
    apd_landing_set(&landing);
    apd_status returned = work(context, &error);
    apd_landing_set(NULL);
    *status = answer(returned, &error);
    return true;
}

/* --- a checkpoint ------------------------------------------------------------------------------------------ */

static void name_classes(apd_file *file) {
    const apd_run_state *state = file->run.state;
    file->names = apd_allocate(state->task_count, sizeof *file->names, "names of classes");
    for (int t = 0; t < state->task_count; t++) {
        const apd_task_record *record = &state->records[t];
        char room[64];
        file->names[t] = apd_allocate(record->class_count, sizeof **file->names, "names of classes");
        for (int c = 0; c < record->class_count; c++)
            file->names[t][c] =
                apd_duplicate_text(apd_trained_run_class_name(&file->run, record->classes[c], room));
    }
}

typedef struct opening {
    const char *run;
    apd_file *file;
} opening;

static apd_status open_file(void *context, apd_error *error) {
    opening *wanted = context;
    apd_file *file = apd_allocate(1, sizeof *file, "a checkpoint");
    apd_status status = apd_trained_run_open(wanted->run, true, &file->run, error);
    if (status == APD_OK) {
        name_classes(file);
        wanted->file = file;
    } else {
        free(file);
    }
    return status;
}

int apd_open(const char *run, apd_file **file) {
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
    static bool broken = false;
    if (run == NULL || file == NULL)
        return refuse("apd_open: NULL is no run");
    opening wanted = {.run = run};
    int status;
    (void)pthread_mutex_lock(&one_at_a_time);
    if (broken) {
        status = APD_FAULT;
        (void)snprintf(reason, sizeof reason,
                       "%s: not opened, because HDF5 crashed or memory was short when this process opened "
                       "another checkpoint; start the process again",
                       run);
    } else {
        broken = !guarded(open_file, &wanted, &status);
        apd_h5_guard_remove();
    }
    (void)pthread_mutex_unlock(&one_at_a_time);
    if (status == APD_GOOD)
        *file = wanted.file;
    return status;
}

void apd_close(apd_file *file) {
    if (file == NULL)
        return;
    for (int t = 0; t < file->run.state->task_count; t++) {
        for (int c = 0; c < file->run.state->records[t].class_count; c++)
            free(file->names[t][c]);
        free((void *)file->names[t]);
    }
    free((void *)file->names);
    apd_trained_run_close(&file->run);
    free(file);
}

int apd_input(const apd_file *file, int shape[3]) {
    shape[0] = file->run.shape.channels;
    shape[1] = file->run.shape.height;
    shape[2] = file->run.shape.width;
    return file->run.is_float;
}

int64_t apd_portion(const apd_file *file) {
    return file->run.description->log.evaluate_batch;
}

/* --- its tasks --------------------------------------------------------------------------------------------- */

int apd_task_count(const apd_file *file) {
    return file->run.state->task_count;
}

int apd_find(const apd_file *file, const char *number_or_name, int *task) {
    apd_error error = {0};
    int found = number_or_name != NULL ? apd_find_task(file->run.state, number_or_name) : -1;
    if (found >= 0 && apd_class_count(file, found) > 0) {
        *task = found;
        return APD_GOOD;
    }
    return answer(apd_fail(&error, APD_ERROR_USAGE, "%s: task %.100s: %s", file->run.path,
                           number_or_name != NULL ? number_or_name : "NULL",
                           found < 0 ? "there is no such task" : "it has been forgotten"),
                  &error);
}

static const apd_task_record *record_of(const apd_file *file, int task) {
    static const apd_task_record none = {.accuracy = NAN};
    return task >= 0 && task < apd_task_count(file) ? &file->run.state->records[task] : &none;
}

int apd_task_number(const apd_file *file, int task) {
    return record_of(file, task)->id;
}

const char *apd_task_name(const apd_file *file, int task) {
    return task >= 0 && task < apd_task_count(file) ? record_of(file, task)->name : NULL;
}

double apd_task_accuracy(const apd_file *file, int task) {
    return record_of(file, task)->accuracy;
}

int apd_class_count(const apd_file *file, int task) {
    return record_of(file, task)->class_count;
}

int apd_class_number(const apd_file *file, int task, int k) {
    return k >= 0 && k < apd_class_count(file, task) ? record_of(file, task)->classes[k] : 0;
}

const char *apd_class_name(const apd_file *file, int task, int k) {
    return k >= 0 && k < apd_class_count(file, task) ? file->names[task][k] : NULL;
}

/* --- a task's network -------------------------------------------------------------------------------------- */

typedef struct composing {
    const apd_file *file;
    int task;
    apd_theta *theta;
} composing;

static apd_status compose(void *context, apd_error *error) {
    composing *wanted = context;
    apd_theta *theta = apd_allocate(1, sizeof *theta, "a task's network");
    theta->file = wanted->file;
    apd_status status = apd_trained_read(&wanted->file->run, wanted->task, &theta->trained, error);
    if (status != APD_OK) {
        free(theta);
        return status;
    }
    const apd_layout *layout = apd_network_layout(theta->trained.network);
    theta->names = apd_allocate(2 * (int64_t)layout->block_count, sizeof *theta->names, "names of arrays");
    for (int i = 0; i < 2 * layout->block_count; i++)
        (void)snprintf(theta->names[i], sizeof *theta->names, "%s%s", layout->blocks[i / 2].name,
                       i % 2 == 0 ? "_weights" : "_bias");
    wanted->theta = theta;
    return APD_OK;
}

int apd_compose(const apd_file *file, int task, apd_theta **theta) {
    composing wanted = {.file = file, .task = task};
    int status;
    if (apd_class_count(file, task) == 0)
        return refuse("apd_compose: there is no such task, or it has been forgotten");
    (void)guarded(compose, &wanted, &status);
    if (status == APD_GOOD)
        *theta = wanted.theta;
    return status;
}

void apd_release(apd_theta *theta) {
    if (theta == NULL)
        return;
    free(theta->names);
    apd_trained_clear(&theta->trained);
    free(theta);
}

typedef struct predicting {
    const apd_theta *theta;
    const void *images;
    int64_t n;
    float *probabilities;
    int *classes;
} predicting;

static apd_status predict(void *context, apd_error *error) {
    const predicting *wanted = context;
    const int classes = wanted->theta->trained.record->class_count;
    float *probabilities = wanted->probabilities;
    (void)error;
    if (probabilities == NULL)
        probabilities = apd_allocate(wanted->n * classes, sizeof *probabilities, "probabilities");
    apd_trained_predict(&wanted->theta->trained, wanted->images, wanted->n, probabilities);
    for (int64_t i = 0; i < wanted->n && wanted->classes != NULL; i++)
        wanted->classes[i] = apd_most_probable(probabilities + i * classes, classes);
    if (probabilities != wanted->probabilities)
        free(probabilities);
    return APD_OK;
}

int apd_predict(const apd_theta *theta, const void *images, int64_t n, float *probabilities, int *classes) {
    predicting wanted = {theta, images, n, probabilities, classes};
    int status = APD_GOOD;
    if (n < 0 || (n > 0 && images == NULL))
        return refuse("apd_predict: n images are needed, n >= 0");
    if (n > 0)
        (void)guarded(predict, &wanted, &status);
    return status;
}

int apd_values_count(const apd_theta *theta) {
    return 2 * apd_network_layout(theta->trained.network)->block_count;
}

const float *apd_values(const apd_theta *theta, int i, const char **name, int64_t *rows, int64_t *cols) {
    if (i < 0 || i >= apd_values_count(theta))
        return NULL;
    const apd_block *block = &apd_network_layout(theta->trained.network)->blocks[i / 2];
    if (name != NULL)
        *name = theta->names[i];
    if (rows != NULL)
        *rows = block->rows;
    if (cols != NULL)
        *cols = i % 2 == 0 ? block->cols : 1;
    return theta->trained.theta + (i % 2 == 0 ? block->weight : block->bias);
}
