/* Made by zoo from the model "m_qdq.onnx"; changes are lost with the next deployment. */
#ifndef AI_MODEL_CONFIG_H
#define AI_MODEL_CONFIG_H

/* Input and output of the network */
#define NB_CLASSES          (4)
#define INPUT_HEIGHT        (192)
#define INPUT_WIDTH         (256)
#define INPUT_CHANNELS      (3)

/* Names of the classes */
#define CLASSES_TABLE const char* classes_table[NB_CLASSES] = { \
    "background", \
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

/* Post-processing */
#define POSTPROCESS_CENTER_NET  (1)
#define POSTPROCESS_YOLO_V2     (2)
#define POSTPROCESS_ST_SSD      (3)
#define POSTPROCESS_SSD         (4)
#define POSTPROCESS_ST_YOLO_X   (5)
#define POSTPROCESS_TYPE        POSTPROCESS_ST_SSD

#define AI_OBJDETECT_SSD_ST_PP_NB_CLASSES         (4)
#define AI_OBJDETECT_SSD_ST_PP_IOU_THRESHOLD      (0.5f)
#define AI_OBJDETECT_SSD_ST_PP_CONF_THRESHOLD     (0.6f)
#define AI_OBJDETECT_SSD_ST_PP_MAX_BOXES_LIMIT    (10)
#define AI_OBJDETECT_SSD_ST_PP_TOTAL_DETECTIONS   (3830)

#endif /* AI_MODEL_CONFIG_H */
