/* Made by zoo from the model "m_qdq.onnx"; changes are lost with the next deployment. */
#ifndef ANCHORS_H
#define ANCHORS_H

#include "arm_math.h"

/* 2 anchors of 4 values each */
static const float32_t g_Anchors[2 * 4] = {
    0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.5f,
    1.0f, 1.0f
};

#endif /* ANCHORS_H */
