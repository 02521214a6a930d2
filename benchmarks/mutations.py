"""Do the tests notice a changed sign, comparison or constant? One change at a time.

    python benchmarks/mutations.py -o FILE.csv

Each change is made in a temporary copy of what is committed, and the test files that should notice
are run; a test file that fails has to pass without the change.
"""

from __future__ import annotations

import argparse
import csv
import io
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

from deleted_modules import enter_copy, passes


class Mutation(NamedTuple):
    """A text that stands once in a module, what replaces it, and the test files to run."""

    module: str
    before: str
    after: str
    tests: tuple[str, ...]


_METRICS = ("metrics/test_metrics.py",)
_INTERVALS = ("metrics/test_intervals.py",)
_QUALITY = ("metrics/test_image_quality.py",)
_FRONT_END = ("audio/test_front_end.py",)
_SPLITS = ("data/test_splits.py",)
_PAIRING = ("data/test_labels.py", "data/test_store.py")
_GAN_LOSSES = ("training/test_parts.py", "training/test_relativistic.py")
_SPEAKER_LOSSES = ("training/test_speaker_losses.py",)
_NOISE = ("runtime/test_noise.py", "runtime/test_voice_noise.py")
_NUMBERS = ("runtime/test_random_numbers.py",)
_GENDER = ("runtime/test_gender_evidence.py",)
_SHEET = ("runtime/test_pipeline.py",)
MUTATIONS = [
    Mutation("metrics/retrieval.py", "(np.asarray(n_tied) + 1), 0, 1)",
             "(np.asarray(n_tied) + 2), 0, 1)", _METRICS),
    Mutation("metrics/retrieval.py", "return (scores > right)", "return (scores >= right)",
             _METRICS),
    Mutation("metrics/retrieval.py", "/ (count * (count - 1))", "/ (count * count)", _METRICS),
    Mutation("metrics/retrieval.py", "between = 1 - across", "between = 1 + across", _METRICS),
    Mutation("metrics/intervals.py", "tail = 50 *", "tail = 100 *", _INTERVALS),
    Mutation("metrics/intervals.py", "1 - ((1 - _CONFIDENCE) / 2)", "1 - (1 - _CONFIDENCE)",
             _INTERVALS),
    Mutation("metrics/intervals.py", "alone = n_identities < 2", "alone = n_identities < 1",
             _INTERVALS),
    Mutation("metrics/image_quality.py", "of_other.trace()) / (m * (m - 1))",
             "of_other.trace()) / (m * m)", _QUALITY),
    Mutation("metrics/image_quality.py", "within = block <= of_real", "within = block < of_real",
             _QUALITY),
    Mutation("data/splits.py", "percent < train + val", "percent <= train + val", _SPLITS),
    Mutation("data/splits.py", 'initial <= "b"', 'initial < "b"', _SPLITS),
    Mutation("training/speaker/losses.py", "- sines * math.sin", "+ sines * math.sin",
             _SPEAKER_LOSSES),
    Mutation("training/speaker/losses.py", "of_label > -math.cos", "of_label > math.cos",
             _SPEAKER_LOSSES),
    Mutation("runtime/random_numbers.py", "(whole + 0.5)", "(whole + 0.0)", _NUMBERS),
    Mutation("runtime/random_numbers.py", ">> np.uint64(27)", ">> np.uint64(28)", _NUMBERS),
    Mutation("runtime/gender_evidence.py", "self.margin) - self.bias", "self.margin) + self.bias",
             _GENDER),
    Mutation("runtime/gender_evidence.py", "self._distance(embedding) / 2",
             "self._distance(embedding) * 2", _GENDER),
    Mutation("images/align.py", "b = w.mean() - a", "b = w.mean() + a", ("images/test_align.py",)),
    Mutation("training/checkpoint.py", "value.shape == parameter.shape",
             "value.shape != parameter.shape", ("training/test_parts.py",)),
    Mutation("runtime/sampling.py", "both[:, :dim] + weights", "both[:, :dim] - weights", _NOISE),
    Mutation("runtime/sampling.py", "else 0.5) < probability", "else 0.5) <= probability",
             (*_NOISE, *_GENDER)),
    Mutation("runtime/voice_noise.py", "cos * x - sin * y", "cos * x + sin * y", _NOISE),
    Mutation("training/gan/losses.py", "F.softplus(worse - better)", "F.softplus(better - worse)",
             _GAN_LOSSES),
    Mutation("training/gan/losses.py", "logsumexp(dim=1) - of_label",
             "logsumexp(dim=1) + of_label", _GAN_LOSSES),
    Mutation("training/gan/stage.py", "(stage.images - images) / cooling",
             "(stage.images + images) / cooling", ("training/test_relativistic.py",)),
    Mutation("training/gan/trainer.py", "return min(longest, ramp * images)",
             "return max(longest, ramp * images)",
             ("training/test_relativistic.py", "training/test_projected.py")),
    Mutation("audio/log_mel.py", "bins == centre, 1.0", "bins == centre, 0.0", _FRONT_END),
    Mutation("audio/log_mel.py", "hop] - settings.preemphasis", "hop] + settings.preemphasis",
             _FRONT_END),
    Mutation("audio/vad.py", "0.9 * settings", "0.4 * settings", _FRONT_END),
    Mutation("audio/vad.py", "index + 1 - len(ring)", "index - len(ring)", _FRONT_END),
    Mutation("data/pairing.py", "and None not in values", "or None not in values", _PAIRING),
    Mutation("images/sheet.py", "rows = -(-count // columns)", "rows = count // columns", _SHEET),
    Mutation("images/sheet.py", "column * (side + _MARGIN_PX)", "column * (side - _MARGIN_PX)",
             _SHEET),
    Mutation("ranges.py", "self.least < value if", "self.least <= value if", ("test_ranges.py",)),
    Mutation("evaluation/ridge.py", "(values + strengths[best])", "(values - strengths[best])",
             ("synthetic/test_probes.py", "evaluation/test_baselines.py")),
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", default=[], metavar="MODULE")
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    chosen = [one for one in MUTATIONS if not arguments.only or one.module in arguments.only]
    with tempfile.TemporaryDirectory() as folder:
        enter_copy(Path(folder))
        rows = [(*one[:3], noticed_by(one)) for one in chosen]
    content = io.StringIO()
    writer = csv.writer(content)
    writer.writerow(["module", "before", "after", "noticed_by"])
    writer.writerows(rows)
    out.write_text(content.getvalue())
    print(f"{len(rows)} changes, {sum(bool(test) for *_, test in rows)} noticed")


def noticed_by(one: Mutation) -> str:
    """The first test file that fails with a change; "" where none does."""
    path = Path("src", "voice2face", one.module)
    code = path.read_text()
    assert code.count(one.before) == 1, one
    path.write_text(code.replace(one.before, one.after))
    try:
        name = next((name for name in one.tests if not passes(Path("tests", name))), "")
    finally:
        path.write_text(code)
    if name and not passes_as_it_is(name):
        raise SystemExit(f"tests/{name}: fails without a change too")
    print(one.module, repr(one.after), name or "NOT NOTICED", flush=True)
    return name


@cache
def passes_as_it_is(name: str) -> bool:
    return passes(Path("tests", name))


if __name__ == "__main__":
    main()
