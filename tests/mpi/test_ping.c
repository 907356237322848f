#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agreed.h"
#include "base/digest.h"
#include "mpi/team/ping.h"

#include <math.h>

static apd_team *team;

static void ping_is_the_same_and_positive_on_all_ranks(void **state) {
    (void)state;
    apd_ping ping = apd_ping_measure(team);
    double numbers[] = {ping.latency, ping.bandwidth, ping.barrier};
    bool same = apd_team_same(team, apd_digest(numbers, sizeof numbers)), good = true;
    for (int i = 0; i < 3; i++)
        good =
            good && isfinite(numbers[i]) && (apd_team_size(team) == 1 ? numbers[i] == 0.0 : numbers[i] > 0.0);
    assert_agreed(team, same && good);
    assert_agreed(team, apd_team_size(team) == 1 || ping.latency < 1.0);
}

static void ranks_of_one_machine_are_one_node(void **state) {
    (void)state;
    assert_agreed(team, apd_team_nodes(team) == 1 && !apd_ping_measure(team).between_nodes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ping_is_the_same_and_positive_on_all_ranks),
        cmocka_unit_test(ranks_of_one_machine_are_one_node),
    };
    team = apd_team_create(NULL, NULL);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    apd_team_destroy(team);
    return failed;
}
