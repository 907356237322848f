/* single: one network a task (STL). Every block is dense, so the shared code does it all. */
#include "method/solvers/internal.h"

const solver_operations apd_solver_single = {.decomposed = false};
