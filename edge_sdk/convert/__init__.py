"""Models of every framework become ONNX, and each proves that it still computes the same, over several engines."""
