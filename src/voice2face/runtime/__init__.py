"""The runtime half: a bundle and a recording in, faces out. NumPy and ONNX Runtime only."""
