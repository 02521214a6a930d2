"""What exact zeros in pauses do to a voice, by how far down a band is heard.

python benchmarks/digital_silence.py FOLDER [--run RUN]

Each recording of FOLDER is also gated (20 ms frames 35 dB below its loud ones become exact zeros)
and rounded to 8 bits, and embedded by the model that ships, or by the encoder of a run.
"""

from __future__ import annotations

import argparse
import dataclasses
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from record import line
from voice2face.audio.channel import gate, requantise
from voice2face.audio.decode import decode
from voice2face.audio.front_end import extract
from voice2face.audio.log_mel import repeat_to_length
from voice2face.audio.settings import preset
from voice2face.recordings import expand
from voice2face.records import Recording
from voice2face.runtime.bundle import Bundle
from voice2face.runtime.description import DEFAULT_MODEL, find_bundle
from voice2face.runtime.gender_evidence import GenderEvidence
from voice2face.training.speaker.gender_fit import EVIDENCE_FILE, embedded
from voice2face.training.speaker.trained_encoder import trained_encoder

RANGES_DB = (None, 60.0, 50.0, 40.0, 30.0)


def main() -> None:
    """Print a line of JSON for each range."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--run", type=Path, help="of train speaker")
    options = parser.parse_args()
    bundle = Bundle(find_bundle(DEFAULT_MODEL))
    gender, encoder = bundle.description.gender, None
    if options.run:
        encoder = trained_encoder(options.run).network
        gender = GenderEvidence.read(options.run / EVIDENCE_FILE)
    assert gender is not None and bundle.description.speech is not None
    waveforms = [
        decode(Path(name), name, 16000).waveform for name, _ in expand([options.folder])[0]
    ]

    def heard(waveform: NDArray[np.int16], range_db: float | None) -> tuple[NDArray, bool, float]:
        settings = dataclasses.replace(preset("wen2019"), band_range_db=range_db)
        log_mel = extract(Recording("x", waveform, 16000), settings).log_mel
        whole = repeat_to_length(log_mel, settings.min_frames)
        if encoder is None:
            embedding = bundle.embed(whole[None])[0]
        else:
            embedding = embedded(encoder, [whole], 0)[0]
        woman = gender.probability_of_woman(embedding) > 0.5
        return embedding, woman, bundle.speech_logit(log_mel) or 0.0

    published = [heard(one, None) for one in waveforms]
    for range_db in RANGES_DB:
        plain = [heard(one, range_db) for one in waveforms]
        damaged = {
            damage.func.__name__: [heard(damage(one), range_db)[0] for one in waveforms]
            for damage in (partial(gate, depth_db=35.0), partial(requantise, bits=8))
        }
        cosines = {
            name: [float(a @ b[0]) for a, b in zip(found, plain, strict=True)]
            for name, found in damaged.items()
        }
        threshold = bundle.description.speech.threshold
        print(
            line(
                "digital_silence",
                ["numpy", "onnxruntime"],
                band_range_db=range_db,
                recordings=len(waveforms),
                cosine_with_published=round(
                    float(np.mean([a[0] @ b[0] for a, b in zip(plain, published, strict=True)])), 4
                ),
                gender_changes=sum(a[1] != b[1] for a, b in zip(plain, published, strict=True)),
                refused=sum(one[2] < threshold for one in plain),
                **{name: {"mean": round(float(np.mean(found)), 3), "min": round(min(found), 3)}
                   for name, found in cosines.items()},
            )
        )  # fmt: skip


if __name__ == "__main__":
    main()
