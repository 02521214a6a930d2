"""The three networks of MTCNN, shaped to the published weights.

The weights are not part of this project: they are read from the installed package
`facenet-pytorch`, whose code is neither imported nor needed.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from voice2face.files import installed_file

_INSTALL = "pip install --no-deps facenet-pytorch==2.6.0"

_SHA256 = {
    "pnet": "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f",
    "rnet": "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86",
    "onet": "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d",
}


class _ProposalNetwork(nn.Module):
    """P-Net: every 12 px window of an image, at a stride of 2 px. Fully convolutional.

    Source:
        Zhang et al. 2016 (arXiv 1604.02878), figure 2; names as in the weights.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 10, 3), nn.PReLU(10)
        self.conv2, self.prelu2 = nn.Conv2d(10, 16, 3), nn.PReLU(16)
        self.conv3, self.prelu3 = nn.Conv2d(16, 32, 3), nn.PReLU(32)
        self.conv4_1, self.conv4_2 = nn.Conv2d(32, 2, 1), nn.Conv2d(32, 4, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Judge all windows.

        Args:
            x: (1, 3, rows, columns), about [-1, 1].

        Returns:
            Probability of a face, (rows', columns'); shifts of the box's left, top, right and
            bottom in windows, (4, rows', columns').
        """
        x = nn.functional.max_pool2d(self.prelu1(self.conv1(x)), 2, 2, ceil_mode=True)
        x = self.prelu3(self.conv3(self.prelu2(self.conv2(x))))
        return self.conv4_1(x).softmax(dim=1)[0, 1], self.conv4_2(x)[0]


class _RefineNetwork(nn.Module):
    """R-Net: a closer look at candidates of 24 px.

    Source:
        Zhang et al. 2016 (arXiv 1604.02878), figure 2; names as in the weights.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 28, 3), nn.PReLU(28)
        self.conv2, self.prelu2 = nn.Conv2d(28, 48, 3), nn.PReLU(48)
        self.conv3, self.prelu3 = nn.Conv2d(48, 64, 2), nn.PReLU(64)
        self.dense4, self.prelu4 = nn.Linear(576, 128), nn.PReLU(128)
        self.dense5_1, self.dense5_2 = nn.Linear(128, 2), nn.Linear(128, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Judge candidates.

        Args:
            x: (candidates, 3, 24, 24), about [-1, 1].

        Returns:
            Probability of a face, (candidates,); shifts of the box, (candidates, 4).
        """
        x = nn.functional.max_pool2d(self.prelu1(self.conv1(x)), 3, 2, ceil_mode=True)
        x = nn.functional.max_pool2d(self.prelu2(self.conv2(x)), 3, 2, ceil_mode=True)
        x = self.prelu4(self.dense4(_columns_first(self.prelu3(self.conv3(x)))))
        return self.dense5_1(x).softmax(dim=1)[:, 1], self.dense5_2(x)


class _OutputNetwork(nn.Module):
    """O-Net: the last word on candidates of 48 px, with five landmarks.

    Source:
        Zhang et al. 2016 (arXiv 1604.02878), figure 2; names as in the weights.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 32, 3), nn.PReLU(32)
        self.conv2, self.prelu2 = nn.Conv2d(32, 64, 3), nn.PReLU(64)
        self.conv3, self.prelu3 = nn.Conv2d(64, 64, 3), nn.PReLU(64)
        self.conv4, self.prelu4 = nn.Conv2d(64, 128, 2), nn.PReLU(128)
        self.dense5, self.prelu5 = nn.Linear(1152, 256), nn.PReLU(256)
        self.dense6_1, self.dense6_2 = nn.Linear(256, 2), nn.Linear(256, 4)
        self.dense6_3 = nn.Linear(256, 10)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Judge candidates.

        Args:
            x: (candidates, 3, 48, 48), about [-1, 1].

        Returns:
            Probability of a face, (candidates,); shifts of the box, (candidates, 4); landmarks in
            boxes from the top left corner, (candidates, 5, 2).
        """
        x = nn.functional.max_pool2d(self.prelu1(self.conv1(x)), 3, 2, ceil_mode=True)
        x = nn.functional.max_pool2d(self.prelu2(self.conv2(x)), 3, 2, ceil_mode=True)
        x = nn.functional.max_pool2d(self.prelu3(self.conv3(x)), 2, 2, ceil_mode=True)
        x = self.prelu5(self.dense5(_columns_first(self.prelu4(self.conv4(x)))))
        # The weights give all x, then all y.
        landmarks = self.dense6_3(x).view(-1, 2, 5).transpose(1, 2)
        return self.dense6_1(x).softmax(dim=1)[:, 1], self.dense6_2(x), landmarks


def load_networks() -> tuple[_ProposalNetwork, _RefineNetwork, _OutputNetwork]:
    """Read the weights from the installed package.

    Raises:
        MissingDependencyError: The package is not installed.
        DataError: A file of it is missing or is not the published one.
    """
    networks = _ProposalNetwork(), _RefineNetwork(), _OutputNetwork()
    for network, (name, digest) in zip(networks, _SHA256.items(), strict=True):
        path = installed_file(
            "facenet_pytorch", f"data/{name}.pt", digest, "the face detector 'mtcnn'", _INSTALL
        )
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        network.eval().requires_grad_(False)
    return networks


def _columns_first(x: Tensor) -> Tensor:
    """Flatten maps as the weights expect: columns, then rows, then channels."""
    return x.permute(0, 3, 2, 1).flatten(1)
