/* agreed: assertions that all ranks of a team fail together, because one rank failing alone hangs the rest.
 */
#ifndef APD_TESTS_AGREED_H
#define APD_TESTS_AGREED_H

#include "mpi/team/team.h"

#include <stdio.h>

/* cmocka.h comes before this header. Collective. */
#define assert_agreed(team, expression) agreed_(team, (expression), #expression, __FILE__, __LINE__)

static void agreed_(const apd_team *team, bool holds, const char *expression, const char *file, int line) {
    if (!holds)
        (void)fprintf(stderr, "rank %d: %s:%d: not true: %s\n", apd_team_rank(team), file, line, expression);
    if (apd_team_any(team, !holds))
        _fail(file, line);
}

#endif
