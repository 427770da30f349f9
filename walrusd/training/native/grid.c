/* Rounding to grids (SPEC.md, rule 1), exact column sums, and the check for NaN and infinity. */

#include "arithmetic.h"

typedef struct {
    const float *x;
    float *y;
    float magic;
    uint32_t largest;
} grid;

CLONES static void largest_range(void *context, int64_t begin, int64_t end)
{
    grid *all = context;
    const float *x = all->x;
    uint32_t largest = 0;
    for (int64_t i = begin; i < end; i++) {
        uint32_t bits = magnitude(x[i]);
        largest = bits > largest ? bits : largest;
    }
    raise_to(&all->largest, largest);
}

uint32_t find_largest(const float *x, int64_t n)
{
    grid all = {.x = x};
    parallel_for(largest_range, &all, n, GRAIN, 16);
    return all.largest;
}

CLONES static void round_range(void *context, int64_t begin, int64_t end)
{
    const grid *all = context;
    const float *x = all->x;
    float *y = all->y, magic = all->magic;
    for (int64_t i = begin; i < end; i++)
        y[i] = (x[i] + magic) - magic;
}

/* y = the grid values of x. */
EXPORT int walrusd_quantise(const float *x, float *y, int64_t n, int bits)
{
    grid all = {.x = x, .y = y, .magic = find_magic(find_largest(x, n), bits)};
    if (all.magic == 0.0f)
        return REFUSED;
    parallel_for(round_range, &all, n, GRAIN, 16);
    return DONE;
}

/* DONE if no value is NaN or infinite. */
EXPORT int walrusd_check_finite(const float *x, int64_t n)
{
    return find_largest(x, n) > LARGEST_FINITE ? REFUSED : DONE;
}

typedef struct {
    const float *x;
    float *sums;
    int64_t rows, columns;
} column_sums;

#define STRIP 256

CLONES static void sum_range(void *context, int64_t begin, int64_t end)
{
    const column_sums *all = context;
    double sums[STRIP];
    for (int64_t first = begin; first < end; first += STRIP) {
        int64_t count = end - first < STRIP ? end - first : STRIP;
        memset(sums, 0, sizeof sums);
        for (int64_t i = 0; i < all->rows; i++) {
            const float *row = all->x + i * all->columns + first;
            for (int64_t j = 0; j < count; j++)
                sums[j] += row[j];
        }
        for (int64_t j = 0; j < count; j++)
            all->sums[first + j] = (float)sums[j];
    }
}

/* sums[j] = RN32(Σ_i x[i][j]) of grid values; the caller has checked that the sums are exact. */
EXPORT int walrusd_sum_rows(const float *x, float *sums, int64_t rows, int64_t columns)
{
    column_sums all = {x, sums, rows, columns};
    parallel_for(sum_range, &all, columns, 1 + GRAIN / (rows + 1), 16);
    return DONE;
}
