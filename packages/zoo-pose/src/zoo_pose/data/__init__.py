"""Own the data sets: reading YOLO Darknet, COCO and CSV files of keypoints, judging them, writing them."""
