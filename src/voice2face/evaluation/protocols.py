"""The protocols of identity: from embeddings and trial lists to figures with intervals.

What is a mean over trials becomes a `TrialMetric`; what is none (EER, AUC, median rank) has a
function of its own, and consistency, which needs no true face, is in `consistency`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice2face.evaluation.estimates import Estimate, Subgroups, TrialMetric
from voice2face.evaluation.trials import GroupList, TrialSet
from voice2face.metrics import retrieval as metrics
from voice2face.metrics.intervals import percentiles, reach_of_certainty
from voice2face.metrics.verification import auc, eer

# Matching is told by group at these sizes only: the others say the same at some length.
_SIZES_BY_GROUP = (2, 10)
_BINS = 512
_SMALL_GROUP = 200
_CHUNK_BYTES = 1 << 25


@dataclass(frozen=True)
class TrialScores:
    """Trial lists with what is asked and what it is asked against, as a judge sees them.

    Attributes:
        probes: See `group_scores`.
        faces: See `group_scores`.
        probe_of: One a list, see `group_scores`; None takes the recordings.
    """

    trials: TrialSet
    probes: NDArray[np.float32]
    faces: NDArray[np.float32]
    probe_of: Sequence[NDArray[np.integer]] | None = None

    def lists(self, protocol: str) -> Iterator[tuple[int, GroupList]]:
        """The lists of a protocol, each with its number."""
        for number, groups in enumerate(self.trials.lists):
            if groups.protocol == protocol:
                yield number, groups

    def rows(self, number: int) -> NDArray[np.integer]:
        """(groups, size) row of the probes for each place of a list."""
        return (
            self.trials.lists[number].recording if self.probe_of is None else self.probe_of[number]
        )

    def scores(self, number: int) -> tuple[NDArray[np.float32], NDArray[np.integer]]:
        """Scores of a list's asked groups, and (asked groups, size) the person of each probe."""
        groups = self.trials.lists[number]
        scores, asked = group_scores(groups, self.probes, self.faces, self.rows(number))
        return scores, groups.person[asked]

    def ranks(
        self, number: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.integer]]:
        """Better and tied candidates of each trial of a list, and whom it is about."""
        scores, person = self.scores(number)
        answers = np.broadcast_to(np.arange(scores.shape[-1]), scores.shape[:2])
        better, tied = metrics.rank_bounds(scores, answers)
        return better.ravel(), tied.ravel(), person.ravel()


def group_scores(
    groups: GroupList,
    probes: NDArray[np.float32],
    faces: NDArray[np.float32],
    probe_of: NDArray[np.integer] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Cosine of every probe of a group to every face of it.

    Args:
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


def identity_metrics(asked: TrialScores) -> list[TrialMetric]:
    """Ask all matching and retrieval lists.

    Returns:
        Matching accuracy of each list; Recall@k and mean average precision of each gallery (with
        one right face a query the latter is the mean of 1/rank).
    """
    outcomes = []
    for number, groups in asked.lists("matching"):
        better, tied, person = asked.ranks(number)
        credit = metrics.recall_credit(better, tied, 1)
        name, chosen = _name(groups), groups.size in _SIZES_BY_GROUP
        outcomes.append(TrialMetric(name, person, credit, 1 / groups.size, by_group=chosen))
    for number, groups in asked.lists("retrieval"):
        better, tied, person = asked.ranks(number)
        size, start = groups.size, _name(groups)
        for k in metrics.RECALL_AT:
            if k < size:
                credit = metrics.recall_credit(better, tied, k)
                outcomes.append(TrialMetric(f"{start}/recall@{k}", person, credit, k / size))
        guessing = float((1 / np.arange(1, size + 1)).mean())
        precision = metrics.precision_credit(better, tied)
        outcomes.append(TrialMetric(f"{start}/map", person, precision, guessing))
    return outcomes


def _name(groups: GroupList) -> str:
    return f"{groups.protocol}/{groups.stratum}/1:{groups.size}"


def similarity_metrics(asked: TrialScores) -> list[TrialMetric]:
    """Similarity of generated faces to true faces of the same people, over the verification list.

    Returns:
        Cosine, L1 and L2, of embeddings of unit length. Alone they mislead: an average face
        scores well. The cosine to faces of others beside it shows how much of it is the person.
    """
    probes, faces = asked.probes, asked.faces
    number, groups = next(
        (one for one in asked.lists("verification") if one[1].stratum == "none"), (-1, None)
    )
    if groups is None:
        return []
    row = asked.rows(number).ravel()
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
        TrialMetric(
            f"similarity/{name}", person, value, unit="", bounds=None, higher_is_better=better
        )
        for name, (value, better) in found.items()
    ]


def verification_estimates(
    asked: TrialScores, subgroups: Subgroups, weights: NDArray[np.float32]
) -> list[Estimate]:
    """EER and AUC of the verification lists.

    In each group of two, either recording makes one genuine pair and one impostor pair. The
    figures are exact; their intervals come from histograms of the scores an identity, with 512
    bins of about as many pairs each, within which the curve is taken as straight.

    Args:
        subgroups: Whom to tell figures for; strata other than "none" and "gender" are told for
            everybody only.
        weights: (resamples, people).
    """
    figures = []
    for number, groups in asked.lists("verification"):
        scores, people = asked.scores(number)
        genuine = np.diagonal(scores, axis1=1, axis2=2).ravel()
        impostor = np.diagonal(scores[:, :, ::-1], axis1=1, axis2=2).ravel()
        person = people.ravel()
        chosen = subgroups if groups.stratum in ("none", "gender") else subgroups.everybody
        # Equal scores fall into one bin.
        edges = np.unique(np.quantile(np.append(genuine, impostor), np.linspace(0, 1, _BINS)))
        bins = [np.searchsorted(edges, kind, side="right") for kind in (genuine, impostor)]
        n_people = len(asked.trials.people)
        tables = [_histogram(person, found, len(edges) + 1, n_people) for found in bins]
        for mask, group in zip(chosen.masks, chosen.names, strict=True):
            of = mask[person]
            if of.any():
                rates = [weights[:, mask] @ table[mask] for table in tables]
                n_identities = len(np.unique(person[of]))
                figures += [
                    dataclasses.replace(
                        figure, name=f"verification/{groups.stratum}/{figure.name}", group=group
                    )
                    for figure in _error_rates(genuine[of], impostor[of], rates, n_identities)
                ]
    return figures


def _error_rates(
    genuine: NDArray[np.float32],
    impostor: NDArray[np.float32],
    rates: Sequence[NDArray[np.float32]],
    n_identities: int,
) -> Iterator[Estimate]:
    """EER and AUC of some scores, with intervals from resampled histograms of both kinds."""
    both = np.append(genuine, impostor)
    target = np.arange(len(both)) < len(genuine)
    values = {"eer": eer(both, target), "auc": auc(both, target)}
    for (name, value), resampled in zip(values.items(), _eer_and_auc(*rates), strict=True):
        low, high = percentiles(resampled)
        if value in (0.0, 1.0):  # no resample differs
            reach = reach_of_certainty(n_identities)
            low, high = (low, value + reach) if value == 0 else (value - reach, high)
        yield Estimate(
            name,
            100 * value,
            100 * float(low) if n_identities > 1 else math.nan,
            100 * float(high) if n_identities > 1 else math.nan,
            n_identities,
            len(both),
            50.0,
            higher_is_better=name == "auc",
        )


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


def rank_estimates(
    asked: TrialScores, subgroups: Subgroups, weights: NDArray[np.float32]
) -> list[Estimate]:
    """Median rank in each gallery of retrieval.

    Args:
        weights: (resamples, people).
    """
    figures = []
    for number, groups in asked.lists("retrieval"):
        better, tied, person = asked.ranks(number)
        # Twice the rank, since the middle of tied ones may lie half-way.
        twice = 2 * better + tied
        table = _histogram(person, twice, 2 * groups.size, len(asked.trials.people))
        for mask, group in zip(subgroups.masks, subgroups.names, strict=True):
            of = mask[person]
            if not of.any():
                continue
            below = np.cumsum(weights[:, mask] @ table[mask], axis=1)
            middle = (below >= below[:, -1:] / 2).argmax(axis=1)
            low, high = percentiles(np.where(below[:, -1] > 0, 1 + middle / 2, np.nan))
            n_identities = len(np.unique(person[of]))
            figures.append(
                Estimate(
                    f"{_name(groups)}/median rank",
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
