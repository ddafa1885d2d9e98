"""Own the data sets: reading COCO, Pascal VOC and YOLO Darknet, judging them, writing each of them."""
