#include "study/array.h"

#include "base/counted.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/run.h"
#include "io/system/durable.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/system/process.h"
#include "study_sbatch.h" /* made by CMake from jobs/study.sbatch */

enum { USUAL_LIMIT = 1000 };

/* Write a word, quoted for the shell. */
static void put_word(FILE *file, const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";
    if (*word != '\0' && strspn(word, plain) == strlen(word)) {
        (void)fprintf(file, "%s", word);
        return;
    }
    (void)fputc('\'', file);
    for (; *word != '\0'; word++)
        (void)fprintf(file, *word == '\'' ? "'\\''" : "%c", *word);
    (void)fputc('\'', file);
}

/* The site's most elements of an array; 1000, Slurm's default less one, where it does not say. */
static int array_limit(void) {
    long limit = USUAL_LIMIT;
    char line[256];
    FILE *config = popen("scontrol show config 2>/dev/null", "r");
    while (config != NULL && fgets(line, sizeof line, config) != NULL) {
        const char *equals = strchr(line, '=');
        long size = equals != NULL ? strtol(equals + 1, NULL, 10) : 0;
        if (strncmp(line, "MaxArraySize", 12) == 0 && size > 1 && size <= INT_MAX)
            limit = size - 1;
    }
    if (config != NULL)
        (void)pclose(config);
    return (int)limit;
}

/* The first argument is the description, the others what the command line had. */
static void put_arguments(const apd_study *study, const apd_array *array, FILE *file) {
    char *here = getcwd(NULL, 0);
    (void)fputs("cd ", file);
    put_word(file, here != NULL ? here : ".");
    (void)fputs(" || exit 74\nset -- ", file);
    free(here);
    put_word(file, study->path);
    for (int i = 0; i < array->vary->count; i++) {
        (void)fputs(" --vary ", file);
        put_word(file, array->vary->values[i]);
    }
    for (int i = 0; i < array->settings->count; i++) {
        (void)fputs(" --set ", file);
        put_word(file, array->settings->values[i]);
    }
    if (array->ranks_a_run != NULL)
        (void)fprintf(file, " --ranks-a-run %s", array->ranks_a_run);
    if (array->fail_fast)
        (void)fputs(" --fail-fast", file);
    (void)fputc('\n', file);
}

static apd_status write_script(const apd_study *study, const apd_array *array, const char *name, long tasks,
                               const char *head, const char *role, apd_error *error) {
    char program[PATH_MAX];
    apd_text text;
    apd_text_begin(&text, "a script");
    FILE *file = text.file;
    apd_process_program(program, sizeof program);
    (void)fprintf(file,
                  "#!/bin/bash\n# Written by apd study --slurm for %s; apd study writes it anew.\n"
                  "#SBATCH --ntasks=%ld\n%s",
                  study->path, tasks, head);
    (void)fprintf(file, "role=%s\n: \"${APD:=", role);
    (void)fprintf(file, "%s}\"\n", program);
    put_arguments(study, array, file);
    (void)fprintf(file, "study=");
    put_word(file, study->output);
    (void)fputs("\n\n# --- from here on this is jobs/study.sbatch -----------------------------------\n",
                file);
    (void)fputs(apd_study_sbatch, file);
    (void)apd_text_end(&text);
    apd_status status = apd_write_file(array->folder, name, text.text, (int64_t)text.size, error);
    free(text.text);
    return status;
}

/* "jid=$(sbatch ...)", printed or run. */
static apd_status say_or_submit(const apd_array *array, int elements, long at_once, apd_error *error) {
    char throttle[32] = "";
    apd_text text;
    if (at_once < elements)
        (void)snprintf(throttle, sizeof throttle, "%%%ld", at_once);
    apd_text_begin(&text, "a command");
    (void)fprintf(text.file, "jid=$(sbatch --parsable --array=1-%d%s ", elements, throttle);
    put_word(text.file, array->folder);
    (void)fputs(
        "/array.sbatch) &&\necho \"Submitted batch job $jid\" &&\nsbatch --dependency=afterany:${jid%%;*} ",
        text.file);
    put_word(text.file, array->folder);
    (void)fputs("/gather.sbatch\n", text.file);
    char *command = apd_text_end(&text);
    (void)printf("%s", command);
    (void)fflush(stdout);
    apd_status status = APD_OK;
    if (array->submit && system(command) != 0)
        status = apd_fail(error, APD_ERROR_IO, "sbatch refused; the commands above submit the study by hand");
    free(command);
    return status;
}

apd_status apd_array_write(apd_study *study, const apd_array *array, apd_error *error) {
    static const char head[] = "#SBATCH --job-name=apd-study\n"
                               "#SBATCH --time=4:00:00\n"
                               "#SBATCH --signal=B:USR1@300\n"
                               "#SBATCH --requeue\n"
                               "#SBATCH --open-mode=append\n";
    static const char gather[] = "#SBATCH --job-name=apd-gather\n"
                                 "#SBATCH --time=0:30:00\n";
    const int named = apd_study_most_ranks(study);
    long at_once = 1, ranks = named > 0 ? named : 4;
    APD_TRY(apd_cli_integer("at-once", array->at_once, 1, 100000, &at_once, error));
    if (array->ranks_a_run != NULL)
        APD_TRY(apd_cli_integer("ranks-a-run", array->ranks_a_run, 1, 65536, &ranks, error));
    APD_TRY(apd_study_settle(study, (int)ranks, true,
                             error)); /* the shards are fixed before any element starts */
    APD_TRY(apd_make_folder(array->folder, error));
    APD_TRY(write_script(study, array, "array.sbatch", ranks, head, "array", error));
    APD_TRY(write_script(study, array, "gather.sbatch", 1, gather, "gather", error));
    int limit = array_limit(), elements = study->run_count < limit ? study->run_count : limit;
    (void)printf(
        "# %s in %s: an element takes the next run that nobody has, and another when that one ends.\n"
        "# Nodes, tasks, memory and time are options of sbatch, or the #SBATCH lines of array.sbatch.\n",
        apd_count(study->run_count, "run").text, apd_count(elements, "element").text);
    return say_or_submit(array, elements, at_once, error);
}
