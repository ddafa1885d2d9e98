/* Made by zoo from the model "$model"; changes are lost with the next deployment. */
#ifndef APP_CONFIG
#define APP_CONFIG
$includes
#define USE_DCACHE
#define CAMERA_FLIP             CMW_MIRRORFLIP_NONE

/* How a camera image becomes the input */
#define ASPECT_RATIO_CROP       (1)
#define ASPECT_RATIO_FIT        (2)
#define ASPECT_RATIO_FULLSCREEN (3)
#define ASPECT_RATIO_MODE       $aspect_ratio

#define COLOR_BGR               (0)
#define COLOR_RGB               (1)
#define COLOR_MODE              $color_mode

/* Names of the classes */
#define NB_CLASSES              ($nb_classes)
#define CLASSES_TABLE const char* classes_table[NB_CLASSES] = { \
$classes \
}
$block
#define WELCOME_MSG_1           $welcome_1
#define WELCOME_MSG_2           $welcome_2

#endif /* APP_CONFIG */
