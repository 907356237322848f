/* Texts from anywhere on their way to a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/status.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

static void clean_text_with_control_characters_has_question_marks(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"cat", "cat"},
        {"\xc3\xa9l\xc3\xa9phant \xe2\x82\xac \xf0\x9f\x90\x98",
         "\xc3\xa9l\xc3\xa9phant \xe2\x82\xac \xf0\x9f\x90\x98"},
        {"\x1b[2J\x07red\x7f", "?[2J?red?"},
        {"a\tb\r\nc", "a?b??c"},
        {"\xc2\x9b"
         "31m",
         "?31m"},                 /* C1 control: one character, two bytes */
        {"\xff\xfe", "??"},       /* never UTF-8 */
        {"\xc0\xaf", "??"},       /* overlong */
        {"\xed\xa0\x80", "???"},  /* a surrogate */
        {"end\xe2\x82", "end??"}, /* cut */
        {"\xe2\x80\xa8", "?"},    /* line separator */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "%s", cases[i][0]);
        apd_utf8_clean(text);
        assert_string_equal(text, cases[i][1]);
        assert_string_equal(apd_utf8_shown(cases[i][0]).text, cases[i][1]);
    }
}

static void shown_name_that_is_too_long_is_cut(void **state) {
    (void)state;
    char name[200];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(strlen(apd_utf8_shown(name).text), 79);
}

static void fail_with_a_name_from_a_file_gives_a_clean_message(void **state) {
    (void)state;
    apd_error error = {0};
    (void)apd_fail(&error, APD_ERROR_DATA, "block %s is\nwrong", "\x1b]0;title\x07");
    assert_string_equal(error.message, "block ?]0;title? is wrong");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean_text_with_control_characters_has_question_marks),
        cmocka_unit_test(shown_name_that_is_too_long_is_cut),
        cmocka_unit_test(fail_with_a_name_from_a_file_gives_a_clean_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
