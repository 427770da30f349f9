/* Products of integers of 8 bits (SPEC.md, chapter 11): operands are divided by the units of their
   lines and rounded while they are packed.

   Panels hold pairs of 16-bit integers, terms 2p and 2p + 1 of a lane side by side, missing lanes
   and terms zero: panel[pair][lane]. Processors multiply two such pairs and add the two products in
   32 bits with one instruction; all of it is exact. */

#ifndef WALRUSD_LINES_H
#define WALRUSD_LINES_H

#include <stdint.h>

#define LINE_BITS 8

/* Products are at most 2^16, so 32-bit sums hold any number of terms below 2^15. */
#define EXACT_TERMS 16384

/* Panels are written four lanes at a time, up to three of them past the end. */
#define PANEL_SLACK 16

typedef struct {
    int rows, columns;
    /* Packs `lanes` ≤ rows (left) or ≤ columns (right) lanes of `depth` values. Value p of lane i is
       source[i * lane_stride + p * depth_stride], one of the strides is 1; `inverse` holds one
       over the units. What follows a left panel in memory must be packed after it. */
    void (*pack_left)(int32_t *panel, const float *source, int64_t lane_stride,
                      int64_t depth_stride, const float *inverse, int lanes, int64_t depth);
    void (*pack_right)(int32_t *panel, const float *source, int64_t lane_stride,
                       int64_t depth_stride, const float *inverse, int lanes, int64_t depth);
    /* As pack_left, for integers. */
    void (*pack_integers)(int32_t *panel, const int16_t *source, int64_t lane_stride,
                          int64_t depth_stride, int lanes, int64_t depth);
    /* tile = left · right, or tile += left · right, over so many pairs; `stride` between rows. */
    void (*multiply)(int64_t pairs, const int32_t *left, const int32_t *right, int32_t *tile,
                     int64_t stride, int add);
} line_kernels;

/* The kernels of this processor, or NULL if it has none. */
const line_kernels *get_line_kernels(void);

/* The unit 2^max(E − 8, −63) of a line whose largest magnitude has these bits. */
float make_unit(uint32_t largest);

/* inverse[i] = 1 / units[i] for `count` units. */
void invert_units(const float *units, int64_t count, float *inverse);

#endif
