"""Sound: any file to a 16 kHz waveform, its voiced part, and its log-mel spectrogram."""
