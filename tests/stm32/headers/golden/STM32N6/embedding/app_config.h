/* Made by zoo from the model "m_qdq.onnx"; changes are lost with the next deployment. */
#ifndef APP_CONFIG
#define APP_CONFIG

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
#define NB_CLASSES              (1)
#define CLASSES_TABLE const char* classes_table[NB_CLASSES] = { \
    "object" \
}

/* Re-identification and tracking */
#define NN_REID_WIDTH                       (256)
#define NN_REID_HEIGHT                      (192)
#define NN_REID_NB_FEATURES                 (256)
#define APP_MAX_OBJECT_DETECT               (10)
#define APP_MAX_OBJECT_TRACKING             (20)
#define APP_SCORE_THRESHOLD                 (0.5f)
#define APP_LOST_TIME_IN_MS                 (5000)
#define APP_START_TRACKING_CONF_THRESHOLD   (0.7f)

#define WELCOME_MSG_1           "m_qdq.onnx"
#define WELCOME_MSG_2           "Model Running in STM32 MCU internal memory"

#endif /* APP_CONFIG */
