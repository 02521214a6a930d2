"""The speaker stage: the voice encoder learns, and is then frozen."""
