/* Made by zoo from the model "m_qdq.onnx"; changes are lost with the next deployment. */
#ifndef SSD_ANCHORS_H
#define SSD_ANCHORS_H

#include "arm_math.h"

/* 3 anchors of 4 values each */
static const float32_t g_Anchors[3 * 4] = {
    0.5f, 0.5f, 0.1f, 0.1f, 0.5f, 0.5f,
    0.1f, 0.1f, 0.5f, 0.5f, 0.1f, 0.1f
};

#endif /* SSD_ANCHORS_H */
