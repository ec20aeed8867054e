"""A trained network, loaded to predict.

predictor = snncore.load("runs/digits/finals/trial-0012")
labels = predictor.predict(images)          # uint8, (N, C, H, W)
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from snncore import checkpoint
from snncore.config import Config, load_config
from snncore.data.batches import eval_batches
from snncore.data.load import Normalisation, load_data
from snncore.devices import default_device
from snncore.errors import UserError
from snncore.evaluate import Evaluation, evaluate
from snncore.network import SpikingConvNet, build_network
from snncore.passes import inference

CONFIG = "config.yaml"
BATCH_SIZE = 256


class Predictor:
    """A network with its config and the normalisation it was trained with, on one device."""

    def __init__(
        self, config: Config, network: SpikingConvNet, normalisation: Normalisation, device: str
    ) -> None:
        self.config, self.network, self.normalisation, self.device = config, network, normalisation, device

    def logits(self, images: Tensor) -> Tensor:
        """Logits after each step, (T, N, n_classes), for uint8 images (N, C, H, W).

        Raises:
            UserError: the images are not bytes of the right shape.
        """
        spec_channels = self.network.stem_conv.in_channels
        if images.dtype != torch.uint8 or images.dim() != 4 or images.shape[1] != spec_channels:
            shape = tuple(images.shape)
            raise UserError(
                f"images: got {images.dtype} {shape}, need torch.uint8 (N, {spec_channels}, H, W)"
            )
        parts = [
            inference(self.network, self.normalisation.apply(batch.to(self.device)), self.config.T)
            for batch in images.split(BATCH_SIZE)
        ]
        return torch.cat(parts, 1).cpu()

    def predict(self, images: Tensor) -> Tensor:
        """Classes (N,) for uint8 images (N, C, H, W): the largest mean logit over all T steps."""
        return self.logits(images).mean(0).argmax(-1)

    def evaluate(self, split: Literal["val", "test"]) -> Evaluation:
        """Accuracy and firing on a split of the data set it was trained on.

        Raises:
            DataError: the data set cannot be read.
        """
        data = load_data(self.config.data)
        images = data.read_test() if split == "test" else data.val
        batches: Iterator[tuple[Tensor, Tensor]] = eval_batches(
            images, BATCH_SIZE, self.normalisation, device=self.device
        )
        return evaluate(self.network, self.config.T, batches)


def load(folder: str | Path, device: str | None = None) -> Predictor:
    """The network that `snncore.train` left in `folder`.

    Raises:
        UserError: the folder holds no finished training.
    """
    folder = Path(folder)
    if not (folder / CONFIG).is_file():
        raise UserError(f"{folder}: no {CONFIG}; give a folder that snncore.train wrote")
    config = load_config(folder / CONFIG)
    device = device or default_device()
    network = build_network(config).to(device).eval()
    state = checkpoint.read_state(folder / "final")
    network.load_state_dict(checkpoint.read_tensors(folder / "final", checkpoint.NETWORK, device))
    mean, std = state["normalisation"]["mean"], state["normalisation"]["std"]
    return Predictor(config, network, Normalisation(tuple(mean), tuple(std)), device)
