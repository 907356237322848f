#include "commands/evaluate_auto.h"

#include "base/counted.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "trained/guess.h"

#include <stdlib.h>
#include <string.h>

#define PORTION_BYTES (INT64_C(128) << 20)

/* Of a task's images: how many there are, and how many got the right task, the right class, and the right class by the known task's
 * network. Classes are compared by their numbers in the data file. */
typedef struct task_score {
    int64_t images, tasks, classes, known;
} task_score;

enum { COUNTS = sizeof(task_score) / sizeof(int64_t) };

/* An image to guess. */
typedef struct question {
    int place, number; /* its task, and its class in the data file */
} question;

typedef struct measuring {
    apd_run *run;
    apd_trained_run file;
    apd_guesser *guesser;
    task_score *scores;  /* (T) */
    int64_t bytes;       /* of an image */
    uint8_t *images;     /* (most, bytes) */
    question *questions; /* (most) */
    apd_guess *guesses;  /* (most) */
    int count, most;
    double knowing; /* seconds: networks of known tasks */
    apd_guess_times guessing;
} measuring;

/* --- two ways -------------------------------------------------------------------------------------------------- */

static apd_status pass_known(measuring *m, int place, const uint8_t *images, const int32_t *labels, int64_t n,
                             apd_error *error) {
    apd_trained known = {0};
    double started = apd_seconds();
    APD_TRY(apd_trained_read(&m->file, place, &known, error));
    const int classes = known.record->class_count;
    float *probabilities = apd_allocate(n * classes, sizeof *probabilities, "probabilities");
    apd_trained_predict_seen(&known, images, NULL, n, probabilities);
    for (int64_t i = 0; i < n; i++)
        m->scores[place].known += apd_most_probable(probabilities + i * classes, classes) == labels[i];
    free(probabilities);
    apd_trained_clear(&known);
    m->knowing += apd_seconds() - started;
    return APD_OK;
}

/* The portion. */
static apd_status guess(measuring *m, apd_error *error) {
    APD_TRY(apd_guesser_guess(m->guesser, m->images, m->count, m->guesses, &m->guessing, error));
    for (int i = 0; i < m->count; i++) {
        task_score *score = &m->scores[m->questions[i].place];
        score->tasks += m->guesses[i].place == m->questions[i].place;
        score->classes += m->guesses[i].number == m->questions[i].number;
    }
    m->count = 0;
    return APD_OK;
}

static apd_status measure(measuring *m, int place, apd_error *error) {
    const apd_run *run = m->run;
    const apd_task_record *record = &m->file.state->records[place];
    const uint8_t *images;
    const int32_t *labels;
    apd_eval_set *set = NULL;
    apd_status status;
    APD_GO(apd_eval_set_load(run->description, run->stream, run->dataset, &run->partition, record->id,
                             run->stream->measured, &record->normalisation, &set, error));
    int64_t n = apd_eval_set_stored(set, &images, &labels);
    m->scores[place].images = n;
    APD_GO(pass_known(m, place, images, labels, n, error));
    for (int64_t i = 0; i < n; i++) {
        if (m->count == m->most)
            APD_GO(guess(m, error));
        memcpy(m->images + m->count * m->bytes, images + i * m->bytes, (size_t)m->bytes);
        m->questions[m->count++] = (question){place, record->classes[labels[i]]};
    }
out:
    apd_eval_set_destroy(set);
    return status;
}

static apd_status measure_all(measuring *m, apd_error *error) {
    const apd_image_shape shape = m->run->dataset->shape;
    APD_TRY(apd_trained_run_open(m->run->checkpoint, false, &m->file, error));
    APD_TRY(apd_guesser_create(&m->file, &m->guesser, error));
    m->bytes = (int64_t)shape.channels * shape.height * shape.width;
    m->most = (int)(PORTION_BYTES / m->bytes) + 1;
    m->images = apd_allocate_bytes(m->most * m->bytes, "images to guess");
    m->questions = apd_allocate_bytes(m->most * (int64_t)sizeof *m->questions, "images to guess");
    m->guesses = apd_allocate_bytes(m->most * (int64_t)sizeof *m->guesses, "images to guess");
    for (int t = 0; t < m->run->state.task_count; t++)
        if (m->run->state.records[t].class_count > 0)
            APD_TRY(measure(m, t, error));
    return guess(m, error);
}

/* --- shown ------------------------------------------------------------------------------------------------------- */

/* Counts and times of all ranks. */
typedef struct summary {
    task_score sum;
    int tasks;
    double knowing;
    apd_guess_times guessing;
} summary;

static double share(int64_t count, int64_t of) {
    return of > 0 ? (double)count / (double)of : 0.0;
}

/* The guesses' time in times of the known tasks'. */
static double cost(const summary *all) {
    return (all->guessing.keys + all->guessing.reading + all->guessing.passes) / all->knowing;
}

static void print(const apd_run *run, const task_score *scores, const summary *all) {
    (void)printf("\nplace  task  name                              known %%      auto %%  task right %%\n");
    for (int t = 0; t < run->state.task_count; t++)
        if (scores[t].images > 0)
            (void)printf("%5d %5d  %-30s %10.2f %11.2f %13.2f\n", t, run->state.records[t].id,
                         apd_utf8_shown(run->state.records[t].name).text,
                         100.0 * share(scores[t].known, scores[t].images),
                         100.0 * share(scores[t].classes, scores[t].images),
                         100.0 * share(scores[t].tasks, scores[t].images));
    (void)printf("task known: %.2f %% of %s right, in %.3g s at %s\n",
                 100.0 * share(all->sum.known, all->sum.images), apd_count(all->sum.images, "image").text,
                 all->knowing, apd_count(all->tasks, "task").text);
    (void)printf(
        "task auto: %.2f %%, the task of %.2f %%; %.2f times as long (keys %.2f, reading networks %.2f, "
        "passes %.2f)\n",
        100.0 * share(all->sum.classes, all->sum.images), 100.0 * share(all->sum.tasks, all->sum.images),
        cost(all), all->guessing.keys / all->knowing, all->guessing.reading / all->knowing,
        all->guessing.passes / all->knowing);
}

static void print_json(const apd_run *run, const task_score *scores, const summary *all, apd_json *json) {
    apd_json_begin_object(json, "auto");
    apd_json_begin_array(json, "tasks");
    for (int t = 0; t < run->state.task_count; t++) {
        if (scores[t].images == 0)
            continue;
        apd_json_begin_object(json, NULL);
        apd_json_integer(json, "place", t);
        apd_json_integer(json, "task", run->state.records[t].id);
        apd_json_integer(json, "images", scores[t].images);
        apd_json_integer(json, "known_right", scores[t].known);
        apd_json_integer(json, "right", scores[t].classes);
        apd_json_integer(json, "task_right", scores[t].tasks);
        apd_json_end(json);
    }
    apd_json_end(json);
    apd_json_number(json, "known_accuracy", share(all->sum.known, all->sum.images));
    apd_json_number(json, "accuracy", share(all->sum.classes, all->sum.images));
    apd_json_number(json, "task_accuracy", share(all->sum.tasks, all->sum.images));
    apd_json_number(json, "cost", cost(all));
    apd_json_end(json);
}

/* Collective. */
static summary gather(measuring *m) {
    const double seconds[] = {m->knowing, m->guessing.keys, m->guessing.reading, m->guessing.passes};
    int64_t sums[4];
    summary all = {0};
    for (int t = 0; t < m->run->state.task_count; t++) {
        task_score *score = &m->scores[t];
        apd_team_sum(m->run->team, (int64_t *)score, COUNTS);
        all.sum.images += score->images;
        all.sum.tasks += score->tasks;
        all.sum.classes += score->classes;
        all.sum.known += score->known;
        all.tasks += score->images > 0;
    }
    for (int i = 0; i < 4; i++)
        sums[i] = (int64_t)(1e9 * seconds[i]); /* ranks add integers only */
    apd_team_sum(m->run->team, sums, 4);
    all.knowing = 1e-9 * (double)sums[0];
    all.guessing = (apd_guess_times){1e-9 * (double)sums[1], 1e-9 * (double)sums[2], 1e-9 * (double)sums[3]};
    return all;
}

apd_status apd_evaluate_auto(apd_run *run, apd_json *json, apd_error *error) {
    measuring m = {.run = run};
    m.scores = apd_allocate(run->state.task_count, sizeof *m.scores, "scores");
    apd_status status = measure_all(&m, error);
    status = apd_team_agree(run->team, status, error);
    if (status == APD_OK) {
        summary all = gather(&m);
        if (apd_run_speaks(run) && json != NULL)
            print_json(run, m.scores, &all, json);
        else if (apd_run_speaks(run))
            print(run, m.scores, &all);
    }
    free(m.guesses);
    free(m.questions);
    free(m.images);
    apd_guesser_destroy(m.guesser);
    apd_trained_run_close(&m.file);
    free(m.scores);
    return status;
}
