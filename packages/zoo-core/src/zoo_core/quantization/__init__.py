"""Turn float ONNX models into quantized ones after training."""
