/* What libapd does where the program would end: a thread goes back to its landing. And what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/landing.h"
#include "base/memory.h"
#include "base/status.h"
#include "io/hdf5/guard.h"
#include "library/apd.h"

#include <hdf5.h>
#include <signal.h>
#include <string.h>

static void a_fatal_error_lands_with_its_text(void **state) {
    (void)state;
    apd_landing landing = {0};
    if (sigsetjmp(landing.place, 1) == 0) {
        apd_landing_set(&landing);
        (void)apd_allocate(INT64_MAX / 2, 64, "a large thing");
        fail_msg("%s", "it came back");
    }
    assert_int_equal(landing.status, APD_ERROR_INTERNAL);
    assert_non_null(strstr(landing.message, "a large thing"));
}

static void a_crash_inside_hdf5_lands_and_handlers_are_put_back(void **state) {
    (void)state;
    struct sigaction before, after;
    apd_landing landing = {0};
    (void)sigaction(SIGSEGV, NULL, &before);
    for (volatile int i = 0; i < 2; i++) { /* the signal is not left blocked */
        landing = (apd_landing){0};
        if (sigsetjmp(landing.place, 1) == 0) {
            apd_landing_set(&landing);
            (void)apd_h5_guard_begin("a/checkpoint.h5");
            (void)H5Tdecode((const void *)(uintptr_t)8); /* reads where nothing is */
            fail_msg("%s", "it came back");
        }
        apd_h5_guard_remove();
        assert_int_equal(landing.status, APD_ERROR_DATA);
        assert_non_null(strstr(landing.message, "a/checkpoint.h5: HDF5 crashed"));
    }
    (void)sigaction(SIGSEGV, NULL, &after);
    assert_memory_equal(&before.sa_sigaction, &after.sa_sigaction, sizeof before.sa_sigaction);
}

static void what_cannot_be_opened_is_refused_with_a_text(void **state) {
    (void)state;
    apd_file *file = (apd_file *)state;
    assert_int_equal(apd_open("no/such/run", &file), APD_REFUSED);
    assert_non_null(strstr(apd_reason(), "no/such/run"));
    assert_int_equal(apd_open(NULL, &file), APD_BAD_CALL);
    assert_ptr_equal(file, state); /* outputs are set on success only */
    apd_close(NULL);
    apd_release(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fatal_error_lands_with_its_text),
        cmocka_unit_test(a_crash_inside_hdf5_lands_and_handlers_are_put_back),
        cmocka_unit_test(what_cannot_be_opened_is_refused_with_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
