
/* Camera and display */
#define CAMERA_INTERFACE_DCMI   (1)
#define CAMERA_INTERFACE_USB    (2)
#define CAMERA_INTERFACE_SPI    (3)
#define CAMERA_INTERFACE        $camera
#define CAMERA_SENSOR_OV5640    (1)
#define CAMERA_SENSOR           CAMERA_SENSOR_OV5640
#define DISPLAY_INTERFACE_USB   (1)
#define DISPLAY_INTERFACE_SPI   (2)
#define DISPLAY_INTERFACE       $display
