/* Made by zoo from the model "m_qdq.onnx"; changes are lost with the next deployment. */
#ifndef FD_BLAZEFACE_ANCHORS_1_H
#define FD_BLAZEFACE_ANCHORS_1_H

#include "arm_math.h"

/* 3 anchors of 2 values each */
static const float32_t g_Anchors_1[3 * 2] = {
    0.0625f, 0.0625f, 0.0625f, 0.0625f, 0.0625f, 0.0625f
};

#endif /* FD_BLAZEFACE_ANCHORS_1_H */
