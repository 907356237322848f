#include "method/solvers/methods.h"

#include "method/solvers/operations.h"

#include <math.h>
#include <string.h>

#define MASKS    "lambda1 lambda2 mask_init recentre recentre_every polish_epochs budget storage tau_bits"
#define CLUSTERS " consolidate_every clusters_added beta merge cluster_start gram"
#define YOON     "Yoon et al. 2020 (arXiv 1902.09432)"

static const char *const importances[] = {"importance", "anchor", NULL};

static const char *const scores[] = {"scores", NULL};

const apd_method apd_methods[] = {
    {.name = "apd",
     .paper = YOON ": APD(2)",
     .help = "sigma is shared, masks and sparse tau are a task's own, clusters of tasks share sigma_g; "
             "proximal steps.",
     .keys = MASKS CLUSTERS,
     .storage = APD_STORAGE_DECOMPOSED,
     .moves = APD_MOVES_FINITE_LAMBDA2,
     .follows = true,
     .clusters = true,
     .recentring = APD_RECENTRING,
     .polishes = true,
     .codes = true,
     .operations = &apd_solver_exact},
    {.name = "apd-retro",
     .paper = YOON ": APD(1)",
     .help = "apd without clusters.",
     .keys = MASKS,
     .storage = APD_STORAGE_DECOMPOSED,
     .moves = APD_MOVES_FINITE_LAMBDA2,
     .follows = true,
     .recentring = APD_RECENTRING,
     .polishes = true,
     .codes = true,
     .operations = &apd_solver_exact},
    {.name = "apd-fixed",
     .paper = YOON ": APD-Fixed",
     .help = "apd whose sigma stays after the first method.sigma_tasks tasks: later ones train masks and tau "
             "only.",
     .keys = "lambda1 mask_init sigma_tasks recentre polish_epochs budget storage tau_bits sigma_bits",
     .storage = APD_STORAGE_DECOMPOSED,
     .recentring = APD_RECENTRING_FIRST_TASK,
     .trains_sigma_first = true,
     .polishes = true,
     .codes = true,
     .operations = &apd_solver_fixed},
    {.name = "apd-joint",
     .paper = YOON ", eq. 2 and 3",
     .help = "apd by the paper's scheme, which updates every old task in each step; needs a finite "
             "method.lambda2.",
     .keys = "lambda1 lambda2 mask_init recentre recentre_every" CLUSTERS,
     .storage = APD_STORAGE_DECOMPOSED,
     .moves = APD_MOVES_ALWAYS,
     .follows = true,
     .slows = true,
     .clusters = true,
     .recentring = APD_RECENTRING,
     .finite_lambda2 = true,
     .operations = &apd_solver_joint},
    {.name = "stl",
     .paper = "single-task learning, the baseline of " YOON,
     .help = "A network of its own for each task.",
     .keys = "",
     .storage = APD_STORAGE_SINGLE,
     .operations = &apd_solver_stl},
    {.name = "finetune",
     .paper = "sequential training without a safeguard, the lower line of most papers",
     .help = "One body for all tasks, which each task trains on; a task keeps its biases and head.",
     .keys = "",
     .storage = APD_STORAGE_SHARED,
     .moves = APD_MOVES_ALWAYS,
     .operations = &apd_solver_finetune},
    {.name = "multitask",
     .paper = "joint training, the upper line of most papers",
     .help = "One body for all tasks, trained on the images of all tasks seen, each with its own head; "
             "the time of a stream grows with the square of its tasks.",
     .keys = "",
     .storage = APD_STORAGE_SHARED,
     .moves = APD_MOVES_ALWAYS,
     .follows = true,
     .rehearses = true,
     .operations = &apd_solver_multitask},
    {.name = "l2t",
     .paper = "L2-transfer, a baseline of " YOON,
     .help = "finetune with a pull towards the body as the task before left it: "
             "(method.l2t_strength/2)*|theta - former|^2.",
     .keys = "l2t_strength",
     .storage = APD_STORAGE_SHARED,
     .moves = APD_MOVES_ALWAYS,
     .operations = &apd_solver_l2t},
    {.name = "ewc",
     .paper = "Kirkpatrick et al. 2017 (arXiv 1612.00796); online: Schwarz et al. 2018 (arXiv 1805.06370)",
     .help = "Elastic weight consolidation: finetune with a pull of each weight, by its Fisher "
             "information, towards the bodies that earlier tasks ended with.",
     .keys = "ewc ewc_strength ewc_decay ewc_images",
     .storage = APD_STORAGE_SHARED,
     .shared = importances,
     .moves = APD_MOVES_ALWAYS,
     .fisher = true,
     .unforgettable = "the tasks' Fisher informations are kept as one sum, which no task can be taken out of",
     .operations = &apd_solver_ewc},
    {.name = "packnet",
     .paper = "Mallya and Lazebnik 2018 (arXiv 1711.05769)",
     .help = "Each task trains the weights that no earlier one keeps and uses all of these; it keeps the "
             "largest and trains them on alone. A bit a weight and task.",
     .keys = "packnet_prune polish_epochs",
     .storage = APD_STORAGE_SUBNETWORK,
     .polishes = true,
     .operations = &apd_solver_packnet},
    {.name = "wsn",
     .paper = "Kang et al. 2022 (ICML)",
     .help = "Winning subnetworks: scores, trained with the weights, choose the weights that a task uses; "
             "those of finished tasks stay as they are. A bit a weight and task.",
     .keys = "wsn_density",
     .storage = APD_STORAGE_SUBNETWORK,
     .shared = scores,
     .operations = &apd_solver_wsn},
};
const int apd_method_count = (int)(sizeof apd_methods / sizeof *apd_methods);

const apd_method *apd_method_find(const char *name) {
    for (int m = 0; m < apd_method_count; m++)
        if (strcmp(apd_methods[m].name, name) == 0)
            return &apd_methods[m];
    return NULL;
}

bool apd_method_moves(const apd_method *method, double lambda2) {
    return method->moves == APD_MOVES_ALWAYS ||
           (method->moves == APD_MOVES_FINITE_LAMBDA2 && isfinite(lambda2));
}

int64_t apd_method_finished_bytes(const apd_method *method, int64_t weights, int64_t tasks, int64_t entries) {
    return method->operations->finished_bytes != NULL
               ? method->operations->finished_bytes(weights, tasks, entries)
               : 0;
}
