#include "io/saving/scatter.h"

#include "base/memory.h"
#include "io/checkpoint/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct scatter {
    const apd_team *team;
    const apd_partition *partition;
    const apd_layout *layout;
    int *servers; /* (server_count) the ranks that read or write files, ascending */
    int server_count;
    int seat; /* which of them this rank is; -1: none */
} scatter;

/* Which ranks serve, where `serves` says whether this one does. Collective. */
static void find_servers(scatter *s, bool serves) {
    int size = apd_team_size(s->team), rank = apd_team_rank(s->team);
    int64_t *all = apd_allocate(size, sizeof *all, "ranks that see the folder");
    all[rank] = serves;
    apd_team_sum(s->team, all, size);
    s->servers = apd_allocate(size, sizeof *s->servers, "ranks that see the folder");
    s->seat = -1;
    for (int r = 0; r < size; r++) {
        if (r == rank && all[r] != 0)
            s->seat = s->server_count;
        if (all[r] != 0)
            s->servers[s->server_count++] = r;
    }
    free(all);
}

/* Whether this rank sees a file that rank 0 makes in the folder of parts: a name that lies nowhere else, as a node may
 * have a folder of its own at the same path. Collective. */
static bool sees_folder(const apd_team *team, const char *path) {
    char name[4096] = "";
    bool first = apd_team_rank(team) == 0;
    int made = -1;
    if (first) {
        char *probe = apd_store_beside(path, APD_STORE_PROBE);
        if (snprintf(name, sizeof name, "%s", probe) < (int)sizeof name)
            made = mkstemp(name);
        free(probe);
    }
    apd_team_broadcast(team, name, sizeof name);
    bool sees = access(name, F_OK) == 0;
    apd_team_barrier(team);
    if (made >= 0) {
        (void)close(made);
        (void)unlink(name);
    }
    return sees || first;
}

/* (P, B): the rows of every rank; free them. */
static apd_rows *all_rows(const scatter *s) {
    int ranks = s->partition->ranks, blocks = s->layout->block_count;
    apd_rows *rows = apd_allocate((int64_t)ranks * blocks, sizeof *rows, "ranks' rows");
    for (int i = 0; i < ranks * blocks; i++)
        rows[i] = apd_partition_rows(s->partition, s->layout, i % blocks, i / blocks);
    return rows;
}

/* Packed rows are aligned for 64-bit numbers. */
static int64_t padded(int64_t bytes) {
    return (bytes + 7) / 8 * 8;
}

/* --- writing ---------------------------------------------------------------------------------------------- */

typedef struct writing {
    scatter s;
    const apd_decomposition *decomposition;
    const apd_run_state *state;
    const apd_solver *solver;
    const char *path;
    apd_commit_plan *plan;
    apd_part_writer **files; /* (part_count) */
    /* --- the part under way --- */
    apd_part_plan described;
    apd_item *items;
    apd_part_group *groups;
    void **storage;
} writing;

static int items_of(const apd_commit_plan *plan, int part) {
    return part < plan->part_count ? plan->first[part + 1] - plan->first[part] : 0;
}

static apd_status begin_part(writing *w, int part, apd_error *error) {
    const apd_commit_plan *plan = w->plan;
    int count = items_of(plan, part);
    w->items = apd_allocate(count, sizeof *w->items, "a part's items");
    w->groups = apd_allocate(count, sizeof *w->groups, "a part's groups");
    w->storage = apd_allocate(count, sizeof *w->storage, "a part's arrays");
    for (int i = 0; i < count; i++) {
        int at = plan->first[part] + i;
        w->items[i] = apd_item_of(plan->items[at], w->decomposition, w->state, w->solver);
        apd_item_describe(&w->items[i], w->state, plan->code[at], &w->groups[i], &w->storage[i]);
    }
    w->described = (apd_part_plan){.commit = w->state->commit, .group_count = count, .groups = w->groups};
    char *path = apd_store_part(w->path, w->state->commit, part);
    apd_status status = apd_part_create(path, &w->described, &w->files[part], error);
    free(path);
    return status;
}

static void end_part(writing *w) {
    for (int i = 0; i < w->described.group_count; i++) {
        apd_item_clear(&w->items[i]);
        free(w->storage[i]);
    }
    free(w->items);
    free(w->groups);
    free(w->storage);
    w->described = (apd_part_plan){0};
    w->items = NULL;
    w->groups = NULL;
    w->storage = NULL;
}

/* Write item number `slot` of each part from `first` on, a part a server: every rank sends its packed rows to the server, which
 * appends them. Collective. */
static void write_slot(const writing *w, int first, int slot) {
    int size = apd_team_size(w->s.team);
    int64_t *bytes = apd_allocate(size, sizeof *bytes, "sizes of packed rows"), total = 0, *sizes;
    sizes = apd_allocate(size, sizeof *sizes, "sizes of packed rows");
    apd_item *items = apd_allocate(w->s.server_count, sizeof *items, "items");
    for (int k = 0; k < w->s.server_count; k++) {
        if (slot >= items_of(w->plan, first + k))
            continue;
        items[k] = apd_item_of(w->plan->items[w->plan->first[first + k] + slot], w->decomposition, w->state,
                               w->solver);
        bytes[w->s.servers[k]] = padded(apd_item_packed_bytes(&items[k], w->decomposition->rows));
        total += bytes[w->s.servers[k]];
    }
    unsigned char *packed = apd_allocate_bytes(total, "packed rows"), *next = packed, *got;
    for (int k = 0; k < w->s.server_count; k++) {
        if (items[k].arrays != NULL)
            (void)apd_item_pack(&items[k], w->decomposition->rows, next);
        next += bytes[w->s.servers[k]];
        apd_item_clear(&items[k]);
    }
    apd_team_all_to_all(w->s.team, packed, bytes, (void **)&got, sizes);
    if (w->s.seat >= 0 && slot < items_of(w->plan, first + w->s.seat)) {
        apd_rows *rows = all_rows(&w->s);
        const unsigned char **from = apd_allocate(size, sizeof *from, "packed rows"), *at = got;
        for (int r = 0; r < size; at += sizes[r++])
            from[r] = at;
        apd_item_append(&w->items[slot], size, rows, from, w->files[first + w->s.seat]);
        free((void *)from);
        free(rows);
    }
    free(got);
    free(packed);
    free(items);
    free(sizes);
    free(bytes);
}

/* Finish a part and put its digests and size into the plan; it is synced in the background. */
static apd_status finish_part(writing *w, int part, apd_error *error) {
    apd_part_record *record = &w->plan->parts[part];
    return apd_part_finish(w->files[part], w->plan->digests + w->plan->first[part], &record->bytes,
                           &record->digest, error);
}

/* Write the parts from `first` on, one a server. Collective: all ranks return together. */
static apd_status write_round(writing *w, int first, apd_error *error) {
    int mine = w->s.seat >= 0 && first + w->s.seat < w->plan->part_count ? first + w->s.seat : -1, slots = 0;
    for (int k = 0; k < w->s.server_count; k++)
        slots = items_of(w->plan, first + k) > slots ? items_of(w->plan, first + k) : slots;
    apd_status status = apd_team_agree(w->s.team, mine < 0 ? APD_OK : begin_part(w, mine, error), error);
    for (int slot = 0; slot < slots && status == APD_OK; slot++) {
        if (apd_team_size(w->s.team) > 1)
            write_slot(w, first, slot);
        else
            apd_item_append(&w->items[slot], 1, w->decomposition->rows, NULL, w->files[mine]);
    }
    if (status == APD_OK && mine >= 0)
        status = finish_part(w, mine, error);
    end_part(w);
    return apd_team_agree(w->s.team, status, error);
}

/* Give all ranks what each server set. Collective. */
static void share_plan(const writing *w) {
    apd_commit_plan *plan = w->plan;
    int64_t *numbers = apd_allocate(2 * (int64_t)plan->part_count + plan->count, sizeof *numbers, "digests");
    int64_t *sizes = numbers, *digests = sizes + plan->part_count, *groups = digests + plan->part_count;
    for (int p = 0; p < plan->part_count; p++) {
        sizes[p] = plan->parts[p].bytes;
        digests[p] = (int64_t)plan->parts[p].digest;
    }
    for (int i = 0; i < plan->count; i++)
        groups[i] = (int64_t)plan->digests[i];
    apd_team_sum(w->s.team, numbers, 2 * plan->part_count + plan->count); /* each is one rank's */
    for (int p = 0; p < plan->part_count; p++) {
        plan->parts[p].bytes = sizes[p];
        plan->parts[p].digest = (uint64_t)digests[p];
    }
    for (int i = 0; i < plan->count; i++)
        plan->digests[i] = (uint64_t)groups[i];
    free(numbers);
}

apd_status apd_parts_write(const apd_team *team, const apd_partition *partition,
                           const apd_decomposition *decomposition, const apd_run_state *state,
                           const apd_solver *solver, const char *path, apd_commit_plan *plan,
                           apd_part_writer ***files, apd_error *error) {
    writing w = {.s = {.team = team, .partition = partition, .layout = decomposition->layout},
                 .decomposition = decomposition,
                 .state = state,
                 .solver = solver,
                 .path = path,
                 .plan = plan};
    apd_status status = APD_OK;
    w.files = *files = apd_allocate(plan->part_count, sizeof *w.files, "a commit's files");
    bool several = plan->part_count > 1 && apd_team_size(team) > 1; /* a single part is rank 0's */
    find_servers(&w.s, several ? sees_folder(team, path) : apd_team_rank(team) == 0);
    for (int first = 0; first < plan->part_count && status == APD_OK; first += w.s.server_count)
        status = write_round(&w, first, error);
    for (int p = 0; p < plan->part_count && status == APD_OK; p++)
        if (w.files[p] != NULL)
            status = apd_part_wait(w.files[p], error);
    status = apd_team_agree(team, status, error);
    if (status == APD_OK)
        share_plan(&w);
    free(w.s.servers);
    return status;
}

/* --- reading ---------------------------------------------------------------------------------------------- */

typedef struct reading {
    scatter s;
    apd_reader *reader;
    apd_decomposition *decomposition;
    const apd_solver *solver;
    const apd_item_key *keys;
    int count;
    int *
        first; /* (part_count + 1): where in `keys` the items of a part begin: those of one part follow one another */
    int part_count;
} reading;

static bool same_part(const reading *r, int i, int j) {
    const apd_home *a = apd_item_home(apd_reader_state(r->reader), r->keys[i]);
    const apd_home *b = apd_item_home(apd_reader_state(r->reader), r->keys[j]);
    return a->commit == b->commit && a->part == b->part;
}

/* Runs of items that lie in one part are dealt; a large packed file is cut, too. */
static void find_parts(reading *r) {
    enum { MOST = 64 };
    r->first = apd_allocate((int64_t)r->count + 1, sizeof *r->first, "parts");
    for (int i = 0; i < r->count; i++)
        if (i == 0 || !same_part(r, i, i - 1) || i - r->first[r->part_count - 1] == MOST)
            r->first[r->part_count++] = i;
    r->first[r->part_count] = r->count;
}

static int index_of(const reading *r, int part, int slot) {
    int at = part < r->part_count ? r->first[part] + slot : r->count;
    return part < r->part_count && at < r->first[part + 1] ? at : -1;
}

/* This rank's view of an item. The first view of a task allocates the task. */
static apd_item item_at(const reading *r, int index) {
    return apd_item_of(r->keys[index], r->decomposition, apd_reader_state(r->reader), r->solver);
}

/* Item number `slot` of each part from `first` on: read by its server, packed to all. Collective: all ranks leave
 * together. */
static apd_status read_slot(const reading *r, int first, int slot, apd_error *error) {
    int size = apd_team_size(r->s.team), mine = r->s.seat < 0 ? -1 : index_of(r, first + r->s.seat, slot);
    int64_t *bytes = apd_allocate(size, sizeof *bytes, "sizes of packed rows"), total = 0, *sizes;
    unsigned char *packed = NULL, *got = NULL;
    apd_rows *rows = NULL;
    apd_item whole = {0};
    apd_status status = APD_OK;
    sizes = apd_allocate(size, sizeof *sizes, "sizes of packed rows");
    if (mine >= 0) {
        whole = apd_item_whole(r->keys[mine], r->s.layout, apd_reader_state(r->reader));
        status = apd_reader_item(r->reader, &whole, error);
    }
    APD_GO(apd_team_agree(r->s.team, status, error));
    rows = all_rows(&r->s);
    for (int k = 0; k < size && mine >= 0; k++) {
        bytes[k] = padded(apd_item_packed_bytes(&whole, rows + k * r->s.layout->block_count));
        total += bytes[k];
    }
    packed = apd_allocate_bytes(total, "packed rows");
    unsigned char *next = packed;
    for (int k = 0; k < size && mine >= 0; next += bytes[k++])
        (void)apd_item_pack(&whole, rows + k * r->s.layout->block_count, next);
    apd_team_all_to_all(r->s.team, packed, bytes, (void **)&got, sizes);
    const unsigned char *from = got;
    for (int k = 0; k < r->s.server_count; k++) {
        int index = index_of(r, first + k, slot);
        if (index < 0)
            continue;
        apd_item item = item_at(r, index);
        (void)apd_item_unpack(&item, from);
        apd_item_keep(&item, r->decomposition);
        apd_item_clear(&item);
        from += sizes[r->s.servers[k]];
    }
out:
    apd_item_clear(&whole);
    free(rows);
    free(got);
    free(packed);
    free(sizes);
    free(bytes);
    return status;
}

static apd_status read_alone(const reading *r, apd_error *error) {
    apd_status status = APD_OK;
    for (int i = 0; i < r->count && status == APD_OK; i++) {
        apd_item item = item_at(r, i);
        status = apd_reader_item(r->reader, &item, error);
        apd_item_keep(&item, r->decomposition);
        apd_item_clear(&item);
    }
    return status;
}

apd_status apd_items_read(const apd_team *team, const apd_partition *partition, apd_reader *reader,
                          const apd_item_key *keys, int count, apd_decomposition *decomposition,
                          const apd_solver *solver, apd_error *error) {
    reading r = {.s = {.team = team, .partition = partition, .layout = decomposition->layout},
                 .reader = reader,
                 .decomposition = decomposition,
                 .solver = solver,
                 .keys = keys,
                 .count = count};
    if (apd_team_size(team) == 1)
        return read_alone(&r, error);
    apd_status status = APD_OK;
    find_parts(&r);
    find_servers(&r.s, apd_team_rank(team) == 0 || (r.part_count > 1 && apd_reader_sees(reader, keys[0])));
    for (int first = 0; first < r.part_count && status == APD_OK; first += r.s.server_count) {
        int slots = 0;
        for (int k = 0; k < r.s.server_count; k++)
            while (index_of(&r, first + k, slots) >= 0)
                slots++;
        for (int slot = 0; slot < slots && status == APD_OK; slot++)
            status = read_slot(&r, first, slot, error);
    }
    free(r.first);
    free(r.s.servers);
    return status;
}
