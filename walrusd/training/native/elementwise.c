/* Activations (SPEC.md, rule 6). Backward passes compute the sigmoid again: that is cheaper than
   to keep it. */

#include "arithmetic.h"

#define GELU_A 0x1.988454p+0f
#define GELU_B 0x1.2444f2p-4f
#define GELU_3B 0x1.b6676cp-3f

typedef struct {
    const float *x, *up, *dy;
    float *out, *dup;
} elements;

INLINE float compute_gelu_gate(float x, float square)
{
    return compute_sigmoid((square * GELU_B + GELU_A) * x);
}

CLONES static void gelu_range(void *context, int64_t begin, int64_t end)
{
    const elements *all = context;
    const float *x = all->x;
    float *out = all->out;
    for (int64_t i = begin; i < end; i++)
        out[i] = x[i] * compute_gelu_gate(x[i], x[i] * x[i]);
}

EXPORT int walrusd_gelu(const float *x, float *out, int64_t n)
{
    elements all = {.x = x, .out = out};
    parallel_for(gelu_range, &all, n, GRAIN, 16);
    return DONE;
}

CLONES static void gelu_backward_range(void *context, int64_t begin, int64_t end)
{
    const elements *all = context;
    const float *x = all->x, *dy = all->dy;
    float *out = all->out;
    for (int64_t i = begin; i < end; i++) {
        float square = x[i] * x[i], gate = compute_gelu_gate(x[i], square);
        float slope = ((square * GELU_3B + GELU_A) * x[i]) * (1.0f - gate);
        out[i] = ((slope + 1.0f) * gate) * dy[i];
    }
}

EXPORT int walrusd_gelu_backward(const float *x, const float *dy, float *out, int64_t n)
{
    elements all = {.x = x, .dy = dy, .out = out};
    parallel_for(gelu_backward_range, &all, n, GRAIN, 16);
    return DONE;
}
