"""Sets of faces whose people are drawn anew, and sums over pairs of their faces."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice2face.evaluation.estimates import spread_weights

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class FaceSet:
    """Features of faces, and whose each is.

    Attributes:
        features: (faces, features).
        person: (faces,) position of each one's person among all people.
        weights: (resamples, all people) for those who are in the set.
    """

    features: NDArray[np.floating]
    person: NDArray[np.integer]
    weights: NDArray[np.float32]

    @classmethod
    def create(
        cls, features: NDArray[np.floating], person: NDArray[np.integer], n_people: int, seed: int
    ) -> FaceSet:
        """Make a set whose people are resampled among themselves."""
        return cls(np.asarray(features, np.float64), person, spread_weights(person, n_people, seed))

    def only(self, kept: NDArray[np.bool_]) -> FaceSet:
        """The faces of some people, (all people,) True for each."""
        rows = kept[self.person]
        return FaceSet(self.features[rows], self.person[rows], self.weights)


@dataclass(frozen=True)
class PairSums:
    """Sums and numbers of pairs of images, by the people of both.

    A person drawn twice counts as two people, each with pairs of its own; between the two there
    are none, as they would be pairs of one person, of whom there are few among all pairs.

    Attributes:
        sums: (people, others) over pairs of different people.
        counts: Their numbers.
        own_sums: (people,) over pairs of one person.
        own_counts: Their numbers.
    """

    sums: Matrix
    counts: Matrix
    own_sums: Matrix
    own_counts: Matrix

    @classmethod
    def across(cls, values: Matrix, one: FaceSet, other: FaceSet) -> PairSums:
        """Of two sets."""
        people, number = np.unique(one.person, return_counts=True)
        others, other_number = np.unique(other.person, return_counts=True)
        sums = by_person(by_person(values, one.person).T, other.person).T
        counts = np.outer(number, other_number).astype(np.float64)
        if not np.array_equal(people, others) or not np.array_equal(one.weights, other.weights):
            return cls(sums, counts, np.zeros(len(people)), np.zeros(len(people)))
        own = np.diag(sums).copy(), np.diag(counts).copy()
        for part in (sums, counts):
            np.fill_diagonal(part, 0)
        return cls(sums, counts, *own)

    @classmethod
    def within(cls, values: Matrix, one: FaceSet) -> PairSums:
        """Of one set; an image makes no pair with itself."""
        values = values.copy()
        np.fill_diagonal(values, 0)
        pairs = cls.across(values, one, one)
        images = np.unique(one.person, return_counts=True)[1]
        return dataclasses.replace(pairs, own_counts=pairs.own_counts - images)

    def mean(self, rows: Matrix, columns: Matrix) -> Matrix:
        """Mean over pairs in each resample; NaN where it has none."""
        with np.errstate(invalid="ignore", divide="ignore"):
            top, bottom = (
                np.einsum("rc,rc->r", rows @ part, columns) + rows @ own
                for part, own in (
                    (self.sums, self.own_sums),
                    (self.counts, self.own_counts),
                )
            )
            return np.where(bottom > 0, top / bottom, np.nan)


def by_person(values: Matrix, person: NDArray[np.integer]) -> Matrix:
    """Sum the rows of each person: (rows, columns) to (people present, columns), in order."""
    order = np.argsort(person, kind="stable")
    starts = np.unique(person[order], return_index=True)[1]
    return np.add.reduceat(values[order], starts, axis=0)
