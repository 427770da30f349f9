#include "lines.h"

#include "arithmetic.h"
#include "product.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define X86 1
#else
#define X86 0
#endif

#define ROUND 12582912.0f /* 1.5 · 2^23: adding it rounds to an integer, the low bits of the sum */

#if X86

INLINE int32_t round_term(float x, float inverse)
{
    return (int16_t)(uint16_t)get_bits(x * inverse + ROUND);
}

INLINE int32_t make_pair(int32_t even, int32_t odd)
{
    return (int32_t)(((uint32_t)even & 0xffffu) | ((uint32_t)odd << 16));
}

#define ROWS 6
#define VECTORS 2
#define LANES 8
#define V __m256i
#define NAME(x) line_##x##_avx2
#define TARGET __attribute__((target("avx2,fma")))
#define LOAD(place) _mm256_load_si256((const __m256i *)(place))
#define STORE(place, x) _mm256_store_si256((__m256i *)(place), x)
#define SPLAT _mm256_set1_epi32
#define ADD _mm256_add_epi32
#define MULTIPLY_ADD(sum, a, b) _mm256_add_epi32(sum, _mm256_madd_epi16(a, b))
#include "lines_kernels.inc"

#define ROWS 8
#define VECTORS 3
#define LANES 16
#define V __m512i
#define NAME(x) line_##x##_avx512
#define TARGET __attribute__((target("avx512f,avx512bw,avx2,fma")))
#define LOAD(place) _mm512_load_si512(place)
#define STORE(place, x) _mm512_store_si512(place, x)
#define SPLAT _mm512_set1_epi32
#define ADD _mm512_add_epi32
#define MULTIPLY_ADD(sum, a, b) _mm512_add_epi32(sum, _mm512_madd_epi16(a, b))
#include "lines_kernels.inc"

#define ROWS 8
#define VECTORS 3
#define LANES 16
#define V __m512i
#define NAME(x) line_##x##_vnni
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vnni,avx2,fma")))
#define LOAD(place) _mm512_load_si512(place)
#define STORE(place, x) _mm512_store_si512(place, x)
#define SPLAT _mm512_set1_epi32
#define ADD _mm512_add_epi32
#define MULTIPLY_ADD _mm512_dpwssd_epi32
#include "lines_kernels.inc"

#endif

const line_kernels *get_line_kernels(void)
{
#if X86
    int level = get_product_level();
    if (level >= 2 && __builtin_cpu_supports("avx512bw"))
        return __builtin_cpu_supports("avx512vnni") ? &line_kernels_vnni : &line_kernels_avx512;
    if (level >= 1)
        return &line_kernels_avx2;
#endif
    return NULL;
}

/* ---- Units --------------------------------------------------------------------------------- */

float make_unit(uint32_t largest)
{
    int exponent = (int)(largest >> 23) - 126 - LINE_BITS;
    return make_float((uint32_t)((exponent < SMALLEST_UNIT ? SMALLEST_UNIT : exponent) + 127) << 23);
}

void invert_units(const float *units, int64_t count, float *inverse)
{
    for (int64_t i = 0; i < count; i++)
        inverse[i] = make_float((254u << 23) - get_bits(units[i]));
}

typedef struct {
    const float *x;
    uint32_t *by_row, *by_column;
    int64_t rows, columns;
    uint32_t largest;
    int failed;
} line_units;

CLONES static uint32_t raise_row(const float *x, int64_t columns, uint32_t *by_column)
{
    uint32_t largest = 0;
    for (int64_t j = 0; j < columns; j++) {
        uint32_t bits = magnitude(x[j]);
        largest = bits > largest ? bits : largest;
        by_column[j] = bits > by_column[j] ? bits : by_column[j];
    }
    return largest;
}

/* Rows of the whole stack; each thread gathers its own maxima of columns. */
static void units_range(void *context, int64_t begin, int64_t end)
{
    line_units *all = context;
    int64_t columns = all->columns;
    uint32_t *own = get_scratch(0, columns * 4), largest = 0;
    if (!own) {
        all->failed = 1;
        return;
    }
    memset(own, 0, (size_t)columns * 4);
    for (int64_t row = begin; row < end; row++) {
        all->by_row[row] = raise_row(all->x + row * columns, columns, own);
        largest = all->by_row[row] > largest ? all->by_row[row] : largest;
        if (row + 1 == end || (row + 1) % all->rows == 0) {
            uint32_t *shared = all->by_column + row / all->rows * columns;
            for (int64_t j = 0; j < columns; j++)
                raise_to(shared + j, own[j]);
            memset(own, 0, (size_t)columns * 4);
        }
    }
    raise_to(&all->largest, largest);
}

/* The units of the rows and of the columns of `count` matrices, (count, rows) and (count, columns).
   REFUSED if a value is NaN or infinite. */
EXPORT int walrusd_find_units(const float *x, int64_t count, int64_t rows, int64_t columns,
                              float *row_units, float *column_units)
{
    line_units all = {.x = x, .rows = rows, .columns = columns};
    all.by_row = (uint32_t *)row_units;
    all.by_column = (uint32_t *)column_units;
    memset(column_units, 0, (size_t)(count * columns) * sizeof(float));
    parallel_for(units_range, &all, count * rows, 1 + GRAIN / columns, 1);
    if (all.failed || all.largest > LARGEST_FINITE)
        return REFUSED;
    for (int64_t i = 0; i < count * rows; i++)
        row_units[i] = make_unit(get_bits(row_units[i]));
    for (int64_t j = 0; j < count * columns; j++)
        column_units[j] = make_unit(get_bits(column_units[j]));
    return DONE;
}

/* ---- Matrix products ----------------------------------------------------------------------- */

enum { SLOT_LEFT, SLOT_RIGHT, SLOT_SUM, SLOT_TOTAL, SLOT_INVERSE };

/* A left block of so many values, which the second- or third-level cache holds. A step of a right
   panel and of a left one fit the first-level cache. */
#define BLOCK_VALUES (1 << 19)
#define LEAST_ROWS 96
#define STEP_TERMS 512
#define STEP_PANELS 2

typedef struct {
    const float *left, *left_units, *right, *right_units;
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

CLONES static void add_sums(double *total, const int32_t *sum, int64_t count, int first)
{
    for (int64_t i = 0; i < count; i++)
        total[i] = first ? (double)sum[i] : total[i] + (double)sum[i];
}

CLONES static void scale_sums(float *result, const int32_t *sum, int64_t columns, float row_unit,
                              const float *column_units)
{
    for (int64_t j = 0; j < columns; j++)
        result[j] = (float)sum[j] * row_unit * column_units[j];
}

CLONES static void scale_totals(float *result, const double *total, int64_t columns,
                                float row_unit, const float *column_units)
{
    for (int64_t j = 0; j < columns; j++)
        result[j] = (float)total[j] * row_unit * column_units[j];
}

/* Multiplies rows [top, bottom) with columns [first, last) of the result, on this thread. */
static void multiply_block(product *all, int64_t top, int64_t bottom, int64_t first, int64_t last)
{
    const line_kernels *k = get_line_kernels();
    int64_t depth = all->depth, panels = (bottom - top + k->rows - 1) / k->rows;
    int64_t width = (int64_t)STEP_PANELS * k->columns, count = panels * k->rows * width;
    int64_t pairs = (depth + 1) / 2, step = STEP_TERMS / 2, block = panels * k->rows;
    int32_t *left = get_scratch(SLOT_LEFT, (block * pairs + PANEL_SLACK) * 4);
    int32_t *right = get_scratch(SLOT_RIGHT, width * smaller(pairs, step) * 4);
    int32_t *sum = get_scratch(SLOT_SUM, count * 4);
    double *total = depth > EXACT_TERMS ? get_scratch(SLOT_TOTAL, count * 8) : NULL;
    float *inverse = get_scratch(SLOT_INVERSE, (bottom - top + last - first) * 4);
    if (!left || !right || !sum || !inverse || (depth > EXACT_TERMS && !total)) {
        all->failed = 1;
        return;
    }
    float *inverse_right = inverse + (bottom - top);
    invert_units(all->left_units + top, bottom - top, inverse);
    invert_units(all->right_units + first, last - first, inverse_right);
    for (int64_t p = 0; p < pairs; p += step)
        for (int64_t i = 0; i < panels; i++) {
            int64_t row = i * k->rows;
            k->pack_left(left + block * p + row * smaller(pairs - p, step),
                         all->left + (top + row) * all->left_row + 2 * p * all->left_depth,
                         all->left_row, all->left_depth, inverse + row,
                         (int)smaller(bottom - top - row, k->rows),
                         smaller(depth - 2 * p, STEP_TERMS));
        }
    for (int64_t column = first; column < last; column += width) {
        int64_t wide = smaller(last - column, width);
        for (int64_t p = 0; p < pairs; p += step) {
            int64_t terms = smaller(pairs - p, step);
            for (int64_t j = 0; j < wide; j += k->columns)
                k->pack_right(right + j * terms,
                              all->right + (column + j) * all->right_column +
                                  2 * p * all->right_depth,
                              all->right_column, all->right_depth,
                              inverse_right + column - first + j,
                              (int)smaller(wide - j, k->columns), smaller(depth - 2 * p, STEP_TERMS));
            for (int64_t i = 0; i < panels; i++)
                for (int64_t j = 0; j < wide; j += k->columns)
                    k->multiply(terms, left + block * p + i * k->rows * terms, right + j * terms,
                                sum + i * k->rows * width + j, width,
                                p % (EXACT_TERMS / 2) > 0);
            if (total && ((p + step) % (EXACT_TERMS / 2) == 0 || p + step >= pairs))
                add_sums(total, sum, count, p < EXACT_TERMS / 2);
        }
        for (int64_t i = top; i < bottom; i++) {
            float *result = all->result + i * all->columns + column;
            int64_t place = (i - top) * width;
            if (total)
                scale_totals(result, total + place, wide, all->left_units[i],
                             all->right_units + column);
            else
                scale_sums(result, sum + place, wide, all->left_units[i],
                           all->right_units + column);
        }
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

/* result[i][j] = (RN32(Σ_p n(i, p) · m(p, j)) · left_units[i]) · right_units[j], where n and m are the
   operands divided by their units and rounded. Strides as in walrusd_product, one of each operand's
   is 1. The depth is below 2^37. Returns REFUSED if this processor has no kernel for it, or memory
   ran out. */
EXPORT int walrusd_line_product(const float *left, int64_t left_row, int64_t left_depth,
                                const float *left_units, const float *right, int64_t right_column,
                                int64_t right_depth, const float *right_units, float *result,
                                int64_t rows, int64_t columns, int64_t depth)
{
    product all = {.left = left,
                   .left_units = left_units,
                   .right = right,
                   .right_units = right_units,
                   .left_row = left_row,
                   .left_depth = left_depth,
                   .right_column = right_column,
                   .right_depth = right_depth,
                   .result = result,
                   .rows = rows,
                   .columns = columns,
                   .depth = depth,
                   .by_columns = columns > rows};
    const line_kernels *k = get_line_kernels();
    if (k == NULL)
        return REFUSED;
    int64_t split = all.by_columns ? columns : rows;
    int64_t grain = 1 + GRAIN * 8 / (1 + rows * columns / split * depth);
    parallel_for(multiply_range, &all, split, grain, all.by_columns ? k->columns : k->rows);
    return all.failed ? REFUSED : DONE;
}
