#define AI_MPE_YOLOV8_PP_NB_CLASSES         ($nb_classes)
#define AI_MPE_YOLOV8_PP_TOTAL_BOXES        ($total_boxes)
#define AI_MPE_YOLOV8_PP_MAX_BOXES_LIMIT    ($max_boxes)
#define AI_MPE_YOLOV8_PP_CONF_THRESHOLD     ($confidence_threshold)
#define AI_MPE_YOLOV8_PP_IOU_THRESHOLD      ($iou_threshold)
#define AI_POSE_PP_CONF_THRESHOLD           ($confidence_threshold)
#define AI_POSE_PP_POSE_KEYPOINTS_NB        ($keypoints)
$bindings
