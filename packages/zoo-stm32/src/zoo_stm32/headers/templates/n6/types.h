
/* Post-processing */
#define POSTPROCESS_TYPE        $postprocess_type

