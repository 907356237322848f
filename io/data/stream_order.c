#include "io/data/stream_order.h"

#include "base/memory.h"
#include "base/random.h"

#include <stdlib.h>

/* Orders B to E; A is the identity. */
static const unsigned char orders_of_10[][10] = {
    {1, 7, 4, 5, 2, 0, 8, 6, 9, 3},
    {7, 0, 5, 1, 8, 4, 3, 6, 2, 9},
    {5, 8, 2, 9, 0, 4, 3, 7, 6, 1},
    {2, 9, 5, 4, 8, 0, 6, 1, 3, 7},
};
static const unsigned char orders_of_20[][20] = {
    {15, 12, 5, 9, 7, 16, 18, 17, 1, 0, 3, 8, 11, 14, 10, 6, 2, 4, 13, 19},
    {17, 1, 19, 18, 12, 7, 6, 0, 11, 15, 10, 5, 13, 3, 9, 16, 4, 14, 2, 8},
    {11, 9, 6, 5, 12, 4, 0, 10, 13, 7, 14, 3, 15, 16, 8, 1, 2, 19, 18, 17},
    {6, 14, 0, 11, 12, 17, 13, 4, 9, 1, 7, 19, 8, 10, 3, 15, 18, 5, 2, 16},
};

static apd_status order_by_letter(const apd_description *description, int count, int *order,
                                  apd_error *error) {
    char letter = description->stream.order_letter;
    if (letter < 'A' || letter > 'E')
        return apd_fail(error, APD_ERROR_USAGE, "stream.order is %c; a letter from A to E is needed", letter);
    if (letter != 'A' && count != 10 && count != 20)
        return apd_fail(error, APD_ERROR_USAGE,
                        "stream.order is %c, which is an order of 10 or 20 tasks, and this stream has %d; A, "
                        "a list of ids or "
                        "\"seed N\" is needed",
                        letter, count);
    for (int p = 0; p < count; p++)
        order[p] = letter == 'A' ? p
                   : count == 10 ? orders_of_10[letter - 'B'][p]
                                 : orders_of_20[letter - 'B'][p];
    return APD_OK;
}

static apd_status order_by_list(const apd_description *description, int count, int *order, apd_error *error) {
    const int *listed = description->stream.order;
    if (description->stream.order_count != count)
        return apd_fail(error, APD_ERROR_USAGE,
                        "stream.order lists %d of %d task ids; each of 0 to %d is needed once",
                        description->stream.order_count, count, count - 1);
    bool *seen = apd_allocate(count, sizeof *seen, "the tasks seen");
    apd_status status = APD_OK;
    for (int p = 0; status == APD_OK && p < count; p++) {
        bool is_id = listed[p] >= 0 && listed[p] < count;
        if (!is_id || seen[listed[p]])
            status = apd_fail(error, APD_ERROR_USAGE,
                              "stream.order[%d] is %d, which is %s; each of 0 to %d is needed once", p,
                              listed[p], is_id ? "there twice" : "no task's id", count - 1);
        else
            seen[listed[p]] = true;
        order[p] = listed[p];
    }
    free(seen);
    return status;
}

static void order_by_seed(const apd_description *description, int count, int *order) {
    int64_t *permutation = apd_allocate(count, sizeof *permutation, "the tasks' order");
    apd_random random = apd_random_stream(description->stream.order_seed, APD_RANDOM_TASK_ORDER, 0, 0);
    apd_random_permutation(&random, count, permutation);
    for (int p = 0; p < count; p++)
        order[p] = (int)permutation[p];
    free(permutation);
}

apd_status apd_stream_order(const apd_description *description, int count, int *order, apd_error *error) {
    switch (description->stream.order_kind) {
    case APD_ORDER_LETTER: return order_by_letter(description, count, order, error);
    case APD_ORDER_LIST: return order_by_list(description, count, order, error);
    default: order_by_seed(description, count, order); return APD_OK;
    }
}
