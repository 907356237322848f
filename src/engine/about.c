#include "engine/about.h"

#include "base/blas.h"
#include "base/memory.h"
#include "base/text.h"
#include "io/data/stream.h"
#include "io/description/yaml.h"
#include "network/kernels/product.h"

#include <stdio.h>
#include <string.h>

/* A double-quoted scalar of YAML. */
static void write_quoted(FILE *file, const char *text) {
    (void)fputc('"', file);
    for (; *text != '\0'; text++)
        if (*text == '"' || *text == '\\')
            (void)fprintf(file, "\\%c", *text);
        else if ((unsigned char)*text < ' ' || *text == 0x7f)
            (void)fprintf(file, "\\x%02x", (unsigned)*text);
        else
            (void)fputc(*text, file);
    (void)fputc('"', file);
}

char *apd_about_text(const apd_description *description, const apd_dataset *dataset, const char *init) {
    apd_text text;
    apd_text_begin(&text, "what a commit says of itself");
    FILE *file = text.file;
    (void)fprintf(file, "input: [%d, %d, %d] # channels, height, width\n", dataset->shape.channels,
                  dataset->shape.height, dataset->shape.width);
    (void)fprintf(file, "scaling: %s\n",
                  dataset->is_float ? "float32 images are taken as they are"
                                    : "uint8 images are divided by 255");
    (void)fputs("layers: ", file);
    apd_description_write_layers(description, file);
    (void)fputs(" # and the head, dense, one unit a class of the task\n", file);
    if (init != NULL) {
        (void)fputs("init: ", file);
        write_quoted(file, init);
        (void)fputs(" # whose sigma this run began with\n", file);
    }
    for (int c = 0; c < dataset->classes && dataset->class_names != NULL; c++) {
        (void)fputs(c == 0 ? "classes: [" : ", ", file);
        char made[64];
        apd_classes_name(&c, 1, made);
        write_quoted(file, dataset->class_names[c] != NULL ? dataset->class_names[c] : made);
    }
    if (dataset->class_names != NULL && dataset->classes > 0)
        (void)fputs("]\n", file);
    return apd_text_end(&text);
}

char *apd_about_init(const apd_run_state *state) {
    apd_yaml_node root = {0};
    const apd_place place = {.file = "what a commit says of itself"};
    char *text = NULL;
    if (apd_yaml_parse(&place, state->about, (int64_t)strlen(state->about), &root) != APD_OK)
        return NULL;
    const apd_yaml_node *init = apd_yaml_value(&root, "init");
    if (init != NULL && init->kind == APD_YAML_TEXT)
        text = apd_duplicate_text(init->text);
    apd_yaml_clear(&root);
    return text;
}

void apd_about_sign(apd_run_state *state) {
    memset(state->program, 0, sizeof state->program);
    memset(state->kernels, 0, sizeof state->kernels);
    (void)snprintf(state->program, sizeof state->program, "apd %s", APD_VERSION);
    (void)snprintf(state->kernels, sizeof state->kernels, "%s, BLAS %s", apd_kernels_name(), apd_blas_core());
}

bool apd_about_differs(const apd_run_state *state) {
    apd_run_state mine = {0};
    apd_about_sign(&mine);
    return strcmp(mine.program, state->program) != 0 || strcmp(mine.kernels, state->kernels) != 0;
}
