#define AI_OD_YOLOV2_PP_NB_CLASSES          ($nb_classes)
#define AI_OD_YOLOV2_PP_NB_ANCHORS          ($nb_anchors)
#define AI_OD_YOLOV2_PP_GRID_WIDTH          ($grid_width)
#define AI_OD_YOLOV2_PP_GRID_HEIGHT         ($grid_height)
#define AI_OD_YOLOV2_PP_NB_INPUT_BOXES      (AI_OD_YOLOV2_PP_GRID_WIDTH * AI_OD_YOLOV2_PP_GRID_HEIGHT)
static const float32_t AI_OD_YOLOV2_PP_ANCHORS[2 * AI_OD_YOLOV2_PP_NB_ANCHORS] = { $anchors };
#define AI_OD_YOLOV2_PP_CONF_THRESHOLD      ($confidence_threshold)
#define AI_OD_YOLOV2_PP_IOU_THRESHOLD       ($iou_threshold)
#define AI_OD_YOLOV2_PP_MAX_BOXES_LIMIT     ($max_boxes)
