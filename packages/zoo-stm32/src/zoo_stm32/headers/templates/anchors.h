/* Made by zoo from the model "$model"; changes are lost with the next deployment. */
#ifndef $guard
#define $guard

#include "arm_math.h"

/* $rows anchors of $columns values each */
static const float32_t $name[$rows * $columns] = {
$values
};

#endif /* $guard */
