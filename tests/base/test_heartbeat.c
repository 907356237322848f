#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/heartbeat.h"

static void phase_each_note_moves_the_count_and_gives_the_phase_before(void **state) {
    (void)state;
    uint64_t count = apd_heartbeat_read().count;
    (void)apd_heartbeat_phase("forward");
    assert_string_equal(apd_heartbeat_phase("evaluate"), "forward");
    apd_heartbeat now = apd_heartbeat_read();
    assert_string_equal(now.phase, "evaluate");
    assert_true(now.count == count + 2 && now.activity == APD_WORKS);
}

static void begin_pairs_in_pairs_the_outermost_counts(void **state) {
    (void)state;
    uint64_t count = apd_heartbeat_read().count;
    apd_heartbeat_begin(APD_MAY_WAIT);
    for (int i = 0; i < 3; i++) { /* looking again and again is not getting on */
        apd_heartbeat_begin(APD_WAITS);
        assert_true(apd_heartbeat_read().count == count + 1 && apd_heartbeat_read().activity == APD_MAY_WAIT);
        (void)apd_heartbeat_phase("gather");
        apd_heartbeat_end();
    }
    assert_true(apd_heartbeat_read().count == count + 1 && apd_heartbeat_read().activity == APD_MAY_WAIT);
    assert_string_equal(apd_heartbeat_read().phase, "gather");
    apd_heartbeat_end();
    assert_true(apd_heartbeat_read().count == count + 2 && apd_heartbeat_read().activity == APD_WORKS);
    apd_heartbeat_begin(APD_WAITS);
    assert_int_equal(apd_heartbeat_read().activity, APD_WAITS);
    apd_heartbeat_end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phase_each_note_moves_the_count_and_gives_the_phase_before),
        cmocka_unit_test(begin_pairs_in_pairs_the_outermost_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
