"""Some trials to look at: what was drawn, whom it was asked against, and what a judge chose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from voice2face.evaluation.embeddings import Embeddings
from voice2face.evaluation.interfaces import System
from voice2face.evaluation.sections import Context
from voice2face.evaluation.systems import BundleSystem
from voice2face.evaluation.trials import GroupList
from voice2face.runtime.voices import HOP_FRAMES, WINDOW_FRAMES

Pictures: TypeAlias = Mapping[str, NDArray[np.uint8]]

_N_TRIALS = 12
_N_OVER_TIME = 6
_CANDIDATES = 4


def shown_trials(
    context: Context,
    embeddings: Mapping[str, Embeddings],
    generated: Mapping[str, NDArray[np.uint8]],
) -> tuple[dict, Pictures]:
    """Choose trials at random, by the seed, each about another person.

    Args:
        generated: (recordings, samples, size, size, 3) faces by system.

    Returns:
        `protocol` (of the list, within one gender where that is asked) and `trials`: of each the
        `probe` (the recording's key), its `identity`, the keys of its `candidates`, which of them
        is `right`, and `picked`, by judge and system: the candidate's place, or None where the
        judge cannot tell. And the pictures, by `generated/SYSTEM/PROBE` (the first sample) and
        `face/KEY`.
    """
    groups = _line_up(context.trials.lists)
    if groups is None:
        return {"protocol": "", "trials": []}, {}
    trials, random = context.trials, np.random.default_rng([context.seed, 5])
    order = random.permutation(groups.person.size)
    people = groups.person.ravel()[order]
    # The first trial of each person, in random order.
    first = np.sort(np.unique(people, return_index=True)[1])[:_N_TRIALS]
    entries, pictures = [], {}
    for group, place in (divmod(int(one), groups.size) for one in order[first]):
        recording, faces = groups.recording[group, place], groups.face[group]
        probe = trials.recording_keys[recording]
        candidates = context.store.images[trials.face_rows[faces]]
        keys = [trials.face_keys[face] for face in faces]
        pictures |= {f"face/{key}": face for key, face in zip(keys, candidates, strict=True)}
        pictures |= {f"drawn/{name}/{probe}": of[recording, 0] for name, of in generated.items()}
        entries.append(
            {
                "probe": probe,
                "identity": trials.people[groups.person[group, place]],
                "candidates": keys,
                "right": place,
                "picked": {
                    judge: {
                        name: _picked(own.faces[faces] @ own.probes[name][recording])
                        for name in generated
                    }
                    for judge, own in embeddings.items()
                },
            }
        )
    return {"protocol": f"matching/{groups.stratum}/1:{groups.size}", "trials": entries}, pictures


def influence_over_time(systems: Sequence[System], context: Context, shown: dict) -> list[dict]:
    """Tell what of some recordings counts, of the systems that tell.

    Args:
        shown: What `shown_trials` gave; of its recordings those are taken that are long enough.

    Returns:
        Of each recording its `probe` (key), the seconds of speech at the `middles_s` of its
        windows, and `cosines` by system: of each window's embedding and the whole's. By those
        systems that weigh moments, `attention`: their weights, as multiples of the mean, equally
        spaced over `speech_s`.
    """
    trials, store = context.trials, context.store
    rows = dict(zip(trials.recording_keys, trials.recording_rows, strict=True))
    heard = [one for one in systems if isinstance(one, BundleSystem)]
    entries: list[dict] = []
    if not heard:
        return entries
    for probe in (trial["probe"] for trial in shown["trials"]):
        n_frames = store.voices["frames"][rows[probe]]
        if n_frames < WINDOW_FRAMES + HOP_FRAMES or len(entries) == _N_OVER_TIME:
            continue
        log_mel = store.log_mel(rows[probe])
        cosines = {one.name: one.model.influence(log_mel).round(4) for one in heard}
        n_windows = len(cosines[heard[0].name])
        hop_s = heard[0].model.description.front_end.hop_s
        middles_s = (np.arange(n_windows) * HOP_FRAMES + WINDOW_FRAMES / 2) * hop_s
        weights = {one.name: one.model.attention(log_mel) for one in heard}
        entries.append(
            {
                "probe": probe,
                "middles_s": middles_s.round(3).tolist(),
                "cosines": {name: of.tolist() for name, of in cosines.items()},
                "speech_s": round(n_frames * hop_s, 3),
                "attention": {
                    name: (of / of.mean()).round(3).tolist()
                    for name, of in weights.items()
                    if of is not None
                },
            }
        )
    return entries


def _line_up(lists: Sequence[GroupList]) -> GroupList | None:
    """The matching list of few candidates, within one gender if there is one."""
    fit = [one for one in lists if one.protocol == "matching" and one.size <= _CANDIDATES]
    for stratum in ("gender", "none"):
        if of := [one for one in fit if one.stratum == stratum]:
            return max(of, key=lambda one: one.size)
    return None


def _picked(likeness: NDArray[np.float32]) -> int | None:
    """The most alike candidate; None where several are."""
    nearest = np.flatnonzero(likeness == likeness.max())
    return int(nearest[0]) if len(nearest) == 1 else None
