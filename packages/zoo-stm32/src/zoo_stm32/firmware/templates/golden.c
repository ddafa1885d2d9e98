/* Golden input and output of the network, and the test against them. */
#include "golden.h"

@ARRAYS@

const void *const zoo_golden_inputs[ZOO_INPUT_COUNT] = {@INPUTS@};
const void *const zoo_golden_outputs[ZOO_OUTPUT_COUNT] = {@OUTPUTS@};

@BUFFERS@

static int differs(double a, double b)
{
    const double difference = a > b ? a - b : b - a;
    const int both_nan = a != a && b != b;
    return a != b && !both_nan && !(difference <= ZOO_GOLDEN_TOLERANCE);
}

int32_t zoo_golden_run(void)
{
    void *const outputs[ZOO_OUTPUT_COUNT] = {@BUFFER_NAMES@};
    int32_t differences = 0;
    size_t i;
    if (zoo_model_init() != ZOO_OK || zoo_model_run(zoo_golden_inputs, outputs) != ZOO_OK) {
        return -1;
    }
@COMPARISONS@
    return differences;
}
