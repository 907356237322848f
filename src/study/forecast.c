#include "study/forecast.h"
apd_status apd_forecast(const apd_study *study, const apd_team *world, apd_team *team, int ranks,
                        double seconds, apd_error *error) {
    (void)world;
    (void)team;
    (void)ranks;
    (void)seconds;
    (void)error;
    for (int r = 0; apd_team_rank(world) == 0 && r < study->run_count; r++)
        (void)puts(study->runs[r].folder);
    return APD_OK;
}
