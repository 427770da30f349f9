/* Optimizer steps, in place (SPEC.md, chapter 8). */

#include "arithmetic.h"

typedef struct {
    float *weights, *first, *second;
    const float *gradient;
    float lr, beta1, beta2, epsilon, decay;
} step;

CLONES static void sgd_range(void *context, int64_t begin, int64_t end)
{
    const step *all = context;
    float *weights = all->weights, *momenta = all->first, beta = all->beta1, lr = all->lr;
    const float *gradient = all->gradient;
    for (int64_t i = begin; i < end; i++) {
        float momentum = momenta[i] * beta + gradient[i];
        momenta[i] = momentum;
        weights[i] = weights[i] - momentum * lr;
    }
}

/* m = m·μ + g; p = p − m·lr. */
EXPORT int walrusd_sgd(float *weights, float *momenta, const float *gradient, int64_t n, float lr,
                       float momentum)
{
    step all = {.weights = weights,
                .first = momenta,
                .gradient = gradient,
                .lr = lr,
                .beta1 = momentum};
    parallel_for(sgd_range, &all, n, GRAIN, 16);
    return DONE;
}

CLONES static void adamw_range(void *context, int64_t begin, int64_t end)
{
    const step *all = context;
    float *weights = all->weights, *first = all->first, *second = all->second;
    const float *gradient = all->gradient;
    for (int64_t i = begin; i < end; i++) {
        float g = gradient[i];
        float m = first[i] * all->beta1 + g, v = second[i] * all->beta2 + g * g;
        float root = compute_reciprocal_sqrt(v + all->epsilon);
        first[i] = m;
        second[i] = v;
        weights[i] = weights[i] * all->decay - (root * m) * all->lr;
    }
}

/* m = m·β1 + g; v = v·β2 + g²; p = p·decay − ((1/√(v + ε))·m)·lr, with the constants of the step. */
EXPORT int walrusd_adamw(float *weights, float *first, float *second, const float *gradient,
                         int64_t n, float beta1, float beta2, float epsilon, float lr, float decay)
{
    step all = {weights, first, second, gradient, lr, beta1, beta2, epsilon, decay};
    parallel_for(adamw_range, &all, n, GRAIN, 16);
    return DONE;
}
