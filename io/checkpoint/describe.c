#include "io/checkpoint/describe.h"

#include "io/checkpoint/root_fields.h"
#include "io/checkpoint/schema.h"

#include <hdf5.h>
#include <string.h>

/* `shape` NULL: attributes of the group */
static void print_fields(FILE *file, const char *group, const table *from, const char *shape) {
    for (int f = 0; f < from->count; f++)
        (void)fprintf(file, "| `/%s%s%s`%s | %s | %s | %s |\n", group, group[0] != '\0' ? "/" : "",
                      from->fields[f].name, shape == NULL ? ", attribute" : "",
                      apd_number_name(from->fields[f].number), shape != NULL ? shape : "",
                      from->fields[f].contents);
}

static void print_lists(FILE *file, const char *group) {
    for (int l = 0; l < COUNT(lists); l++)
        if (strcmp(lists[l].group, group) == 0)
            (void)fprintf(file, "| `/%s%s%s` | %s | %s | %s |\n", group, group[0] != '\0' ? "/" : "",
                          lists[l].name, apd_number_name(lists[l].number), lists[l].shape, lists[l].contents);
}

static void print_root(FILE *file) {
    (void)fputs("| object | numbers | shape | contents |\n| --- | --- | --- | --- |\n", file);
    print_fields(file, "", &run_table, NULL);
    print_lists(file, "");
    print_fields(file, "layout", &layout_table, "(B)");
    print_fields(file, "shared_arrays", &shared_table, "(arrays)");
    print_fields(file, "keys", &key_table, NULL);
    print_fields(file, "records", &record_table, "(T)");
    print_lists(file, "records");
    print_lists(file, "accuracy");
    print_lists(file, "clusters");
    print_fields(file, "parts", &part_table, "(parts)");
    print_fields(file, "index", &index_table, "(items)");
    print_fields(file, "half_way", &training_table, NULL);
    print_lists(file, "half_way");
    print_fields(file, "half_way", &array_table, "(arrays)");
}

void apd_checkpoint_describe(FILE *file) {
    (void)fputs("What `checkpoint.h5` holds of its own:\n\n", file);
    print_root(file);
    (void)fputs("\nThe items, in parts:\n\n", file);
    apd_schema_print(file);
}

const char *apd_checkpoint_library(void) {
    static char text[64];
    unsigned numbers[3] = {0};
    (void)H5get_libversion(&numbers[0], &numbers[1], &numbers[2]);
#ifdef H5_HAVE_PARALLEL
    const char *kind = ", parallel";
#else
    const char *kind = "";
#endif
    (void)snprintf(text, sizeof text, "HDF5 %u.%u.%u%s", numbers[0], numbers[1], numbers[2], kind);
    return text;
}
