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
#define NB_CLASSES              (3)
#define CLASSES_TABLE const char* classes_table[NB_CLASSES] = { \
    "daisy", \
    "say \"hi\"", \
    "p\303\250re\\?\?/" \
}

#define WELCOME_MSG_1           "m_qdq.onnx"
#define WELCOME_MSG_2           "Model Running in STM32 MCU internal memory"

#endif /* APP_CONFIG */
