
/* Re-identification and tracking */
#define NN_REID_WIDTH                       ($width)
#define NN_REID_HEIGHT                      ($height)
#define NN_REID_NB_FEATURES                 ($features)
#define APP_MAX_OBJECT_DETECT               ($max_object_detect)
#define APP_MAX_OBJECT_TRACKING             ($max_object_tracking)
#define APP_SCORE_THRESHOLD                 ($score_threshold)
#define APP_LOST_TIME_IN_MS                 ($lost_time_in_ms)
#define APP_START_TRACKING_CONF_THRESHOLD   ($start_tracking_conf_threshold)
