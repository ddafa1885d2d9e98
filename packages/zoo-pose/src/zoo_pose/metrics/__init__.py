"""Own the measures of poses: object keypoint similarity, COCO's precision, shares of right keypoints."""
