#define AI_SPE_MOVENET_POSTPROC_HEATMAP_WIDTH   ($heatmap_width)
#define AI_SPE_MOVENET_POSTPROC_HEATMAP_HEIGHT  ($heatmap_height)
#define AI_SPE_MOVENET_POSTPROC_NB_KEYPOINTS    (AI_POSE_PP_POSE_KEYPOINTS_NB)
#define AI_POSE_PP_CONF_THRESHOLD               ($confidence_threshold)
#define AI_POSE_PP_POSE_KEYPOINTS_NB            ($keypoints)
$bindings
