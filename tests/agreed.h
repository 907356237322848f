/* agreed: assertions that fail on all ranks of a team if they fail on one, because a rank that fails alone leaves the
 * others waiting. cmocka.h must be included before this header. */
#ifndef APD_TESTS_AGREED_H
#define APD_TESTS_AGREED_H

#include "mpi/team/team.h"

#include <stdio.h>

/* Collective. Prints the expression on each rank where it is false. */
#define assert_agreed(team, expression) agreed_(team, (expression), #expression, __FILE__, __LINE__)

static void agreed_(const apd_team *team, bool holds, const char *expression, const char *file, int line) {
    if (!holds)
        (void)fprintf(stderr, "rank %d: %s:%d: not true: %s\n", apd_team_rank(team), file, line, expression);
    if (apd_team_any(team, !holds))
        _fail(file, line);
}

#endif
