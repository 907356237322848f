/* stl: a network of its own for each task, trained by Adam from He's values with weight decay: the baseline "STL" of Yoon et
 * al. 2020. Dense blocks need nothing besides what solver.c does for heads. */
#include "method/solvers/state.h"

const solver_operations apd_solver_stl = {0};
