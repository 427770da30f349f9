/* Sums in the order of the binary fold (SPEC.md, chapter 2).

   A fold of n terms adds the upper half to the lower until one is left. That is a tree; reading the
   terms in bit-reversed order walks it depth first, so that each term is read once and partial sums
   wait on a stack of logarithmic height. */

#ifndef WALRUSD_FOLD_H
#define WALRUSD_FOLD_H

#include "arithmetic.h"

/* Terms that are added side by side. */
#define FOLD_WIDTH 512
#define FOLD_LEVELS 48

/* The largest power of two below n, or 0 for n = 1. */
INLINE int64_t find_half(int64_t n)
{
    int64_t half = 1;
    while (2 * half < n)
        half *= 2;
    return n > 1 ? half : 0;
}

/* Folds n values in `buffer`, which has room for half of them, rounded up to a power of two. */
INLINE float fold_row(const float *x, int64_t n, float *buffer)
{
    int64_t half = find_half(n);
    if (half == 0)
        return n ? x[0] : 0.0f;
    for (int64_t i = 0; i < n - half; i++)
        buffer[i] = x[i] + x[i + half];
    for (int64_t i = n - half; i < half; i++)
        buffer[i] = x[i];
    while (half > 1) {
        half /= 2;
        for (int64_t i = 0; i < half; i++)
            buffer[i] += buffer[i + half];
    }
    return buffer[0];
}

/* Writes the terms of leaf `row`, columns [first, first + count), to `out`. */
typedef void (*leaf_function)(const void *context, int64_t row, int64_t first, int64_t count,
                              float *out);

/* out[0, count) = leaf `row`, plus leaf `row + half` where there is one. */
INLINE void read_pair(leaf_function leaf, const void *context, int64_t row, int64_t half,
                      int64_t rows, int64_t first, int64_t count, float *out)
{
    leaf(context, row, first, count, out);
    if (row + half < rows) {
        float upper[FOLD_WIDTH];
        leaf(context, row + half, first, count, upper);
        for (int64_t j = 0; j < count; j++)
            out[j] += upper[j];
    }
}

/* out[0, count) = the fold of `rows` leaves, column by column; count ≤ FOLD_WIDTH. */
INLINE void fold_leaves(leaf_function leaf, const void *context, int64_t rows, int64_t first,
                        int64_t count, float *out)
{
    float stack[FOLD_LEVELS][FOLD_WIDTH];
    int64_t half = find_half(rows);
    int levels = 0;
    if (half <= 1) {
        read_pair(leaf, context, 0, 1, rows, first, count, out);
        return;
    }
    while ((int64_t)1 << levels < half)
        levels++;
    /* Two neighbours of the tree at a time: level 0 needs no place on the stack. */
    for (int64_t number = 0; number < half; number += 2) {
        int64_t row = 0;
        for (int bit = 1; bit < levels; bit++)
            row |= (number >> bit & 1) << (levels - 1 - bit);
        float node[FOLD_WIDTH], other[FOLD_WIDTH];
        read_pair(leaf, context, row, half, rows, first, count, node);
        read_pair(leaf, context, row + half / 2, half, rows, first, count, other);
        float *to = number >> 1 & 1 ? node : stack[1];
        for (int64_t j = 0; j < count; j++)
            to[j] = node[j] + other[j];
        for (int level = 1; number >> level & 1; level++) {
            const float *waiting = stack[level];
            to = number >> (level + 1) & 1 ? node : stack[level + 1];
            for (int64_t j = 0; j < count; j++)
                to[j] = waiting[j] + node[j];
        }
    }
    memcpy(out, stack[levels], (size_t)count * sizeof(float));
}

#endif
