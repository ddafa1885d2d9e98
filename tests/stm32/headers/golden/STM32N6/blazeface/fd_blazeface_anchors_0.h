/* Made by zoo from the model "m_qdq.onnx"; changes are lost with the next deployment. */
#ifndef FD_BLAZEFACE_ANCHORS_0_H
#define FD_BLAZEFACE_ANCHORS_0_H

#include "arm_math.h"

/* 4 anchors of 2 values each */
static const float32_t g_Anchors_0[4 * 2] = {
    0.03125f, 0.03125f, 0.03125f, 0.03125f, 0.03125f, 0.03125f,
    0.03125f, 0.03125f
};

#endif /* FD_BLAZEFACE_ANCHORS_0_H */
