/* Rounding to grids (SPEC.md, chapter 2), exact column sums, and the check for NaN and infinity. */

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

typedef struct {
    const float *x;
    float magic, inverse;
    uint64_t high, low;
} squares;

#define LANES 16
/* Squares of 40 bits add up to 53 bits over so many terms. */
#define EXACT_SQUARES 8192

CLONES static void squares_range(void *context, int64_t begin, int64_t end)
{
    squares *all = context;
    unsigned __int128 total = 0;
    for (int64_t first = begin; first < end; first += LANES * EXACT_SQUARES) {
        int64_t last = end - first < LANES * EXACT_SQUARES ? end : first + LANES * EXACT_SQUARES;
        double lanes[LANES] = {0.0};
        int64_t i = first;
        for (; i + LANES <= last; i += LANES)
            for (int j = 0; j < LANES; j++) {
                double n = (double)(((all->x[i + j] + all->magic) - all->magic) * all->inverse);
                lanes[j] += n * n;
            }
        for (int j = 0; i < last; i++, j++) {
            double n = (double)(((all->x[i] + all->magic) - all->magic) * all->inverse);
            lanes[j] += n * n;
        }
        for (int j = 0; j < LANES; j++)
            total += (uint64_t)lanes[j];
    }
    /* Threads add to words with room to spare: nothing is carried between the two. */
    __atomic_fetch_add(&all->low, (uint64_t)(total & 0xffffffffu), __ATOMIC_RELAXED);
    __atomic_fetch_add(&all->high, (uint64_t)(total >> 32), __ATOMIC_RELAXED);
}

/* sums[0] · 2^32 + sums[1] = the exact Σ n² of n = RNE(x / 2^exponent), |n| ≤ 2^20. */
EXPORT int walrusd_sum_squares(const float *x, int64_t n, int exponent, uint64_t *sums)
{
    if (exponent < SMALLEST_UNIT || exponent + 24 > 127)
        return REFUSED;
    squares all = {.x = x, .magic = ldexpf(1.5f, 23 + exponent), .inverse = ldexpf(1.0f, -exponent)};
    parallel_for(squares_range, &all, n, GRAIN, 16);
    sums[0] = all.high;
    sums[1] = all.low;
    return DONE;
}

/* The largest magnitude of n values, to largest[0]; REFUSED if one is NaN or infinite. */
EXPORT int walrusd_peak(const float *x, int64_t n, float *largest)
{
    uint32_t bits = find_largest(x, n);
    largest[0] = make_float(bits);
    return bits > LARGEST_FINITE ? REFUSED : DONE;
}
