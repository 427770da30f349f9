/* The arithmetic of SPEC.md in C: single IEEE operations, compiled without contraction. */

#ifndef WALRUSD_ARITHMETIC_H
#define WALRUSD_ARITHMETIC_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "parallel.h"

/* What kernels return when they do not return 0. The caller then takes the torch definition,
   which raises the typed error or handles the rare case. */
enum { DONE = 0, REFUSED = 1 };

#define SMALLEST_UNIT (-63)
#define LARGEST_FINITE 0x7f7fffffu

INLINE uint32_t get_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return bits;
}

INLINE float make_float(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

/* The bits of |x| order as |x| does; those of NaN and infinity are above LARGEST_FINITE. */
INLINE uint32_t magnitude(float x)
{
    return get_bits(x) & 0x7fffffffu;
}

INLINE void raise_to(uint32_t *shared, uint32_t value)
{
    uint32_t seen = __atomic_load_n(shared, __ATOMIC_RELAXED);
    while (seen < value &&
           !__atomic_compare_exchange_n(shared, &seen, value, 1, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

/* 2^t for −126 ≤ t ≤ 126 (chapter 3). */
INLINE float compute_exp2(float t)
{
    float rounded = t + 12582912.0f, whole = rounded - 12582912.0f, rest = t - whole;
    float p = rest * 0x1.5bba14p-10f;
    p = (p + 0x1.3cea88p-7f) * rest;
    p = (p + 0x1.c6b752p-5f) * rest;
    p = (p + 0x1.ebf9bcp-3f) * rest;
    p = (p + 0x1.62e42ap-1f) * rest;
    p = p + 1.0f;
    return make_float(get_bits(p) + (get_bits(rounded) << 23));
}

INLINE float compute_exp(float x)
{
    float t = x * 0x1.715476p+0f;
    t = t < -126.0f ? -126.0f : t;
    t = t > 126.0f ? 126.0f : t;
    return compute_exp2(t);
}

INLINE float compute_sigmoid(float x)
{
    return 1.0f / (compute_exp(-x) + 1.0f);
}

/* 1/√x, two roundings (chapter 3); NaN for infinity, so that an overflow does not end as a zero. */
INLINE float compute_reciprocal_sqrt(float x)
{
    return 1.0f / sqrtf(x) + (x - x);
}

/* The logarithm of a positive, normal number. */
INLINE float compute_log(float x)
{
    int32_t exponent = (int32_t)(get_bits(x) - 0x3f3504f3u) >> 23;
    float mantissa = make_float(get_bits(x) - ((uint32_t)exponent << 23));
    float ratio = (mantissa - 1.0f) / (mantissa + 1.0f), square = ratio * ratio;
    float p = square * (float)(2.0 / 11.0);
    p = (p + (float)(2.0 / 9.0)) * square;
    p = (p + (float)(2.0 / 7.0)) * square;
    p = (p + (float)(2.0 / 5.0)) * square;
    p = (p + (float)(2.0 / 3.0)) * square;
    p = (p + 2.0f) * ratio;
    return (float)exponent * 0x1.62e430p-1f + p;
}

/* 1.5 · 2^23 · u for the unit u = 2^max(E − bits, −63) of values whose largest has these bits;
   0 if there is none that works in float32. */
INLINE float find_magic(uint32_t largest, int bits)
{
    int exponent = (int)(largest >> 23) - 126 - bits;
    if (exponent < SMALLEST_UNIT)
        exponent = SMALLEST_UNIT;
    if (largest > LARGEST_FINITE || exponent + 24 > 127)
        return 0.0f;
    return ldexpf(1.5f, 23 + exponent);
}

/* The bits of the largest magnitude of n values, with all threads. */
uint32_t find_largest(const float *x, int64_t n);

#endif
