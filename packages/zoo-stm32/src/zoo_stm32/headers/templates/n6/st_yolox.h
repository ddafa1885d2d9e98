#define AI_OD_ST_YOLOX_PP_NB_CLASSES ($nb_classes)
#define AI_OD_ST_YOLOX_PP_L_GRID_WIDTH ($l_grid_width)
#define AI_OD_ST_YOLOX_PP_L_GRID_HEIGHT ($l_grid_height)
#define AI_OD_ST_YOLOX_PP_L_NB_INPUT_BOXES (AI_OD_ST_YOLOX_PP_L_GRID_WIDTH * AI_OD_ST_YOLOX_PP_L_GRID_HEIGHT)
#define AI_OD_ST_YOLOX_PP_M_GRID_WIDTH ($m_grid_width)
#define AI_OD_ST_YOLOX_PP_M_GRID_HEIGHT ($m_grid_height)
#define AI_OD_ST_YOLOX_PP_M_NB_INPUT_BOXES (AI_OD_ST_YOLOX_PP_M_GRID_WIDTH * AI_OD_ST_YOLOX_PP_M_GRID_HEIGHT)
#define AI_OD_ST_YOLOX_PP_S_GRID_WIDTH ($s_grid_width)
#define AI_OD_ST_YOLOX_PP_S_GRID_HEIGHT ($s_grid_height)
#define AI_OD_ST_YOLOX_PP_S_NB_INPUT_BOXES (AI_OD_ST_YOLOX_PP_S_GRID_WIDTH * AI_OD_ST_YOLOX_PP_S_GRID_HEIGHT)
#define AI_OD_ST_YOLOX_PP_NB_ANCHORS ($nb_anchors)
static const float32_t AI_OD_ST_YOLOX_PP_L_ANCHORS[2 * AI_OD_ST_YOLOX_PP_NB_ANCHORS] = { $l_anchors };
static const float32_t AI_OD_ST_YOLOX_PP_M_ANCHORS[2 * AI_OD_ST_YOLOX_PP_NB_ANCHORS] = { $m_anchors };
static const float32_t AI_OD_ST_YOLOX_PP_S_ANCHORS[2 * AI_OD_ST_YOLOX_PP_NB_ANCHORS] = { $s_anchors };
#define AI_OD_ST_YOLOX_PP_IOU_THRESHOLD ($iou_threshold)
#define AI_OD_ST_YOLOX_PP_CONF_THRESHOLD ($confidence_threshold)
#define AI_OD_ST_YOLOX_PP_MAX_BOXES_LIMIT ($max_boxes)
