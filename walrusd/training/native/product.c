#include "product.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "arithmetic.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define X86 1
#else
#define X86 0
#endif

#if X86

/* Four values of each of four lanes, to four rows of a panel. */
#define WIDEN(place, v) _mm256_storeu_pd(place, _mm256_cvtps_pd(v))
#define TRANSPOSE4(panel, width, lane0, lane1, lane2, lane3)                                       \
    do {                                                                                           \
        __m128 a = _mm_loadu_ps(lane0), b = _mm_loadu_ps(lane1);                                   \
        __m128 c = _mm_loadu_ps(lane2), d = _mm_loadu_ps(lane3);                                   \
        _MM_TRANSPOSE4_PS(a, b, c, d);                                                             \
        WIDEN(panel, a);                                                                           \
        WIDEN((panel) + (width), b);                                                               \
        WIDEN((panel) + 2 * (width), c);                                                           \
        WIDEN((panel) + 3 * (width), d);                                                           \
    } while (0)

#define ROUND4(place, magic) _mm256_sub_pd(_mm256_add_pd(_mm256_loadu_pd(place), magic), magic)
#define TRANSPOSE4_WIDE(panel, width, source, stride, magic)                                       \
    do {                                                                                           \
        __m256d unit = _mm256_set1_pd(magic);                                                      \
        __m256d a = ROUND4(source, unit), b = ROUND4((source) + (stride), unit);                   \
        __m256d c = ROUND4((source) + 2 * (stride), unit), d = ROUND4((source) + 3 * (stride), unit); \
        __m256d even_ab = _mm256_unpacklo_pd(a, b), odd_ab = _mm256_unpackhi_pd(a, b);             \
        __m256d even_cd = _mm256_unpacklo_pd(c, d), odd_cd = _mm256_unpackhi_pd(c, d);             \
        _mm256_storeu_pd(panel, _mm256_permute2f128_pd(even_ab, even_cd, 0x20));                   \
        _mm256_storeu_pd((panel) + (width), _mm256_permute2f128_pd(odd_ab, odd_cd, 0x20));         \
        _mm256_storeu_pd((panel) + 2 * (width), _mm256_permute2f128_pd(even_ab, even_cd, 0x31));   \
        _mm256_storeu_pd((panel) + 3 * (width), _mm256_permute2f128_pd(odd_ab, odd_cd, 0x31));     \
    } while (0)

#define LANES 4
#define V __m256d
#define NAME(x) x##_avx2
#define TARGET __attribute__((target("avx2,fma")))
#define LOAD _mm256_load_pd
#define STORE _mm256_store_pd
#define SPLAT _mm256_set1_pd
#define ADD _mm256_add_pd
#define FUSE _mm256_fmadd_pd
#include "product_kernels.inc"
#undef LANES
#undef V
#undef NAME
#undef TARGET
#undef LOAD
#undef STORE
#undef SPLAT
#undef ADD
#undef FUSE

#define LANES 8
#define V __m512d
#define NAME(x) x##_avx512
#define TARGET __attribute__((target("avx512f,avx2,fma")))
#define LOAD _mm512_load_pd
#define STORE _mm512_store_pd
#define SPLAT _mm512_set1_pd
#define ADD _mm512_add_pd
#define FUSE _mm512_fmadd_pd
#include "product_kernels.inc"

#endif

/* 0 none of them, 1 AVX2, 2 AVX-512. */
static int highest_level = 2;

int get_product_level(void)
{
#if X86
    if (highest_level >= 2 && __builtin_cpu_supports("avx512f"))
        return 2;
    if (highest_level >= 1 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return 1;
#endif
    return 0;
}

const product_kernels *get_product_kernels(void)
{
#if X86
    int level = get_product_level();
    if (level > 0)
        return level == 2 ? &kernels_avx512 : &kernels_avx2;
#endif
    return NULL;
}

/* Limits the instruction set of products, for tests. Returns REFUSED if none is left. */
EXPORT int walrusd_limit_products(int level)
{
    highest_level = level;
    return get_product_kernels() == NULL;
}

#define SLOTS 16
static __thread struct {
    void *memory;
    int64_t bytes;
} scratch[SLOTS];

void *get_scratch(int slot, int64_t bytes)
{
    if (scratch[slot].bytes < bytes) {
        free(scratch[slot].memory);
        scratch[slot].memory = aligned_alloc(64, (size_t)(bytes + 63) / 64 * 64);
        scratch[slot].bytes = scratch[slot].memory ? bytes : 0;
    }
    return scratch[slot].memory;
}

/* ---- Matrix products ----------------------------------------------------------------------- */

enum { SLOT_LEFT, SLOT_RIGHT, SLOT_SUM };

/* A left block of so many values, which the third-level cache holds, and depth steps of so many
   terms: two right panels of a step fit the second-level cache, and left panels stream past them. */
#define BLOCK_VALUES (1 << 19)
#define LEAST_ROWS 96
#define STEP_DEPTH 1024
#define STEP_PANELS 2

typedef struct {
    const float *left, *right;
    int64_t left_row, left_depth, right_column, right_depth;
    float *result;
    int64_t rows, columns, depth;
    int by_columns;
    int failed;
} product;

INLINE int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

CLONES static void round_tile(float *result, int64_t stride, const double *tile,
                              int64_t tile_stride, int64_t rows, int64_t columns)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            result[i * stride + j] = (float)tile[i * tile_stride + j];
}

/* Multiplies rows [top, bottom) with columns [first, last) of the result, on this thread. */
static void multiply_block(product *all, int64_t top, int64_t bottom, int64_t first, int64_t last)
{
    const product_kernels *k = get_product_kernels();
    int64_t depth = all->depth, panels = (bottom - top + k->rows - 1) / k->rows;
    int64_t width = (int64_t)STEP_PANELS * k->columns;
    double *left = get_scratch(SLOT_LEFT, panels * k->rows * depth * 8);
    double *right = get_scratch(SLOT_RIGHT, width * smaller(depth, STEP_DEPTH) * 8);
    double *sum = get_scratch(SLOT_SUM, panels * k->rows * width * 8);
    if (!left || !right || !sum) {
        all->failed = 1;
        return;
    }
    for (int64_t i = 0; i < panels; i++) {
        int64_t row = top + i * k->rows;
        for (int64_t p = 0; p < depth; p += STEP_DEPTH)
            k->pack_left(left + panels * k->rows * p + i * k->rows * smaller(depth - p, STEP_DEPTH),
                         all->left + row * all->left_row + p * all->left_depth, all->left_row,
                         all->left_depth, (int)smaller(bottom - row, k->rows),
                         smaller(depth - p, STEP_DEPTH));
    }
    for (int64_t column = first; column < last; column += width) {
        int64_t wide = smaller(last - column, width);
        for (int64_t p = 0; p < depth; p += STEP_DEPTH) {
            int64_t terms = smaller(depth - p, STEP_DEPTH);
            for (int64_t j = 0; j < wide; j += k->columns)
                k->pack_right(right + j * terms,
                              all->right + (column + j) * all->right_column + p * all->right_depth,
                              all->right_column, all->right_depth,
                              (int)smaller(wide - j, k->columns), terms);
            for (int64_t i = 0; i < panels; i++)
                for (int64_t j = 0; j < wide; j += k->columns)
                    k->multiply(terms, left + panels * k->rows * p + i * k->rows * terms,
                                right + j * terms, sum + i * k->rows * width + j, width, p > 0);
        }
        round_tile(all->result + top * all->columns + column, all->columns, sum, width,
                   bottom - top, wide);
    }
}

static void multiply_range(void *context, int64_t begin, int64_t end)
{
    product *all = context;
    int64_t top = all->by_columns ? 0 : begin, bottom = all->by_columns ? all->rows : end;
    int64_t first = all->by_columns ? begin : 0, last = all->by_columns ? end : all->columns;
    int64_t step = BLOCK_VALUES / all->depth / LEAST_ROWS * LEAST_ROWS;
    if (step < LEAST_ROWS)
        step = LEAST_ROWS;
    for (int64_t row = top; row < bottom; row += step)
        multiply_block(all, row, smaller(row + step, bottom), first, last);
}

/* result[i][j] = RN32(Σ_p left(i, p) · right(p, j)), row-major. Element (i, p) of the left operand
   is left[i * left_row + p * left_depth]; (p, j) of the right one right[j * right_column +
   p * right_depth]. The depth is at most EXACT_DEPTH. Returns REFUSED if this processor has no kernel
   for it, or memory ran out. */
EXPORT int walrusd_product(const float *left, int64_t left_row, int64_t left_depth,
                           const float *right, int64_t right_column, int64_t right_depth,
                           float *result, int64_t rows, int64_t columns, int64_t depth)
{
    product all = {.left = left,
                   .right = right,
                   .left_row = left_row,
                   .left_depth = left_depth,
                   .right_column = right_column,
                   .right_depth = right_depth,
                   .result = result,
                   .rows = rows,
                   .columns = columns,
                   .depth = depth,
                   .by_columns = columns > rows};
    const product_kernels *k = get_product_kernels();
    if (k == NULL)
        return REFUSED;
    int64_t split = all.by_columns ? columns : rows;
    int64_t grain = 1 + GRAIN * 8 / (1 + rows * columns / split * depth);
    parallel_for(multiply_range, &all, split, grain, all.by_columns ? k->columns : k->rows);
    return all.failed ? REFUSED : DONE;
}
