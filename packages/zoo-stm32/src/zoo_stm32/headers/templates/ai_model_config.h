/* Made by zoo from the model "$model"; changes are lost with the next deployment. */
#ifndef AI_MODEL_CONFIG_H
#define AI_MODEL_CONFIG_H
$includes
/* Input and output of the network */
#define NB_CLASSES          ($nb_classes)
#define INPUT_HEIGHT        ($height)
#define INPUT_WIDTH         ($width)
#define INPUT_CHANNELS      ($channels)

/* Names of the classes */
#define CLASSES_TABLE const char* classes_table[NB_CLASSES] = { \
$classes \
}

/* How a camera image becomes the input */
#define ASPECT_RATIO_FIT        (1)
#define ASPECT_RATIO_CROP       (2)
#define ASPECT_RATIO_PADDING    (3)
#define ASPECT_RATIO_MODE       $aspect_ratio

#define RGB_FORMAT              (1)
#define BGR_FORMAT              (2)
#define GRAYSCALE_FORMAT        (3)
#define PP_COLOR_MODE           $color_mode

/* Number formats of input and output */
#define UINT8_FORMAT            (1)
#define INT8_FORMAT             (2)
#define FLOAT32_FORMAT          (3)
#define QUANT_INPUT_TYPE        $input_type
#define QUANT_OUTPUT_TYPE       $output_type
$block
#endif /* AI_MODEL_CONFIG_H */
