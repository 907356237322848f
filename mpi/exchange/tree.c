#include "mpi/exchange/tree.h"

#include "base/loop.h"
#include "base/memory.h"
#include "base/status.h"
#include "network/partition.h"

#include <stdlib.h>

#define CHUNK 2048 /* floats: three or four partial sums fit in a 32 kB cache */

/* One addition: slots[to] = left + right. An operand is a leaf's number, or ~slot. */
typedef struct addition {
    int to, left, right;
} addition;

struct apd_tree {
    int leaf_count, slot_count;
    addition *additions; /* (leaf_count-1), operands first */
    float *slots;        /* (slot_count, CHUNK) */
};

/* The progress of tree_create. */
typedef struct builder {
    const apd_rows *leaves;
    int next_leaf;
    int next_addition;
    apd_tree *tree;
} builder;

/* Append the additions of shards lo .. hi-1, which may use slots from `slot` on; returns the operand that holds the
 * sum. */
static int build(builder *at, int lo, int hi, int slot) {
    const apd_rows *leaf = &at->leaves[at->next_leaf];
    APD_ASSERT(leaf->begin == lo && leaf->end <= hi);
    if (leaf->end == hi)
        return at->next_leaf++;
    int middle = apd_partition_tree_middle(lo, hi);
    int left = build(at, lo, middle, slot);
    int right = build(at, middle, hi, left < 0 ? slot + 1 : slot);
    at->tree->additions[at->next_addition++] = (addition){slot, left, right};
    if (slot >= at->tree->slot_count)
        at->tree->slot_count = slot + 1;
    return ~slot;
}

apd_tree *apd_tree_create(const apd_rows *leaves, int count) {
    APD_ASSERT(count >= 1);
    apd_tree *tree = apd_allocate(1, sizeof *tree, "a summation tree");
    tree->leaf_count = count;
    tree->additions = apd_allocate(count - 1, sizeof *tree->additions, "a summation tree");
    builder at = {.leaves = leaves, .tree = tree};
    (void)build(&at, (int)leaves[0].begin, (int)leaves[count - 1].end, 0);
    APD_ASSERT(at.next_leaf == count && at.next_addition == count - 1);
    tree->slots = apd_allocate((int64_t)tree->slot_count * CHUNK, sizeof(float), "partial sums");
    return tree;
}

void apd_tree_destroy(apd_tree *tree) {
    if (tree == NULL)
        return;
    free(tree->additions);
    free(tree->slots);
    free(tree);
}

/* `to` may be `left` or `right` itself; the iterations are independent because element i depends on elements i only. */
static void add(int64_t count, const float *left, const float *right, float *to) {
    APD_INDEPENDENT
    for (int64_t i = 0; i < count; i++)
        to[i] = left[i] + right[i];
}

static const float *operand(const apd_tree *tree, const float *const *leaves, int64_t first, int number) {
    return number < 0 ? tree->slots + (int64_t)~number * CHUNK : leaves[number] + first;
}

const float *apd_tree_sum(const apd_tree *tree, const float *const *leaves, int64_t count, float *out) {
    int last = tree->leaf_count - 2;
    if (last < 0)
        return leaves[0];
    for (int64_t first = 0; first < count; first += CHUNK) {
        int64_t length = count - first < CHUNK ? count - first : CHUNK;
        for (int k = 0; k <= last; k++) {
            const addition *a = &tree->additions[k];
            float *to = k == last ? out + first : tree->slots + (int64_t)a->to * CHUNK;
            add(length, operand(tree, leaves, first, a->left), operand(tree, leaves, first, a->right), to);
        }
    }
    return out;
}

typedef struct cutter {
    const int *same_until; /* (shards): end of the range of shards of one group around this one */
    apd_rows *ranges;
    int count;
} cutter;

static void cut(cutter *at, int lo, int hi) {
    if (at->same_until[lo] >= hi) {
        at->ranges[at->count++] = (apd_rows){lo, hi};
        return;
    }
    int middle = apd_partition_tree_middle(lo, hi);
    cut(at, lo, middle);
    cut(at, middle, hi);
}

int apd_tree_cut(const int *group, int shards, apd_rows **ranges) {
    int *same_until = apd_allocate(shards, sizeof *same_until, "a cut of the summation tree");
    for (int s = shards - 1; s >= 0; s--)
        same_until[s] = s + 1 < shards && group[s] == group[s + 1] ? same_until[s + 1] : s + 1;
    cutter at = {same_until, apd_allocate(shards, sizeof **ranges, "a cut of the summation tree"), 0};
    cut(&at, 0, shards);
    free(same_until);
    *ranges = at.ranges;
    return at.count;
}

int64_t apd_tree_bytes(const apd_tree *tree) {
    return (int64_t)tree->leaf_count * (int64_t)sizeof(addition) +
           (int64_t)tree->slot_count * CHUNK * (int64_t)sizeof(float);
}
