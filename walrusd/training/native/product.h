/* Exact matrix products of float32 operands that lie on grids (SPEC.md, chapter 2).

   Every partial sum of such a product is exact in float64, so its order is free: the blocking below
   is chosen for speed alone, and a fused multiply-add gives what two operations give.

   Operands are packed into panels first: `lanes` rows (or columns) side by side, float64,
   panel[depth][lanes], missing lanes zero. Then a kernel multiplies a left panel of `rows` lanes
   with a right panel of `columns` lanes into a tile of rows × columns. */

#ifndef WALRUSD_PRODUCT_H
#define WALRUSD_PRODUCT_H

#include <stdint.h>

/* float64 sums are exact over so many terms; beyond, blocks are added in order. */
#define EXACT_DEPTH 8192

typedef struct {
    int rows, columns;
    /* Packs `lanes` ≤ rows (left) or ≤ columns (right) lanes of `depth` values. Value p of lane i
       is source[i * lane_stride + p * depth_stride]. */
    void (*pack_left)(double *panel, const float *source, int64_t lane_stride,
                      int64_t depth_stride, int lanes, int64_t depth);
    void (*pack_right)(double *panel, const float *source, int64_t lane_stride,
                       int64_t depth_stride, int lanes, int64_t depth);
    /* The same where every lane starts elsewhere: value p of lane i is sources[i][offset + p]. */
    void (*pack_right_lanes)(double *panel, const float *const *sources, int64_t offset, int lanes,
                             int64_t depth);
    /* All lanes, where every step of the depth starts elsewhere: sources[p][offset + i]. */
    void (*pack_right_steps)(double *panel, const float *const *sources, int64_t offset,
                             int64_t depth);
    /* As pack_left for float64 values, rounded to a grid by adding and subtracting `magic`. */
    void (*pack_left_wide)(double *panel, const double *source, int64_t lane_stride,
                           int64_t depth_stride, int lanes, int64_t depth, double magic);
    /* tile = left · right, or tile += left · right; rows of the tile are `stride` apart. */
    void (*multiply)(int64_t depth, const double *left, const double *right, double *tile,
                     int64_t stride, int add);
} product_kernels;

/* The instruction set of products: 0 none of them, 1 AVX2, 2 AVX-512. */
int get_product_level(void);

/* The kernels of this processor, or NULL if it has none: torch is faster there. */
const product_kernels *get_product_kernels(void);

/* Scratch memory of the calling thread, 64-byte aligned, kept between calls. Slots are 0 … 15;
   memory of one slot moves when the slot grows. NULL if there is none left. */
void *get_scratch(int slot, int64_t bytes);

#endif
