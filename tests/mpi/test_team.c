#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agreed.h"
#include "base/log.h"
#include "base/status.h"
#include "mpi/team/chunk.h"
#include "mpi/team/comm.h"

static apd_team *team;

/* Sizes with an empty part now and then, none a multiple of the small chunks below. */
static int64_t part_size(int rank) {
    return rank % 3 == 1 ? 0 : 17 * rank + 5;
}

static unsigned char part_byte(int rank, int64_t i) {
    return (unsigned char)(rank * 41 + i * 7 + 1);
}

static void fill_part(unsigned char *part, int rank) {
    for (int64_t i = 0; i < part_size(rank); i++)
        part[i] = part_byte(rank, i);
}

static bool all_parts_are_right(const unsigned char *all, int64_t total) {
    int64_t at = 0;
    for (int r = 0; r < apd_team_size(team); r++)
        for (int64_t i = 0; i < part_size(r); i++, at++)
            if (at >= total || all[at] != part_byte(r, i))
                return false;
    return at == total;
}

static void agree_no_failure_is_ok_and_leaves_no_message(void **state) {
    (void)state;
    apd_error error = {0};
    apd_status status = apd_team_agree(team, APD_OK, &error);
    assert_agreed(team, status == APD_OK && error.status == APD_OK && error.message[0] == '\0');
}

static void agree_rank_in_the_middle_fails_all_get_its_status_and_line(void **state) {
    (void)state;
    int middle = apd_team_size(team) / 2, rank = apd_team_rank(team);
    apd_error error = {0};
    apd_status local = APD_OK;
    if (rank == middle)
        local = apd_fail(&error, APD_ERROR_DATA, "file.h5: rank %d says it is cut short", rank);
    else if (rank > middle)
        local = apd_fail(&error, APD_ERROR_IO, "a later rank's failure");
    char expected[64];
    (void)snprintf(expected, sizeof expected, "file.h5: rank %d says it is cut short", middle);
    apd_status status = apd_team_agree(team, local, &error);
    assert_agreed(team, status == APD_ERROR_DATA && error.status == APD_ERROR_DATA);
    assert_agreed(team, strcmp(error.message, expected) == 0);
}

static void agree_last_rank_fails_silently_all_get_a_line(void **state) {
    (void)state;
    int last = apd_team_size(team) - 1;
    apd_error error = {0};
    apd_status local = apd_team_rank(team) == last ? APD_ERROR_IO : APD_OK;
    apd_status status = apd_team_agree(team, local, &error);
    assert_agreed(team, status == APD_ERROR_IO && error.status == APD_ERROR_IO && error.message[0] != '\0');
}

static bool broadcast_arrives(int64_t count) {
    unsigned char bytes[512];
    bool right = true;
    memset(bytes, 0xEE, sizeof bytes);
    for (int64_t i = 0; apd_team_rank(team) == 0 && i < count; i++)
        bytes[i] = part_byte(3, i);
    apd_team_broadcast(team, bytes, count);
    for (int64_t i = 0; i < (int64_t)sizeof bytes; i++)
        right = right && bytes[i] == (i < count ? part_byte(3, i) : 0xEE);
    return right;
}

static void broadcast_any_size_reaches_every_rank(void **state) {
    (void)state;
    static const int limits[] = {1 << 30, 1, 7, 100};
    for (int k = 0; k < 4; k++) {
        int last = apd_chunk_set_limit(limits[k]);
        assert_agreed(team, broadcast_arrives(0));
        assert_agreed(team, broadcast_arrives(1));
        assert_agreed(team, broadcast_arrives(100));
        assert_agreed(team, broadcast_arrives(499));
        (void)apd_chunk_set_limit(last);
    }
}

static void any_one_rank_is_enough(void **state) {
    (void)state;
    int rank = apd_team_rank(team), size = apd_team_size(team);
    bool none = apd_team_any(team, false), last = apd_team_any(team, rank == size - 1);
    assert_agreed(team, !none && last);
}

static void same_one_rank_differs_is_false_everywhere(void **state) {
    (void)state;
    int rank = apd_team_rank(team), size = apd_team_size(team);
    static const uint64_t values[] = {0, 1, UINT64_MAX, UINT64_C(0x8000000000000000)};
    for (int i = 0; i < 4; i++) {
        bool same = apd_team_same(team, values[i]);
        bool other = apd_team_same(team, values[i] ^ (rank == size / 2 ? UINT64_C(1) << 63 : 0));
        assert_agreed(team, same && other == (size == 1));
    }
}

static void sum_and_maximum_are_elementwise_and_everywhere(void **state) {
    (void)state;
    int64_t rank = apd_team_rank(team), size = apd_team_size(team);
    int64_t sums[3] = {rank, INT64_C(1) << 40, -1}, most[3] = {rank, -rank, INT64_MIN + rank};
    apd_team_sum(team, sums, 3);
    apd_team_maximum(team, most, 3);
    assert_agreed(team, sums[0] == size * (size - 1) / 2 && sums[1] == size << 40 && sums[2] == -size);
    assert_agreed(team, most[0] == size - 1 && most[1] == 0 && most[2] == INT64_MIN + size - 1);
    apd_team_sum(team, sums, 0);
    assert_agreed(team, sums[2] == -size);
}

static void check_gather(void) {
    unsigned char part[512];
    void *all = &part;
    int64_t total = -1;
    int rank = apd_team_rank(team);
    fill_part(part, rank);
    apd_team_gather(team, part, part_size(rank), &all, &total);
    assert_agreed(team, rank == 0 ? all_parts_are_right(all, total) : all == NULL && total == 0);
    free(all);
    apd_team_gather_all(team, part, part_size(rank), &all, &total);
    assert_agreed(team, all_parts_are_right(all, total));
    free(all);
}

static void gather_parts_of_any_size_come_in_rank_order(void **state) {
    (void)state;
    static const int limits[] = {1 << 30, 1, 4, 23};
    for (int k = 0; k < 4; k++) {
        int last = apd_chunk_set_limit(limits[k]);
        check_gather();
        (void)apd_chunk_set_limit(last);
    }
}

typedef struct collected {
    unsigned char *bytes;
    int64_t count, unit;
    int calls;
    bool right;
} collected;

static void collect(void *context, const void *bytes, int64_t count) {
    collected *c = context;
    c->right = c->right && count > 0 && count % c->unit == 0;
    memcpy(c->bytes + c->count, bytes, (size_t)count);
    c->count += count;
    c->calls++;
}

/* `rows` + r rows of `unit` bytes from rank r. */
static void check_gather_through(int64_t rows, int64_t unit) {
    int rank = apd_team_rank(team), size = apd_team_size(team);
    int64_t mine = rows == 0 ? 0 : (rows + rank) * unit, most = (rows + size) * unit;
    unsigned char *part = calloc((size_t)(mine + 1), 1), *all = calloc((size_t)(size * most + 1), 1);
    collected c = {.bytes = all, .unit = unit, .right = true};
    for (int64_t i = 0; i < mine; i++)
        part[i] = part_byte(rank, i);
    apd_team_gather_through(team, part, mine, unit, NULL, NULL);
    apd_team_gather_through(team, part, mine, unit, collect, &c);
    bool right = c.right;
    int64_t at = 0;
    for (int r = 0; r < size && rank == 0; r++)
        for (int64_t i = 0; i < (rows == 0 ? 0 : (rows + r) * unit); i++)
            right = right && all[at++] == part_byte(r, i);
    assert_agreed(team, right && c.count == at && (rank == 0 || c.calls == 0));
    free(part);
    free(all);
}

static void gather_through_rows_come_in_rank_order(void **state) {
    (void)state;
    check_gather_through(0, 1);
    check_gather_through(1, 1);
    check_gather_through(3, 100);
    check_gather_through(3, 1500000); /* a message a row */
    check_gather_through(2, 3000000); /* rows larger than the usual message */
    check_gather_through(5000, 1001);
}

static void gather_of_nothing_is_empty(void **state) {
    (void)state;
    void *all = NULL;
    int64_t total = -1;
    apd_team_gather(team, NULL, 0, &all, &total);
    assert_agreed(team, total == 0 && (all == NULL) == (apd_team_rank(team) != 0));
    free(all);
    apd_team_gather_all(team, NULL, 0, &all, &total);
    assert_agreed(team, total == 0 && all != NULL);
    free(all);
}

static void scatter_parts_of_any_size_reach_their_ranks(void **state) {
    (void)state;
    int rank = apd_team_rank(team), size = apd_team_size(team);
    unsigned char part[512], all[2048];
    int64_t sizes[16], at = 0;
    for (int r = 0; r < size && rank == 0; at += sizes[r], r++) {
        sizes[r] = part_size(r);
        fill_part(all + at, r);
    }
    for (int limit = 3; limit < 1000; limit += 300) {
        bool right = true;
        int last = apd_chunk_set_limit(limit);
        memset(part, 0xEE, sizeof part);
        apd_team_scatter(team, rank == 0 ? all : NULL, rank == 0 ? sizes : NULL, part, part_size(rank));
        (void)apd_chunk_set_limit(last);
        for (int64_t i = 0; i < (int64_t)sizeof part; i++)
            right = right && part[i] == (i < part_size(rank) ? part_byte(rank, i) : 0xEE);
        assert_agreed(team, right);
    }
}

/* Bytes that rank `from` sends to rank `to`: 0 now and then. */
static int64_t sent_size(int from, int to) {
    return (from + 2 * to) % 3 == 1 ? 0 : 5 * from + 3 * to + 1;
}

static void all_to_all_parts_of_any_size_reach_their_ranks_in_order(void **state) {
    (void)state;
    int rank = apd_team_rank(team), size = apd_team_size(team);
    for (int limit = 2; limit < 100; limit += 30) {
        unsigned char parts[2048], *next = parts;
        int64_t bytes[16], sizes[16];
        void *got = NULL;
        bool right = true;
        for (int r = 0; r < size; r++)
            for (int64_t i = 0; i < (bytes[r] = sent_size(rank, r)); i++)
                *next++ = part_byte(3 * rank + r, i);
        int last = apd_chunk_set_limit(limit);
        apd_team_all_to_all(team, parts, bytes, &got, sizes);
        (void)apd_chunk_set_limit(last);
        next = got;
        for (int r = 0; r < size; r++) {
            right = right && sizes[r] == sent_size(r, rank);
            for (int64_t i = 0; right && i < sizes[r]; i++)
                right = *next++ == part_byte(3 * r + rank, i);
        }
        free(got);
        assert_agreed(team, right);
    }
}

static void hosts_names_every_rank(void **state) {
    (void)state;
    char *hosts = apd_team_hosts(team);
    int names = 1;
    for (const char *c = hosts; *c != '\0'; c++)
        names += *c == ',';
    assert_agreed(team, names == apd_team_size(team) && strlen(hosts) >= 2 * (size_t)names - 1);
    free(hosts);
}

static void library_is_one_line_with_the_name(void **state) {
    (void)state;
    const char *text = apd_team_library();
    assert_agreed(team, strstr(text, "MPI") != NULL && strchr(text, '\n') == NULL);
}

/* A second team under APD_RANKS_A_NODE=k. MPI's ranks are assigned to the nodes k at a time, or round-robin to -k
 * nodes; its own ranks are then numbered node by node. */
static void check_nodes(int k) {
    char text[16];
    (void)snprintf(text, sizeof text, "%d", k);
    (void)setenv("APD_RANKS_A_NODE", text, 1);
    apd_team *other = apd_team_create(NULL, NULL);
    (void)unsetenv("APD_RANKS_A_NODE");
    int size = apd_team_size(other), nodes = 0, next = 0, own = apd_team_rank(team); /* MPI's: one node */
    bool right = size == apd_team_size(team);
    for (int n = 0; next < size; n++, nodes++) {
        int place = 0;
        for (int world = 0; world < size; world++)
            if ((k > 0 ? world / k : world % -k) == n) {
                right = right && other->node_of[next] == n && apd_team_place(other, next) == place++;
                right = right && (world != own || apd_team_rank(other) == next);
                next++;
            }
        right = right && apd_team_node_size(other, n) == place;
    }
    for (int r = 0; r < size; r++)
        for (int n = 0; n < other->node_count; n++)
            right = right && other->node_of[apd_team_delegate(other, n, r)] == n;
    right = right && apd_team_nodes(other) == nodes && other->node_begin[nodes] == size;
    apd_team_destroy(other);
    assert_agreed(team, right);
}

static void create_with_simulated_nodes_numbers_ranks_by_node(void **state) {
    (void)state;
    static const int groups[] = {1, 2, 3, 4, 9, -1, -2, -3, -9};
    for (int i = 0; i < 9; i++)
        check_nodes(groups[i]);
}

/* Ranks assigned round-robin to three groups, of which the last takes no part: each other group is a team in the order
 * of the ranks. */
static void split_groups_are_teams_of_their_own(void **state) {
    (void)state;
    int rank = apd_team_rank(team), size = apd_team_size(team), group = rank % 3 == 2 ? -1 : rank % 3;
    apd_team *some = apd_team_split(team, group);
    bool right = (some == NULL) == (group < 0);
    if (some != NULL) {
        int64_t ranks = rank;
        apd_team_sum(some, &ranks, 1);
        int64_t expected = 0, count = 0;
        for (int r = group; r < size; r += 3, count++)
            expected += r;
        right = right && apd_team_size(some) == count && apd_team_rank(some) == rank / 3 && ranks == expected;
    }
    apd_team_destroy(some);
    assert_agreed(team, right);
}

/* No rank returns before the last one has called it. */
static void rest_ends_when_all_have_come(void **state) {
    (void)state;
    for (int late = 0; late < apd_team_size(team); late++) {
        apd_team_barrier(team);
        double started = apd_seconds();
        if (apd_team_rank(team) == late)
            (void)usleep(20000);
        apd_team_rest(team);
        assert_agreed(team, apd_seconds() - started > 0.015);
    }
}

int main(int argc, char **argv) {
    (void)unsetenv("APD_RANKS_A_NODE");
    team = apd_team_create(&argc, &argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agree_no_failure_is_ok_and_leaves_no_message),
        cmocka_unit_test(agree_rank_in_the_middle_fails_all_get_its_status_and_line),
        cmocka_unit_test(agree_last_rank_fails_silently_all_get_a_line),
        cmocka_unit_test(broadcast_any_size_reaches_every_rank),
        cmocka_unit_test(any_one_rank_is_enough),
        cmocka_unit_test(same_one_rank_differs_is_false_everywhere),
        cmocka_unit_test(sum_and_maximum_are_elementwise_and_everywhere),
        cmocka_unit_test(gather_parts_of_any_size_come_in_rank_order),
        cmocka_unit_test(gather_through_rows_come_in_rank_order),
        cmocka_unit_test(gather_of_nothing_is_empty),
        cmocka_unit_test(scatter_parts_of_any_size_reach_their_ranks),
        cmocka_unit_test(all_to_all_parts_of_any_size_reach_their_ranks_in_order),
        cmocka_unit_test(hosts_names_every_rank),
        cmocka_unit_test(library_is_one_line_with_the_name),
        cmocka_unit_test(create_with_simulated_nodes_numbers_ranks_by_node),
        cmocka_unit_test(split_groups_are_teams_of_their_own),
        cmocka_unit_test(rest_ends_when_all_have_come),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    apd_team_destroy(team);
    apd_team_destroy(NULL);
    return failures;
}
