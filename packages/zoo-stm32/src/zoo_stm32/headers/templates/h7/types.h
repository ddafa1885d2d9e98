
/* Post-processing */
#define POSTPROCESS_CENTER_NET  (1)
#define POSTPROCESS_YOLO_V2     (2)
#define POSTPROCESS_ST_SSD      (3)
#define POSTPROCESS_SSD         (4)
#define POSTPROCESS_ST_YOLO_X   (5)
#define POSTPROCESS_TYPE        $postprocess_type

