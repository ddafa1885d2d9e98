/* Made by zoo from the model "m_qdq.onnx"; changes are lost with the next deployment. */
#ifndef APP_CONFIG
#define APP_CONFIG

#include "arm_math.h"

#define USE_DCACHE
#define CAMERA_FLIP             CMW_MIRRORFLIP_NONE

/* How a camera image becomes the input */
#define ASPECT_RATIO_CROP       (1)
#define ASPECT_RATIO_FIT        (2)
#define ASPECT_RATIO_FULLSCREEN (3)
#define ASPECT_RATIO_MODE       ASPECT_RATIO_CROP

#define COLOR_BGR               (0)
#define COLOR_RGB               (1)
#define COLOR_MODE              COLOR_RGB

/* Names of the classes */
#define NB_CLASSES              (3)
#define CLASSES_TABLE const char* classes_table[NB_CLASSES] = { \
    "daisy", \
    "say \"hi\"", \
    "p\303\250re\\?\?/" \
}

/* Post-processing */
#define POSTPROCESS_TYPE        POSTPROCESS_OD_YOLO_V2_UI

#define AI_OD_YOLOV2_PP_NB_CLASSES          (3)
#define AI_OD_YOLOV2_PP_NB_ANCHORS          (2)
#define AI_OD_YOLOV2_PP_GRID_WIDTH          (7)
#define AI_OD_YOLOV2_PP_GRID_HEIGHT         (6)
#define AI_OD_YOLOV2_PP_NB_INPUT_BOXES      (AI_OD_YOLOV2_PP_GRID_WIDTH * AI_OD_YOLOV2_PP_GRID_HEIGHT)
static const float32_t AI_OD_YOLOV2_PP_ANCHORS[2 * AI_OD_YOLOV2_PP_NB_ANCHORS] = { 0.573f, 0.677f, 1.87f, 2.06f };
#define AI_OD_YOLOV2_PP_CONF_THRESHOLD      (0.6f)
#define AI_OD_YOLOV2_PP_IOU_THRESHOLD       (0.5f)
#define AI_OD_YOLOV2_PP_MAX_BOXES_LIMIT     (10)

#define WELCOME_MSG_1           "m_qdq.onnx"
#define WELCOME_MSG_2           "Model Running in STM32 MCU internal memory"

#endif /* APP_CONFIG */
