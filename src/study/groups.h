/* groups: a study's runs on groups of ranks of one MPI job.
 *
 * The ranks are cut into groups of equal size, neighbours together. Each group's first rank, its leader, takes the next
 * run that nobody has: it looks at the runs' status.json, and a run's lock decides between two leaders. The group trains
 * it as `apd train` would, with the log in RUN/train.log, and takes the next. Groups exchange no message; they meet at the
 * end. A group tries each run once.
 *
 * A run that fails by a status is left, and the group goes on. A process that dies ends the whole job, as MPI has it; the
 * next start resumes every run from its last commit, and a run that died twice without a commit between is set apart. */
#ifndef APD_STUDY_GROUPS_H
#define APD_STUDY_GROUPS_H

#include "mpi/team/team.h"
#include "study/folder.h"

typedef struct apd_groups {
    const apd_study *study; /* on leaders; NULL elsewhere */
    apd_team *team;         /* of the group */
    int group, count;       /* this group of so many */
    int only;               /* train this run alone; -1: all */
    double limit;           /* when the job ends, on apd_seconds' clock; INFINITY: none given */
    bool fail_fast;
} apd_groups;

/* Train until nothing is left that this group can do, or it is asked to stop, which `*stopped` says. Collective over the group.
 * Statuses: OK, whatever the runs' were; IO. */
apd_status apd_groups_train(const apd_groups *groups, bool *stopped, apd_error *error);

#endif
