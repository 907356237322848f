#include "io/checkpoint/claims.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

/* Names become parts of groups' names: letters, digits, _ and -, and dots that are not first. */
static bool is_plain(const char *name) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    return name[0] != '\0' && name[0] != '.' && name[strspn(name, letters)] == '\0';
}

static bool has_twin(const apd_layout *layout, int block) {
    bool found = false;
    for (int b = 0; b < block; b++)
        found = found || strcmp(layout->blocks[b].name, layout->blocks[block].name) == 0;
    return found;
}

const char *apd_claims_of_layout(const apd_layout *layout, int64_t tasks) {
    int64_t numbers = 0, count;
    if (layout->block_count < 1 || layout->block_count > APD_MOST_BLOCKS)
        return "there are no blocks, or more than 4096";
    for (int b = 0; b < layout->block_count; b++) {
        const apd_block *block = &layout->blocks[b];
        if (!is_plain(block->name))
            return "a block's name is empty, or has other characters than letters, digits, _, - and .";
        if (block->rows < 1 || block->rows > INT32_MAX || block->cols < 1 || block->cols > INT32_MAX)
            return "a block's rows or cols are not in 1 .. 2^31-1";
        count = block->rows * (block->cols + 2);
        if (__builtin_add_overflow(numbers, count, &numbers) || numbers > INT64_MAX / 64 / (tasks + 1))
            return "there are more weights than any file can hold";
        if (has_twin(layout, b))
            return "two blocks have the same name";
    }
    return NULL;
}

const char *apd_claims_of_shared_arrays(const apd_shared_name *names, int64_t count) {
    if (count < 1 || count > APD_MOST_SHARED_ARRAYS)
        return "there are no arrays beside sigma, or more than 8";
    for (int64_t a = 0; a < count; a++) {
        bool twin = strcmp(names[a].name, "sigma") == 0;
        for (int64_t b = 0; b < a; b++)
            twin = twin || strcmp(names[a].name, names[b].name) == 0;
        if (!is_plain(names[a].name) || twin)
            return "a name of an array beside sigma is not plain, or is another's, too";
    }
    return NULL;
}

static int compare_arrays(const void *a, const void *b) {
    const apd_training_array *left = *(const apd_training_array *const *)a,
                             *right = *(const apd_training_array *const *)b;
    if (left->block != right->block)
        return left->block < right->block ? -1 : 1;
    return strcmp(left->name, right->name);
}

const char *apd_claims_of_training(const apd_training_state *training, int block_count) {
    if (training->array_count < 0)
        return "there are more arrays of the solver than there can be";
    const apd_training_array **sorted =
        apd_allocate(training->array_count, sizeof *sorted, "names of arrays");
    const char *fault = NULL;
    for (int a = 0; a < training->array_count; a++) {
        const apd_training_array *array = sorted[a] = &training->arrays[a];
        if (array->block < 0 || array->block >= block_count || array->width < 1 || array->width > INT32_MAX ||
            !is_plain(array->name))
            fault = "the list of the solver's arrays makes no sense";
    }
    qsort(sorted, (size_t)training->array_count, sizeof *sorted, compare_arrays);
    for (int a = 1; a < training->array_count; a++)
        if (compare_arrays(&sorted[a - 1], &sorted[a]) == 0)
            fault = "two arrays of a block have the same name";
    free(sorted);
    return fault;
}
