"""Generated faces before judges whose answers are known."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from voice2face.training.gan.judged_faces import JudgedFaces


class Judges(nn.Module):
    """Logit ln 3 of each face, so D = 3/4; the class that the face's first pixel is."""

    def forward(self, faces):
        classes = nn.functional.one_hot(faces[:, 0, 0, 0].long(), 3).float()
        return torch.full((len(faces),), 3.0).log(), classes


class Painter(nn.Module):
    """A face whose every pixel is the voice's first number."""

    def forward(self, voices):
        return voices[:, :1, None, None].expand(-1, 3, 4, 4)


def test_accuracy_counts_only_labels_that_are_known():
    voices = torch.tensor([[0.0], [1.0], [2.0], [1.0], [2.0]])
    told = JudgedFaces("train", voices, torch.tensor([0, 1, 1, -1, -1])).judge(Painter(), Judges())
    assert told["generated/train_accuracy"] == pytest.approx(2 / 3)
    assert told["generated/train_realness"] == pytest.approx(3 / 4)
    told = JudgedFaces("val", voices, torch.full((5,), -1)).judge(Painter(), Judges())
    assert told.keys() == {"generated/val_realness"}
