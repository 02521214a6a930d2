"""Random numbers against plain integers, against stored examples, and against what is random."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from voice2face.runtime.random_numbers import Stream, normals, uniforms, words

# Also read by the tests of the browser's implementation.
EXAMPLES = json.loads((Path(__file__).parents[1] / "data" / "random_numbers.json").read_text())
MASK = (1 << 64) - 1
GAMMA = 0x9E3779B97F4A7C15


def mix64(z: int) -> int:
    """The finaliser of SplitMix64, in Python's own integers."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def reference(seed: int, stream: int, index: int, count: int) -> list[int]:
    key = mix64((seed + GAMMA) & MASK)
    key = mix64((key + (stream + 1) * GAMMA) & MASK)
    key = mix64((key + (index + 1) * GAMMA) & MASK)
    return [mix64((key + (i + 1) * GAMMA) & MASK) for i in range(count)]


def reference_normals(seed: int, stream: int, index: int, count: int) -> list[float]:
    drawn = [((word >> 11) + 0.5) / 2**53 for word in reference(seed, stream, index, count + 1)]
    found: list[float] = []
    for k in range(0, count, 2):
        r, angle = math.sqrt(-2 * math.log(drawn[k])), 2 * math.pi * drawn[k + 1]
        found += [r * math.cos(angle), r * math.sin(angle)]
    return found[:count]


def test_the_finaliser_is_that_of_splitmix64():
    # The published reference, splitmix64.c (Vigna 2015), seeded with 1234567, begins like this.
    state, first = 1234567, []
    for _ in range(3):
        state = (state + GAMMA) & MASK
        first.append(mix64(state))
    assert first == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@given(
    st.integers(0, MASK),
    st.sampled_from(list(Stream)),
    st.lists(st.integers(0, 1 << 40), min_size=1, max_size=3),
    st.integers(0, 5),
)
def test_words_and_normals_are_those_of_plain_integers(seed, stream, indices, count):
    wanted = [reference(seed, stream, index, count) for index in indices]
    assert words(seed, stream, indices, count).tolist() == wanted
    uniform = [[((word >> 11) + 0.5) / 2**53 for word in row] for row in wanted]
    assert uniforms(seed, stream, indices, count).tolist() == uniform
    found = normals(seed, stream, indices, count)
    assert found.shape == (len(indices), count)
    for row, index in zip(found, indices, strict=True):
        np.testing.assert_allclose(
            row, reference_normals(seed, stream, index, count), rtol=1e-13, atol=1e-15
        )


@pytest.mark.parametrize("case", EXAMPLES["cases"], ids=lambda case: case["stream"])
def test_stored_examples(case):
    place = int(case["seed"]), Stream[case["stream"]], int(case["index"])
    assert EXAMPLES["streams"] == {stream.name: stream.value for stream in Stream}
    wanted = [int(word) for word in case["words"]]
    assert reference(*place, len(wanted)) == wanted
    seed, stream, index = place
    assert words(seed, stream, [index], len(wanted))[0].tolist() == wanted
    np.testing.assert_allclose(
        normals(seed, stream, [index], len(case["normals"]))[0], case["normals"], rtol=1e-13
    )


def test_a_seed_counts_modulo_two_to_the_64():
    assert (words(5 + 2**64, Stream.NOISE, [0], 4) == words(5, Stream.NOISE, [0], 4)).all()


def test_numbers_of_every_kind_of_neighbour_are_even_normal_and_independent():
    """Over the numbers of a face, over faces, over seeds and over streams."""
    n = 20_000
    ways = [
        normals(0, Stream.NOISE, [0], n)[0],
        normals(0, Stream.NOISE, range(n), 1)[:, 0],
        np.array([normals(seed, Stream.NOISE, [0], 1)[0, 0] for seed in range(n // 10)]),
        normals(3, Stream.JITTER, range(100), n // 100).ravel(),
    ]
    for numbers in ways:
        # Ten tests at 1e-4 in all: each fails of itself once in a thousand changes of the spec.
        assert kstest(numbers, "norm").pvalue > 1e-4
        assert abs(np.corrcoef(numbers[1:], numbers[:-1])[0, 1]) < 4 / math.sqrt(len(numbers))
        assert abs((numbers**4).mean() - 3) < 4 * math.sqrt(96 / len(numbers))
    pairs = normals(7, Stream.NOISE, range(200), 200)
    found = np.corrcoef(pairs)[np.triu_indices(200, 1)]
    assert abs(found).max() < 6 / math.sqrt(200)
    even = uniforms(1, Stream.GENDER, range(n), 1)[:, 0]
    assert kstest(even, "uniform").pvalue > 1e-4
    assert 0 < even.min() < 5 / n
    assert 1 - 5 / n < even.max() < 1
    streams = [normals(0, stream, [0], 2000)[0] for stream in Stream]
    across = np.corrcoef(streams)[np.triu_indices(len(streams), 1)]
    assert abs(across).max() < 4.5 / math.sqrt(2000)
