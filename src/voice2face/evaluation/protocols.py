"""The protocols of identity: from embeddings and trial lists to figures with intervals.

What is a mean over trials becomes an `Outcome`; what is none (EER, AUC, median rank, consistency)
has a function of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from voice2face.evaluation import metrics
from voice2face.evaluation.figures import Cells, Figure, Outcome
from voice2face.evaluation.intervals import percentiles, reach_of_certainty
from voice2face.evaluation.trials import GroupList, TrialSet
from voice2face.evaluation.verification import auc, eer

__all__ = [
    "RECALL_AT",
    "consistency_figures",
    "group_scores",
    "identity_outcomes",
    "rank_figures",
    "similarity_outcomes",
    "verification_figures",
]

RECALL_AT = (1, 5, 10)
# Matching is told by group at these sizes only: the others say the same at some length.
_SIZES_BY_GROUP = (2, 10)
# Generated faces that differ by less than this share of what real faces of different people
# differ by are taken for one face.
_LEAST_SPREAD = 0.01
_BINS = 512
_SMALL_GROUP = 200
_CHUNK_BYTES = 1 << 25


def group_scores(
    groups: GroupList,
    probes: NDArray[np.float32],
    faces: NDArray[np.float32],
    probe_of: NDArray[np.integer] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Cosine of every probe of a group to every face of it.

    Args:
        groups: The list.
        probes: (recordings, embedding) of unit length (`metrics.unit`), or zero where the system
            gives no face: it then is equally near to all, and gets what guessing gets.
        faces: (faces, embedding) of true faces, of unit length, or zero where the judge cannot
            embed the face: groups with such a face are not asked.
        probe_of: (groups, size) row of `probes` for each place; None takes the recordings.

    Returns:
        (asked groups, size, size) scores, a row a probe; and (groups,) which were asked.
    """
    embedded = np.any(faces != 0, axis=1)
    asked = np.all(embedded[groups.face], axis=1)
    rows = (groups.recording if probe_of is None else probe_of)[asked]
    columns = groups.face[asked]
    scores = np.empty((len(rows), groups.size, groups.size), dtype=np.float32)
    step = max(1, _CHUNK_BYTES // (4 * groups.size * probes.shape[1]))
    for at in range(0, len(rows), step):
        part = slice(at, at + step)
        of_probes, of_faces = probes[rows[part]], faces[columns[part]]
        # Small products, spread by the BLAS over threads, spend their time waiting for each other.
        if groups.size <= _SMALL_GROUP:
            np.einsum("gnd,gmd->gnm", of_probes, of_faces, out=scores[part])
        else:
            np.matmul(of_probes, of_faces.swapaxes(1, 2), out=scores[part])
    return scores, asked


def identity_outcomes(
    trials: TrialSet,
    probes: NDArray[np.float32],
    faces: NDArray[np.float32],
    probe_of: Sequence[NDArray[np.integer]] | None = None,
) -> list[Outcome]:
    """Ask all matching and retrieval lists.

    Args:
        trials: The lists.
        probes: See `group_scores`.
        faces: See `group_scores`.
        probe_of: One a list, see `group_scores`.

    Returns:
        Matching accuracy of each list; Recall@k and mean average precision of each gallery (with
        one right face a query the latter is the mean of 1/rank).
    """
    outcomes = []
    for number, groups in enumerate(trials.lists):
        if groups.protocol == "verification":
            continue
        better, tied, person = _ranks(
            groups, probes, faces, None if probe_of is None else probe_of[number]
        )
        size, start = groups.size, f"{groups.protocol}/{groups.stratum}/1:{groups.size}"
        if groups.protocol == "matching":
            credit = metrics.recall_credit(better, tied, 1)
            told = size in _SIZES_BY_GROUP
            outcomes.append(Outcome(start, person, credit, 1 / size, by_group=told))
            continue
        for k in RECALL_AT:
            if k < size:
                credit = metrics.recall_credit(better, tied, k)
                outcomes.append(Outcome(f"{start}/recall@{k}", person, credit, k / size))
        guessing = float((1 / np.arange(1, size + 1)).mean())
        precision = metrics.precision_credit(better, tied)
        outcomes.append(Outcome(f"{start}/map", person, precision, guessing))
    return outcomes


def _ranks(
    groups: GroupList,
    probes: NDArray[np.float32],
    faces: NDArray[np.float32],
    probe_of: NDArray[np.integer] | None,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.integer]]:
    """Better and tied candidates of each trial, and whom it is about."""
    scores, asked = group_scores(groups, probes, faces, probe_of)
    answers = np.broadcast_to(np.arange(groups.size), scores.shape[:2])
    better, tied = metrics.rank_bounds(scores, answers)
    return better.ravel(), tied.ravel(), groups.person[asked].ravel()


def similarity_outcomes(
    trials: TrialSet,
    probes: NDArray[np.float32],
    faces: NDArray[np.float32],
    probe_of: Sequence[NDArray[np.integer]] | None = None,
) -> list[Outcome]:
    """Similarity of generated faces to true faces of the same people, over the verification list.

    Args:
        trials: The lists.
        probes: See `group_scores`.
        faces: See `group_scores`.
        probe_of: See `identity_outcomes`.

    Returns:
        Cosine, L1 and L2, of embeddings of unit length. Alone they mislead: an average face
        scores well. The cosine to faces of others beside it shows how much of it is the person.
    """
    names = [(groups.protocol, groups.stratum) for groups in trials.lists]
    if ("verification", "none") not in names:
        return []
    number = names.index(("verification", "none"))
    groups = trials.lists[number]
    row = (groups.recording if probe_of is None else probe_of[number]).ravel()
    face, person = groups.face.ravel(), groups.person.ravel()
    other = groups.face[:, ::-1].ravel()
    there, embedded = (np.any(vectors != 0, axis=1) for vectors in (probes, faces))
    kept = there[row] & embedded[face] & embedded[other]
    mine, true, person = probes[row[kept]], faces[face[kept]], person[kept]
    found = {
        "cosine": (metrics.cosine_similarity(mine, true), True),
        "cosine to another's face": (metrics.cosine_similarity(mine, faces[other[kept]]), None),
        "l1": (metrics.l1_distance(mine, true), False),
        "l2": (metrics.l2_distance(mine, true), False),
    }
    return [
        Outcome(f"similarity/{name}", person, value, unit="", bounds=None, higher_is_better=better)
        for name, (value, better) in found.items()
    ]


def verification_figures(
    trials: TrialSet,
    probes: NDArray[np.float32],
    faces: NDArray[np.float32],
    cells: Cells,
    weights: NDArray[np.float32],
    probe_of: Sequence[NDArray[np.integer]] | None = None,
) -> list[Figure]:
    """EER and AUC of the verification lists.

    In each group of two, either recording makes one genuine pair and one impostor pair. The
    figures are exact; their intervals come from histograms of the scores an identity, with 512
    bins of about as many pairs each, within which the curve is taken as straight.

    Args:
        trials: The lists.
        probes: See `group_scores`.
        faces: See `group_scores`.
        cells: Whom to tell figures for; strata other than "none" and "gender" are told for
            everybody only.
        weights: (resamples, people).
        probe_of: See `identity_outcomes`.

    Returns:
        The figures.
    """
    figures = []
    for number, groups in enumerate(trials.lists):
        if groups.protocol != "verification":
            continue
        one_of = None if probe_of is None else probe_of[number]
        scores, asked = group_scores(groups, probes, faces, one_of)
        genuine = np.diagonal(scores, axis1=1, axis2=2).ravel()
        impostor = np.diagonal(scores[:, :, ::-1], axis1=1, axis2=2).ravel()
        person = groups.person[asked].ravel()
        told = cells if groups.stratum in ("none", "gender") else cells.everybody
        # Equal scores fall into one bin.
        edges = np.unique(np.quantile(np.append(genuine, impostor), np.linspace(0, 1, _BINS)))
        bins = [np.searchsorted(edges, kind, side="right") for kind in (genuine, impostor)]
        tables = [_histogram(person, found, len(edges) + 1, len(trials.people)) for found in bins]
        for mask, group in zip(told.masks, told.names, strict=True):
            of = mask[person]
            if not of.any():
                continue
            both = np.append(genuine[of], impostor[of])
            target = np.arange(len(both)) < of.sum()
            rates = [weights[:, mask] @ table[mask] for table in tables]
            n_identities = len(np.unique(person[of]))
            values = {"eer": eer(both, target), "auc": auc(both, target)}
            resampled = dict(zip(values, _eer_and_auc(*rates), strict=True))
            for name, value in values.items():
                low, high = percentiles(resampled[name])
                if value in (0.0, 1.0):  # no resample differs
                    reach = reach_of_certainty(n_identities)
                    low, high = (low, value + reach) if value == 0 else (value - reach, high)
                figures.append(
                    Figure(
                        f"verification/{groups.stratum}/{name}",
                        100 * value,
                        100 * float(low) if n_identities > 1 else math.nan,
                        100 * float(high) if n_identities > 1 else math.nan,
                        n_identities,
                        len(both),
                        50.0,
                        group=group,
                        higher_is_better=name == "auc",
                    )
                )
    return figures


def _histogram(
    person: NDArray[np.integer], bins: NDArray[np.integer], n_bins: int, n_people: int
) -> NDArray[np.float32]:
    """(people, bins) trials of each person in each bin."""
    cell = person.astype(np.int64) * n_bins + bins
    counts = np.bincount(cell, minlength=n_people * n_bins)
    return counts.reshape(n_people, n_bins).astype(np.float32)


def _eer_and_auc(
    genuine: NDArray[np.float32], impostor: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """EER and AUC of (resamples, bins) histograms, lowest scores first."""
    with np.errstate(invalid="ignore", divide="ignore"):
        hits, alarms = (
            np.pad(np.cumsum(counts[:, ::-1], axis=1) / counts.sum(axis=1, keepdims=True), pad)
            for counts, pad in ((genuine, ((0, 0), (1, 0))), (impostor, ((0, 0), (1, 0))))
        )
    area = np.einsum("rb,rb->r", np.diff(alarms), hits[:, 1:] + hits[:, :-1], dtype=np.float64) / 2
    difference = alarms - (1 - hits)
    after = np.maximum((difference >= 0).argmax(axis=1), 1)
    rows = np.arange(len(difference))
    low, high = difference[rows, after - 1], difference[rows, after]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = -low / (high - low)
    rate = alarms[rows, after - 1] + share * (alarms[rows, after] - alarms[rows, after - 1])
    return rate.astype(np.float64), area


def rank_figures(
    trials: TrialSet,
    probes: NDArray[np.float32],
    faces: NDArray[np.float32],
    cells: Cells,
    weights: NDArray[np.float32],
    probe_of: Sequence[NDArray[np.integer]] | None = None,
) -> list[Figure]:
    """Median rank in each gallery of retrieval.

    Args:
        trials: The lists.
        probes: See `group_scores`.
        faces: See `group_scores`.
        cells: Whom to tell figures for.
        weights: (resamples, people).
        probe_of: See `identity_outcomes`.

    Returns:
        The figures.
    """
    figures = []
    for number, groups in enumerate(trials.lists):
        if groups.protocol != "retrieval":
            continue
        one_of = None if probe_of is None else probe_of[number]
        better, tied, person = _ranks(groups, probes, faces, one_of)
        # Twice the rank, since the middle of tied ones may lie half-way.
        twice = 2 * better + tied
        table = _histogram(person, twice, 2 * groups.size, len(trials.people))
        for mask, group in zip(cells.masks, cells.names, strict=True):
            of = mask[person]
            if not of.any():
                continue
            below = np.cumsum(weights[:, mask] @ table[mask], axis=1)
            middle = (below >= below[:, -1:] / 2).argmax(axis=1)
            resampled = np.where(below[:, -1] > 0, 1 + middle / 2, np.nan)
            low, high = percentiles(resampled)
            n_identities = len(np.unique(person[of]))
            figures.append(
                Figure(
                    f"retrieval/{groups.stratum}/1:{groups.size}/median rank",
                    float(np.median(1 + twice[of] / 2)),
                    float(low) if n_identities > 1 else math.nan,
                    float(high) if n_identities > 1 else math.nan,
                    n_identities,
                    int(of.sum()),
                    (groups.size + 1) / 2,
                    "",
                    group,
                    higher_is_better=False,
                )
            )
    return figures


def consistency_figures(
    trials: TrialSet,
    probes: NDArray[np.float32],
    cells: Cells,
    weights: NDArray[np.float32],
    spread_of_real: float = math.nan,
) -> list[Figure]:
    """Whether recordings of one speaker give like faces, and those of others unlike ones.

    The score is 1 - within / between, with the distances of `metrics.consistency` and pairs of
    speakers of the same gender: 1 where each speaker has one face of its own, 0 where the
    recordings of one speaker give faces as unlike as those of different speakers.

    Args:
        trials: The lists.
        probes: (recordings, embedding) of the generated faces.
        cells: Whom to tell figures for.
        weights: (resamples, people).
        spread_of_real: Mean distance between true faces of different people of one gender in the
            same judge's space; NaN if not known.

    Returns:
        Score, and both distances. The score is NaN, and the note says so, where different
        speakers get one face (less than 1 % of the spread of real faces, or of 1 without it).
    """
    _, gender = trials.cells("gender")
    if (gender < 0).all():
        gender = np.zeros_like(gender)
    within, between = metrics.consistency(
        probes, trials.recording_person, gender[trials.recording_person]
    )
    n_people = len(trials.people)
    within, between = (
        np.append(part, np.full(n_people - len(part), np.nan)) for part in (within, between)
    )
    known = np.isfinite(within) & np.isfinite(between)
    parts = np.stack([np.where(known, within, 0), np.where(known, between, 0), known], axis=1)
    n_recordings = np.bincount(trials.recording_person, minlength=n_people)
    least = _LEAST_SPREAD * (1.0 if math.isnan(spread_of_real) else spread_of_real)
    figures = []
    for mask, group in zip(cells.masks, cells.names, strict=True):
        chosen = mask & known
        count = int(chosen.sum())
        if not count:
            continue
        near, far, _ = parts[chosen].sum(axis=0) / count
        sums = (weights[:, chosen] @ parts[chosen].astype(np.float32)).astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = sums[:, :2] / sums[:, 2:]
            score = 1 - means[:, 0] / means[:, 1]
        one_face = bool(far < least)
        lowest, highest = percentiles(np.column_stack([score, means]))
        note = (
            "undefined: different speakers get one and the same face, "
            "so this is no better than a constant"
            if one_face
            else ""
        )
        for index, (name, value) in enumerate(
            (("score", 1 - near / far if far else math.nan), ("within", near), ("between", far))
        ):
            hidden = (one_face and index == 0) or count < 2
            figures.append(
                Figure(
                    f"consistency/{name}",
                    math.nan if one_face and index == 0 else float(value),
                    math.nan if hidden else float(lowest[index]),
                    math.nan if hidden else float(highest[index]),
                    count,
                    int(n_recordings[chosen].sum()),
                    0.0 if index == 0 else math.nan,
                    "",
                    group,
                    True if index == 0 else None,
                    note if index == 0 else "",
                )
            )
    return figures
