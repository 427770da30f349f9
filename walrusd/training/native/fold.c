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

/* A long vector as rows of `width`: the upper half of the terms first, where there are any. */
typedef struct {
    const float *x;
    float *sums;
    int64_t count, half, width;
} long_fold;

INLINE void read_halves(const void *context, int64_t row, int64_t first, int64_t count, float *out)
{
    const long_fold *all = context;
    int64_t start = row * all->width + first, both = all->count - all->half - start;
    const float *lower = all->x + start, *upper = lower + all->half;
    both = both < 0 ? 0 : both > count ? count : both;
    for (int64_t j = 0; j < both; j++)
        out[j] = lower[j] + upper[j];
    for (int64_t j = both; j < count; j++)
        out[j] = lower[j];
}

CLONES static void long_range(void *context, int64_t begin, int64_t end)
{
    const long_fold *all = context;
    for (int64_t first = begin; first < end; first += FOLD_WIDTH) {
        int64_t count = end - first < FOLD_WIDTH ? end - first : FOLD_WIDTH;
        fold_leaves(read_halves, all, all->half / all->width, first, count, all->sums + first);
    }
}

#define LONG_WIDTH 8192

static float fold_long(const float *x, int64_t count)
{
    float sums[LONG_WIDTH], buffer[FOLD_WIDTH];
    long_fold all = {x, sums, count, find_half(count), LONG_WIDTH};
    if (all.half < all.width)
        all.width = all.half;
    parallel_for(long_range, &all, all.width, 1 + GRAIN / (count / all.width), 16);
    int64_t left = all.width;
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
