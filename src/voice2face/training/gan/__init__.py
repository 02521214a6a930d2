"""The adversarial stage: a generator learns to draw faces, by one of several objectives."""
