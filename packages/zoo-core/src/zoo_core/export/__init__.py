"""Turn torch models into ONNX files and read what such files say of themselves."""
