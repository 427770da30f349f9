#include "fold.h"

typedef struct {
    const float *x;
    float *sums;
    int64_t rows, columns;
} fold;

CLONES static void short_rows_range(void *context, int64_t begin, int64_t end)
{
    const fold *all = context;
    float buffer[FOLD_WIDTH];
    for (int64_t i = begin; i < end; i++)
        all->sums[i] = fold_row(all->x + i * all->columns, all->columns, buffer);
}

INLINE void read_leaf(const void *context, int64_t row, int64_t first, int64_t count, float *out)
{
    const fold *all = context;
    memcpy(out, all->x + row * all->columns + first, (size_t)count * sizeof(float));
}

CLONES static void columns_range(void *context, int64_t begin, int64_t end)
{
    const fold *all = context;
    for (int64_t first = begin; first < end; first += FOLD_WIDTH) {
        int64_t count = end - first < FOLD_WIDTH ? end - first : FOLD_WIDTH;
        fold_leaves(read_leaf, all, all->rows, first, count, all->sums + first);
    }
}

/* sums[j] = fold over the rows of column j. */
EXPORT int walrusd_fold_rows(const float *x, float *sums, int64_t rows, int64_t columns)
{
    fold all = {x, sums, rows, columns};
    parallel_for(columns_range, &all, columns, 1 + GRAIN / (rows + 1), 16);
    return DONE;
}

/* A long vector as `rows` rows of `width` terms, at least four: those of its lower half. A term has
   another one `half` further, in the upper half, or none. */
typedef struct {
    const float *x;
    float *sums;
    int64_t count, half, width, rows;
} long_fold;

/* Columns of four rows, each a quarter of all rows further; `whole` of them, the first ones, have
   terms in the upper half. */
typedef struct {
    const float *lower[4], *upper[4];
    int whole;
} quad;

/* Finds `count` columns of four rows. A row that only begins in the upper half is added in `room`. */
INLINE void find_quad(const long_fold *all, int64_t row, int64_t first, int64_t count, float *room,
                      quad *found)
{
    found->whole = 0;
    for (int i = 0; i < 4; i++) {
        int64_t start = (row + i * (all->rows / 4)) * all->width + first;
        int64_t both = all->count - all->half - start;
        const float *lower = all->x + start, *upper = lower + (both > 0 ? all->half : 0);
        found->lower[i] = lower;
        found->upper[i] = upper;
        if (both >= count) {
            found->whole = i + 1;
        } else if (both > 0) {
            for (int64_t j = 0; j < both; j++)
                room[j] = lower[j] + upper[j];
            for (int64_t j = both; j < count; j++)
                room[j] = lower[j];
            found->lower[i] = room;
        }
    }
}

/* Adds four rows, and those of the upper half before: a node two levels up, in one pass. */
INLINE void add_quad(const quad *it, int whole, int64_t count, float *out)
{
    const float *a = it->lower[0], *b = it->lower[1], *c = it->lower[2], *d = it->lower[3];
    const float *e = it->upper[0], *f = it->upper[1], *g = it->upper[2], *h = it->upper[3];
    for (int64_t j = 0; j < count; j++) {
        float p = whole > 0 ? a[j] + e[j] : a[j], q = whole > 1 ? b[j] + f[j] : b[j];
        float r = whole > 2 ? c[j] + g[j] : c[j], s = whole > 3 ? d[j] + h[j] : d[j];
        out[j] = (p + r) + (q + s);
    }
}

INLINE void fold_quads(const long_fold *all, int64_t first, int64_t count, float *out)
{
    float stack[FOLD_LEVELS][FOLD_WIDTH], node[FOLD_WIDTH], room[FOLD_WIDTH];
    int levels = 0;
    while ((int64_t)4 << levels < all->rows)
        levels++;
    for (int64_t number = 0; number < all->rows / 4; number++) {
        int64_t row = 0;
        for (int bit = 0; bit < levels; bit++)
            row |= (number >> bit & 1) << (levels - 1 - bit);
        quad it;
        find_quad(all, row, first, count, room, &it);
        float *to = number & 1 ? node : stack[0];
        switch (it.whole) {
        case 0: add_quad(&it, 0, count, to); break;
        case 1: add_quad(&it, 1, count, to); break;
        case 2: add_quad(&it, 2, count, to); break;
        case 3: add_quad(&it, 3, count, to); break;
        default: add_quad(&it, 4, count, to);
        }
        for (int level = 0; number >> level & 1; level++) {
            const float *waiting = stack[level];
            to = number >> (level + 1) & 1 ? node : stack[level + 1];
            for (int64_t j = 0; j < count; j++)
                to[j] = waiting[j] + node[j];
        }
    }
    memcpy(out, stack[levels], (size_t)count * sizeof(float));
}

CLONES static void long_range(void *context, int64_t begin, int64_t end)
{
    const long_fold *all = context;
    for (int64_t first = begin; first < end; first += FOLD_WIDTH) {
        int64_t count = end - first < FOLD_WIDTH ? end - first : FOLD_WIDTH;
        fold_quads(all, first, count, all->sums + first);
    }
}

#define LONG_WIDTH 8192

/* count > 2 * FOLD_WIDTH */
static float fold_long(const float *x, int64_t count)
{
    float sums[LONG_WIDTH], buffer[FOLD_WIDTH];
    int64_t half = find_half(count), width = half / 4 < LONG_WIDTH ? half / 4 : LONG_WIDTH;
    long_fold all = {x, sums, count, half, width, half / width};
    parallel_for(long_range, &all, width, 1 + GRAIN / (count / width), 16);
    int64_t left = width;
    for (; left > 2 * FOLD_WIDTH; left /= 2)
        for (int64_t i = 0; i < left / 2; i++)
            sums[i] += sums[i + left / 2];
    return fold_row(sums, left, buffer);
}

/* sums[i] = fold over row i. */
EXPORT int walrusd_fold(const float *x, float *sums, int64_t rows, int64_t columns)
{
    fold all = {x, sums, rows, columns};
    if (columns <= 2 * FOLD_WIDTH) {
        parallel_for(short_rows_range, &all, rows, 1 + GRAIN / (columns + 1), 1);
        return DONE;
    }
    for (int64_t i = 0; i < rows; i++)
        sums[i] = fold_long(x + i * columns, columns);
    return DONE;
}
