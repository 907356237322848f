#include "engine/batches.h"

#include "base/memory.h"
#include "engine/teachers.h"

#include <stdlib.h>
#include <string.h>

/* The batches of one epoch, in order. */
typedef struct batch_order {
    int epoch;    /* -1: none yet */
    int *sources; /* (steps) */
    int *steps;   /* (steps) within the source's set */
} batch_order;

struct apd_batches {
    uint64_t seed;
    int count;
    apd_batch_source *sources; /* (count): finished tasks by place, then the task in training */
    int steps;
    batch_order orders[2]; /* of an even and an odd epoch: the present one, and the next one */
};

static apd_status load(apd_batches *batches, const apd_run *run, int place, int id, apd_error *error) {
    apd_batch_source *source = &batches->sources[batches->count];
    *source = (apd_batch_source){.place = place, .id = id, .classes = run->stream->tasks[id].class_count};
    APD_TRY(apd_train_set_load(run->description, run->stream, run->dataset, &run->partition, id, &source->set,
                               error));
    batches->steps += apd_train_set_steps(source->set);
    batches->count++;
    return apd_teachers_teach(run, id, source->set, error);
}

static apd_status load_all(apd_batches *batches, const apd_run *run, int place, int id, apd_error *error) {
    for (int p = 0; p < place && run->description->method.row->rehearses; p++)
        if (run->decomposition->tasks[p] != NULL)
            APD_TRY(load(batches, run, p, run->stream->order[p], error));
    return load(batches, run, -1, id, error);
}

apd_status apd_batches_load(const apd_run *run, int place, int id, apd_batches **out, apd_error *error) {
    apd_batches *batches = apd_allocate(1, sizeof *batches, "a task's batches");
    batches->seed = run->description->seed;
    batches->sources = apd_allocate(place + 1, sizeof *batches->sources, "a task's batches");
    apd_status status = apd_team_agree(run->team, load_all(batches, run, place, id, error), error);
    for (int i = 0; i < 2; i++) {
        batch_order *order = &batches->orders[i];
        order->epoch = -1;
        order->sources = apd_allocate(batches->steps, sizeof *order->sources, "an epoch's batches");
        order->steps = apd_allocate(batches->steps, sizeof *order->steps, "an epoch's batches");
    }
    if (status == APD_OK)
        *out = batches;
    else
        apd_batches_destroy(batches);
    return status;
}

void apd_batches_destroy(apd_batches *batches) {
    if (batches == NULL)
        return;
    for (int s = 0; s < batches->count; s++)
        apd_train_set_destroy(batches->sources[s].set);
    for (int i = 0; i < 2; i++) {
        free(batches->orders[i].sources);
        free(batches->orders[i].steps);
    }
    free(batches->sources);
    free(batches);
}

int apd_batches_steps(const apd_batches *batches) {
    return batches->steps;
}

int apd_batches_classes(const apd_batches *batches) {
    int most = 0;
    for (int s = 0; s < batches->count; s++)
        most = batches->sources[s].classes > most ? batches->sources[s].classes : most;
    return most;
}

apd_train_set *apd_batches_own(const apd_batches *batches) {
    return batches->sources[batches->count - 1].set;
}

/* The permutation says whose turn it is; a task's own batches stay in order. */
static void make_order(const apd_batches *batches, int epoch, batch_order *order) {
    apd_random random = apd_random_stream(batches->seed, APD_RANDOM_BATCH_ORDER,
                                          (uint32_t)batches->sources[batches->count - 1].id, (uint32_t)epoch);
    int64_t *places = apd_allocate(batches->steps, sizeof *places, "an epoch's batches");
    apd_random_permutation(&random, batches->steps, places);
    int64_t next = 0;
    for (int s = 0; s < batches->count; s++)
        for (int i = 0; i < apd_train_set_steps(batches->sources[s].set); i++)
            order->sources[places[next++]] = s;
    int *taken = apd_allocate(batches->count, sizeof *taken, "an epoch's batches");
    for (int k = 0; k < batches->steps; k++)
        order->steps[k] = taken[order->sources[k]]++;
    order->epoch = epoch;
    free(taken);
    free(places);
}

apd_batch apd_batches_at(apd_batches *batches, int epoch, int step) {
    APD_ASSERT(step >= 0 && step <= batches->steps);
    if (step == batches->steps) {
        epoch++;
        step = 0;
    }
    batch_order *order = &batches->orders[epoch % 2];
    if (order->epoch != epoch)
        make_order(batches, epoch, order);
    const apd_batch_source *source = &batches->sources[order->sources[step]];
    int own = order->steps[step];
    return (apd_batch){.source = source,
                       .epoch = epoch,
                       .step = own,
                       .number = (int64_t)epoch * apd_train_set_steps(source->set) + own + 1};
}
