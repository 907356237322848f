/* predict: classes and probabilities of images by the network of one task, in several threads.
 *
 *     cc -std=c11 predict.c $(pkg-config --cflags --libs apd) -pthread -o predict
 *     ./predict RUN TASK IMAGES THREADS
 *
 * IMAGES is a file of images one after the other, channel after channel and row after row, with numbers as the run's data file has
 * them: bytes, or floats. One line an image: the number of its class, the class' name, and the probabilities of all. */
#include <apd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct job {
    const apd_theta *theta;
    const char *images;
    int64_t count;
    float *probabilities;
    int *classes;
    int status;
    char reason[1024];
} job;

/* apd_reason() is the thread's own. */
static void *predict(void *context) {
    job *j = context;
    j->status = apd_predict(j->theta, j->images, j->count, j->probabilities, j->classes);
    snprintf(j->reason, sizeof j->reason, "%s", apd_reason());
    return NULL;
}

static char *read_file(const char *path, int64_t *bytes) {
    FILE *file = fopen(path, "rb");
    char *all = NULL;
    if (file != NULL && fseek(file, 0, SEEK_END) == 0 && (*bytes = ftell(file)) >= 0 &&
        (all = malloc((size_t)*bytes + 1)) != NULL) {
        rewind(file);
        if (fread(all, 1, (size_t)*bytes, file) != (size_t)*bytes) {
            free(all);
            all = NULL;
        }
    }
    if (file != NULL)
        fclose(file);
    return all;
}

static void list_tasks(const apd_file *file) {
    for (int t = 0; t < apd_task_count(file); t++)
        if (apd_class_count(file, t) > 0)
            fprintf(stderr, "task %d: %s, %d classes, accuracy %.2f %%\n", apd_task_number(file, t),
                    apd_task_name(file, t), apd_class_count(file, t), 100.0 * apd_task_accuracy(file, t));
}

int main(int argc, char **argv) {
    enum { MOST = 64 };
    apd_file *file;
    apd_theta *theta;
    pthread_t threads[MOST];
    job jobs[MOST];
    int task, shape[3], status = EXIT_SUCCESS;
    int64_t bytes = 0;
    long used = argc == 5 ? strtol(argv[4], NULL, 10) : 0;
    if (used < 1 || used > MOST) {
        fprintf(stderr, "usage: predict RUN TASK IMAGES THREADS\n");
        return 2;
    }
    if (apd_open(argv[1], &file) != APD_GOOD) {
        fprintf(stderr, "%s\n", apd_reason());
        return EXIT_FAILURE;
    }
    list_tasks(file);
    if (apd_find(file, argv[2], &task) != APD_GOOD || apd_compose(file, task, &theta) != APD_GOOD) {
        fprintf(stderr, "%s\n", apd_reason());
        return EXIT_FAILURE;
    }
    int64_t size = apd_input(file, shape) ? (int64_t)sizeof(float) : 1;
    size *= (int64_t)shape[0] * shape[1] * shape[2];
    char *images = read_file(argv[3], &bytes);
    if (images == NULL || bytes % size != 0) {
        fprintf(stderr, "%s: not a file of images of %lld bytes each\n", argv[3], (long long)size);
        return EXIT_FAILURE;
    }
    int64_t count = bytes / size;
    int classes = apd_class_count(file, task);
    float *probabilities = malloc((size_t)(count * classes + 1) * sizeof *probabilities);
    int *best = malloc((size_t)(count + 1) * sizeof *best);

    /* whole portions for each thread, so that the probabilities have the bits of `apd predict` */
    int64_t portions = (count + apd_portion(file) - 1) / apd_portion(file);
    for (int i = 0; i < used; i++) {
        int64_t first = portions * i / used * apd_portion(file),
                end = portions * (i + 1) / used * apd_portion(file);
        end = end < count ? end : count;
        jobs[i] = (job){.theta = theta,
                        .images = images + first * size,
                        .count = end - first,
                        .probabilities = probabilities + first * classes,
                        .classes = best + first};
        if (pthread_create(&threads[i], NULL, predict, &jobs[i]) != 0)
            return EXIT_FAILURE;
    }
    for (int i = 0; i < used; i++) {
        pthread_join(threads[i], NULL);
        if (jobs[i].status != APD_GOOD) {
            fprintf(stderr, "%s\n", jobs[i].reason);
            status = EXIT_FAILURE;
        }
    }
    for (int64_t i = 0; i < count && status == EXIT_SUCCESS; i++) {
        printf("%d,%s", apd_class_number(file, task, best[i]), apd_class_name(file, task, best[i]));
        for (int k = 0; k < classes; k++)
            printf(",%.9g", (double)probabilities[i * classes + k]);
        printf("\n");
    }
    free(best);
    free(probabilities);
    free(images);
    apd_release(theta);
    apd_close(file);
    return status;
}
