/* Made by zoo from the model "m_qdq.onnx"; changes are lost with the next deployment. */
#ifndef AI_MODEL_CONFIG_H
#define AI_MODEL_CONFIG_H

/* Input and output of the network */
#define NB_CLASSES          (3)
#define INPUT_HEIGHT        (192)
#define INPUT_WIDTH         (256)
#define INPUT_CHANNELS      (3)

/* Names of the classes */
#define CLASSES_TABLE const char* classes_table[NB_CLASSES] = { \
    "daisy", \
    "say \"hi\"", \
    "p\303\250re\\?\?/" \
}

/* How a camera image becomes the input */
#define ASPECT_RATIO_FIT        (1)
#define ASPECT_RATIO_CROP       (2)
#define ASPECT_RATIO_PADDING    (3)
#define ASPECT_RATIO_MODE       ASPECT_RATIO_CROP

#define RGB_FORMAT              (1)
#define BGR_FORMAT              (2)
#define GRAYSCALE_FORMAT        (3)
#define PP_COLOR_MODE           RGB_FORMAT

/* Number formats of input and output */
#define UINT8_FORMAT            (1)
#define INT8_FORMAT             (2)
#define FLOAT32_FORMAT          (3)
#define QUANT_INPUT_TYPE        UINT8_FORMAT
#define QUANT_OUTPUT_TYPE       FLOAT32_FORMAT

/* Camera and display */
#define CAMERA_INTERFACE_DCMI   (1)
#define CAMERA_INTERFACE_USB    (2)
#define CAMERA_INTERFACE_SPI    (3)
#define CAMERA_INTERFACE        CAMERA_INTERFACE_DCMI
#define CAMERA_SENSOR_OV5640    (1)
#define CAMERA_SENSOR           CAMERA_SENSOR_OV5640
#define DISPLAY_INTERFACE_USB   (1)
#define DISPLAY_INTERFACE_SPI   (2)
#define DISPLAY_INTERFACE       DISPLAY_INTERFACE_USB

#endif /* AI_MODEL_CONFIG_H */
