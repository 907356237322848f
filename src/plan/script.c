/* The planned run as an sbatch command and as a job script for Slurm. */
#include "plan/plan.h"

#include "train_sbatch.h" /* made by CMake from jobs/train.sbatch */

#include <inttypes.h>
#include <math.h>
#include <string.h>

int64_t apd_plan_limit(const apd_plan *plan) {
    double wanted = fmax(1.25 * plan->duration.all, 600.0);
    return (int64_t)(60.0 * ceil(fmin(wanted, plan->longest) / 60.0));
}

int64_t apd_plan_megabytes(const apd_plan *plan) {
    return (int64_t)ceil(1.25e-6 * (double)plan->memory.peak) + 64;
}

/* Write a word, quoted for the shell if necessary. */
static void write_word(FILE *file, const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";
    if (*word != '\0' && strspn(word, plain) == strlen(word)) {
        (void)fputs(word, file);
        return;
    }
    (void)fputc('\'', file);
    for (; *word != '\0'; word++)
        if (*word == '\'')
            (void)fputs("'\\''", file);
        else
            (void)fputc(*word, file);
    (void)fputc('\'', file);
}

/* RUN.yaml [--set KEY=VALUE]... */
static void write_arguments(const apd_plan *plan, FILE *file) {
    write_word(file, plan->path);
    for (int i = 0; i < plan->setting_count; i++) {
        (void)fputs(" --set ", file);
        write_word(file, plan->settings[i]);
    }
}

/* [DAYS-]HOURS:MINUTES:SECONDS */
static void write_limit(const apd_plan *plan, FILE *file) {
    int64_t seconds = apd_plan_limit(plan), days = seconds / 86400;
    if (days > 0)
        (void)fprintf(file, "%" PRId64 "-", days);
    (void)fprintf(file, "%02" PRId64 ":%02" PRId64 ":00", seconds % 86400 / 3600, seconds % 3600 / 60);
}

/* Write each resource of the job between `before` and `after`. */
static void write_resources(const apd_plan *plan, const char *before, const char *after, FILE *file) {
    (void)fprintf(file, "%s--nodes=%d%s", before, plan->nodes, after);
    (void)fprintf(file, "%s--ntasks=%d%s", before, plan->launch.ranks, after);
    (void)fprintf(file, "%s--ntasks-per-node=%d%s", before, plan->ranks_a_node, after);
    (void)fprintf(file, "%s--cpus-per-task=1%s", before, after);
    (void)fprintf(file, "%s--mem-per-cpu=%" PRId64 "M%s%s--time=", before, apd_plan_megabytes(plan), after,
                  before);
    write_limit(plan, file);
    (void)fputs(after, file);
}

void apd_plan_write_command(const apd_plan *plan, FILE *file) {
    (void)fputs("sbatch ", file);
    write_resources(plan, "", " ", file);
    (void)fputs("jobs/train.sbatch ", file);
    write_arguments(plan, file);
    (void)fputc('\n', file);
}

void apd_plan_write_script(const apd_plan *plan, const char *program, const char *folder, FILE *file) {
    (void)fprintf(
        file,
        "#!/usr/bin/env bash\n# Written by apd plan: trains \"%s\" to its end, in as many jobs as it takes. "
        "Submit it once: sbatch FILE.\n",
        plan->run->description->name);
    (void)fputs("#SBATCH --job-name=apd\n", file);
    write_resources(plan, "#SBATCH ", "\n", file);
    (void)fprintf(file,
                  "%s\n#SBATCH --requeue\n#SBATCH --open-mode=append\n#SBATCH --output=apd-%%j.log\ncd ",
                  apd_train_signal);
    write_word(file, folder);
    (void)fputs(" || exit 74\nAPD=", file);
    write_word(file, program);
    (void)fputs("\nset -- ", file);
    write_arguments(plan, file);
    (void)fputs("\n\n# --- from here on this is jobs/train.sbatch --------------------------------------\n",
                file);
    (void)fputs(apd_train_sbatch, file);
}
