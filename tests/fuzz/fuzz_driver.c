/* The plain program around a harness:
 *     fuzz_NAME [--runs N] [--seed S] [--from I] [--patience SECONDS] [FILE|FOLDER ...]
 *
 * Runs the harness' own seeds and every file named, then inputs I (0) to N - 1 made of them by mutation, the same
 * for the same seed and files. What crashes the process, takes longer than a few seconds, or asks for much more memory
 * than the input is worth, is written to a file in the working directory, to be run again. */
#include "base/log.h"
#include "base/status.h"
#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define MEMORY_ABOVE (UINT64_C(1) << 30) /* bytes that an input may take */
#define MOST_SEEDS   4096
#define MOST_CHANGES 6
#define SEEDS_AGAIN  1000 /* inputs from one look at the seeds to the next */

typedef struct seed {
    uint8_t *bytes;
    size_t size;
} seed;

static seed seeds[MOST_SEEDS];
static int seed_count;

/* The input that is running, for the handlers. */
static uint8_t *current;
static size_t current_size;

/* --- the end of a bad input: async-signal-safe ------------------------------------------------------------ */

void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static char saved_name[128];

static void save_current(void) {
    int file = open(saved_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0 || current == NULL)
        return;
    ssize_t wrote = write(file, current, current_size);
    (void)close(file);
    static const char text[] = "fuzz: the input is saved in ";
    wrote = write(STDERR_FILENO, text, sizeof text - 1);
    wrote = write(STDERR_FILENO, saved_name, strlen(saved_name));
    wrote = write(STDERR_FILENO, "\n", 1);
    (void)wrote;
    current = NULL;
}

static void on_signal(int number) {
    static const char slow[] = "fuzz: the input takes too long\n";
    if ((number == SIGALRM || number == SIGPROF) && write(STDERR_FILENO, slow, sizeof slow - 1) < 0)
        _exit(1);
    save_current();
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

/* Not by a signal: io/h5_guard would take it for HDF5's. */
static void on_fatal(int exit_code) {
    (void)exit_code;
    save_current();
    _exit(1);
}

/* The sanitizers reserve address space without end, and have a limit of their own (ASAN_OPTIONS). */
static void limit_memory(void) {
#ifndef __SANITIZE_ADDRESS__
    unsigned long pages = 0;
    FILE *facts = fopen("/proc/self/statm", "re");
    if (facts == NULL || fscanf(facts, "%lu", &pages) != 1)
        pages = 0;
    if (facts != NULL)
        (void)fclose(facts);
    rlim_t most = pages * (rlim_t)sysconf(_SC_PAGESIZE) + MEMORY_ABOVE;
    struct rlimit limit = {most, most};
    if (pages > 0)
        (void)setrlimit(RLIMIT_AS, &limit);
#endif
}

static void watch(void) {
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM, SIGPROF};
    bool has_sanitizer = __sanitizer_set_death_callback != NULL;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (!has_sanitizer || signals[i] == SIGALRM || signals[i] == SIGPROF || signals[i] == SIGABRT)
            (void)signal(signals[i], on_signal);
    if (has_sanitizer)
        __sanitizer_set_death_callback(save_current);
    apd_fatal_install(0, on_fatal);
}

static unsigned patience = 20; /* seconds of the processor an input */

/* Of the processor, as others may use the machine too; and, much later, of the clock, for what only waits. */
static void set_alarm(unsigned seconds) {
    struct itimerval limit = {.it_value = {.tv_sec = (time_t)seconds}};
    (void)setitimer(ITIMER_PROF, &limit, NULL);
    (void)alarm(12 * seconds);
}

/* --- inputs ------------------------------------------------------------------------------------------------ */

static apd_status run_input(const uint8_t *bytes, size_t size) {
    uint8_t *exact = malloc(size > 0 ? size : 1);
    FUZZ_CHECK(exact != NULL);
    memcpy(exact, bytes, size);
    current = exact;
    current_size = size;
    set_alarm(patience);
    apd_status answer = fuzz_one(exact, size);
    set_alarm(0);
    current = NULL;
    free(exact);
    return answer;
}

static void add_seed(const uint8_t *bytes, size_t size) {
    FUZZ_CHECK(seed_count < MOST_SEEDS);
    seeds[seed_count] = (seed){malloc(size > 0 ? size : 1), size};
    FUZZ_CHECK(seeds[seed_count].bytes != NULL);
    memcpy(seeds[seed_count++].bytes, bytes, size);
}

static void add_file(const char *path) {
    static uint8_t bytes[FUZZ_ROOM];
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    add_seed(bytes, fread(bytes, 1, sizeof bytes, file));
    (void)fclose(file);
}

static int is_visible(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

static void add_path(const char *path) {
    struct stat facts;
    if (stat(path, &facts) != 0 || !S_ISDIR(facts.st_mode)) {
        add_file(path);
        return;
    }
    struct dirent **entries;
    int count = scandir(path, &entries, is_visible, alphasort);
    for (int i = 0; i < count; i++) {
        char whole[1024];
        (void)snprintf(whole, sizeof whole, "%s/%s", path, entries[i]->d_name);
        add_file(whole);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

static void run_mutated(uint64_t number) {
    static uint8_t bytes[FUZZ_ROOM];
    fuzz_random random = {number * UINT64_C(0xD1342543DE82EF95) + 1};
    const seed *base = &seeds[fuzz_draw(&random, (uint32_t)seed_count)];
    size_t size = base->size;
    memcpy(bytes, base->bytes, size);
    for (uint32_t changes = 1 + fuzz_draw(&random, MOST_CHANGES); changes > 0; changes--)
        size = fuzz_mutate(bytes, size, &random);
    (void)run_input(bytes, size);
}

/* What one run is asked for. */
static long runs = 0, from = 0; /* mutated inputs, and the first of them */
static uint64_t first_number = 0;

/* Shared by a child and its parent. */
static struct {
    long progress;                  /* the input that is running */
    apd_status answers[MOST_SEEDS]; /* to the seeds */
} * shared;

static apd_status run_seed(int number) {
    return run_input(seeds[number].bytes, seeds[number].size);
}

/* An input must not change the answers to others: after one that did, nothing would be tested any more. */
static void run_seeds_again(void) {
    for (int i = 0; i < seed_count; i++)
        FUZZ_CHECK(run_seed(i) == shared->answers[i]);
}

/* Seeds count from -seed_count to -1, mutated inputs from 0. */
static void run_from(long start) {
    for (long i = start; i < runs; i = i == -1 ? from : i + 1) {
        shared->progress = i;
        (void)snprintf(saved_name, sizeof saved_name, "crash-%s-%ld", fuzz_name, i);
        if (i < 0)
            shared->answers[seed_count + i] = run_seed((int)(seed_count + i));
        else
            run_mutated(first_number * UINT64_C(1000000007) + (uint64_t)i);
        if (i >= 0 && (i + 1) % SEEDS_AGAIN == 0)
            run_seeds_again();
    }
    shared->progress = runs;
}

/* Runs all in children; how many inputs ended one with the status DATA. Anything else ends us alike. */
static long run_in_children(void) {
    long ended = 0;
    for (shared->progress = -seed_count; shared->progress < runs;) {
        (void)fflush(NULL);
        pid_t child = fork();
        FUZZ_CHECK(child >= 0);
        if (child == 0) {
            watch();
            run_from(shared->progress);
            _exit(0);
        }
        int result = 0;
        FUZZ_CHECK(waitpid(child, &result, 0) == child);
        if (result == 0)
            continue;
        if (!WIFEXITED(result) || WEXITSTATUS(result) != APD_ERROR_DATA) {
            (void)fprintf(stderr, "fuzz_%s: input %ld ended the process\n", fuzz_name, shared->progress);
            exit(1);
        }
        ended++;
        if (shared->progress < 0)
            shared->answers[seed_count + shared->progress] = APD_ERROR_DATA;
        shared->progress = shared->progress == -1 ? from : shared->progress + 1;
    }
    return ended;
}

static void read_arguments(int count, char **arguments) {
    for (int i = 1; i < count; i++) {
        if (strcmp(arguments[i], "--runs") == 0 && i + 1 < count)
            runs = strtol(arguments[++i], NULL, 10);
        else if (strcmp(arguments[i], "--seed") == 0 && i + 1 < count)
            first_number = strtoull(arguments[++i], NULL, 10);
        else if (strcmp(arguments[i], "--from") == 0 && i + 1 < count)
            from = strtol(arguments[++i], NULL, 10);
        else if (strcmp(arguments[i], "--patience") == 0 && i + 1 < count)
            patience = (unsigned)strtoul(arguments[++i], NULL, 10);
        else
            add_path(arguments[i]);
    }
}

static void add_own_seeds(void) {
    static uint8_t bytes[FUZZ_ROOM];
    size_t size;
    for (int i = 0; (size = fuzz_seed(i, bytes)) > 0; i++)
        add_seed(bytes, size);
}

int main(int count, char **arguments) {
    long ended = 0;
    apd_log_enable(false);
    read_arguments(count, arguments);
    int files = seed_count;
    fuzz_start();
    add_own_seeds();
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    FUZZ_CHECK(shared != MAP_FAILED && seed_count > 0);
    limit_memory();
    double start = apd_seconds();
    if (fuzz_may_end) {
        ended = run_in_children();
    } else {
        watch();
        run_from(-seed_count);
    }
    double seconds = apd_seconds() - start;
    long made = runs > from ? runs - from : 0;
    for (int i = 0; i < seed_count; i++)
        free(seeds[i].bytes);
    (void)printf("fuzz_%s: %d files, %d seeds, %ld mutated inputs, %.1f s, %.0f a second", fuzz_name, files,
                 seed_count - files, made, seconds, (double)(seed_count + made) / seconds);
    if (fuzz_may_end)
        (void)printf(", %ld faults inside HDF5 told in one line", ended);
    (void)printf("\n");
    return 0;
}
