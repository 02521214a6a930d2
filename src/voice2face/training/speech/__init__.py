"""The speech stage: a small network learns to tell a person speaking from other sounds."""
