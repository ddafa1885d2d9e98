/* Golden input and output of the network. */
#ifndef ZOO_GOLDEN_H
#define ZOO_GOLDEN_H

#include "zoo_model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Largest difference of a stored output value from the golden one; 0 asks for equality. */
#define ZOO_GOLDEN_TOLERANCE @TOLERANCE@

extern const void *const zoo_golden_inputs[ZOO_INPUT_COUNT];
extern const void *const zoo_golden_outputs[ZOO_OUTPUT_COUNT];

/* Run the network on the golden input; return how many output elements differ, or -1 when it does not run. */
int32_t zoo_golden_run(void);

#ifdef __cplusplus
}
#endif

#endif
