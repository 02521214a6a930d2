"""The HTTP service: recordings in, faces out; extra `[serve]`, without PyTorch."""
