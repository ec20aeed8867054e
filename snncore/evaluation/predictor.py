"""A trained network, loaded to predict.

predictor = snncore.load("runs/digits/finals/trial-0012")
labels = predictor.predict(images)          # uint8, (N, C, H, W), or event frames (N, T, C, H, W)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from snncore.config.load import load_config
from snncore.config.own_arch import own_module, require_allowed
from snncore.config.schema import Config
from snncore.data.batches.batches import Batch, eval_batches
from snncore.data.batches.normalisation import Normalisation, network_input
from snncore.data.config_spec import data_spec
from snncore.data.load import load_data
from snncore.data.specs import DataSpec
from snncore.data.split import AnySplit
from snncore.data.stratify import draw_stratified
from snncore.devices import device_or_default
from snncore.errors import UserError
from snncore.evaluation.attacks import Attack, Robustness, robustness, through_surrogates
from snncore.evaluation.evaluate import Evaluation, Observer, eval_batch_size, evaluate
from snncore.evaluation.operations import Operations, count_operations
from snncore.network.architectures import make_body
from snncore.network.network import SpikingNetwork
from snncore.network.packing import packed
from snncore.neuron.precision import forward_precision
from snncore.passes.passes import inference
from snncore.saved import checkpoint
from snncore.saved.folder import CONFIG, FINAL, training_folder
from snncore.saved.state import NetworkState

ATTACK_SHARE = 8
"""Attacks keep the activations of all layers, so their batches are smaller by this factor."""
SplitName = Literal["val", "test"]


class Predictor:
    """A network on one device, with its config and the normalisation of its training."""

    def __init__(
        self, config: Config, network: SpikingNetwork, normalisation: Normalisation, device: str
    ) -> None:
        self.config, self.network, self.normalisation, self.device = config, network, normalisation, device
        self._deployed: SpikingNetwork | None = None

    def logits(self, samples: Tensor) -> Tensor:
        """Logits after each step, (T, N, n_classes), for uint8 images (N, C, H, W).

        A network trained on events takes frames instead, uint8 or int16, (N, T, C, H, W).

        Raises:
            UserError: the samples have the wrong type or shape.
        """
        self._check(samples)
        if self._deployed is None:
            self._deployed = packed(self.network, self.config)
        with forward_precision(self.config, self.device):
            parts = [
                inference(self._deployed, self._prepare(part), self.config.T)
                for part in samples.split(self.batch_size)
            ]
        return torch.cat(parts, 1).float().cpu()

    def predict(self, samples: Tensor) -> Tensor:
        """Classes (N,) of samples in the form of `logits`: the largest mean logit over all T steps."""
        return self.logits(samples).mean(0).argmax(-1)

    def read(self, split: SplitName, n_samples: int | None = None) -> AnySplit:
        """A split of the data set that the network was trained on; a stratified sample if n_samples is given.

        Raises:
            DataError: the data set cannot be read.
            UserError: the split has fewer than n_samples samples.
        """
        data = load_data(self.config.data, self.config.T)
        samples = data.read_test() if split == "test" else data.val
        if n_samples is None:
            return samples
        if not 1 <= n_samples <= len(samples):
            allowed = f"1 to {len(samples)}" if len(samples) else "none, it is empty"
            raise UserError(f"samples: got {n_samples}, allowed of the {split} split: {allowed}")
        chosen, _ = draw_stratified(samples.labels.numpy(), n_samples, seed=0)
        return samples.subset(torch.from_numpy(chosen))

    @property
    def batch_size(self) -> int:
        """Number of samples that are run at once."""
        return eval_batch_size(self.network.spec, self.config.T)

    def batches(self, split: AnySplit, batch_size: int | None = None) -> Iterator[Batch]:
        """All of `split` as normalised batches on the network's device."""
        return eval_batches(split, batch_size or self.batch_size, self.normalisation, device=self.device)

    def evaluate(self, split: SplitName | AnySplit, observers: Sequence[Observer] = ()) -> Evaluation:
        """Accuracy and firing on a split, or on samples from `read`; observers are called with every batch.

        Raises:
            DataError: the data set cannot be read.
        """
        samples = self.read(split) if isinstance(split, str) else split
        with forward_precision(self.config, self.device):
            return evaluate(
                self.network,
                self.config.T,
                self.batches(samples),
                exit_confidence=self.config.measure.exit_confidence,
                observers=observers,
            )

    def count_operations(self, split: AnySplit) -> Operations:
        """Synaptic operations and energy per sample of `split`."""
        with forward_precision(self.config, self.device):
            return count_operations(self.network, self.config.T, self.batches(split))

    def robustness(self, split: AnySplit, attack: Attack, seed: int = 0) -> Robustness:
        """Accuracy on `split` under an attack through several surrogates; random starts are drawn from
        `seed`.

        Raises:
            UserError: the network takes event frames.
        """
        batches = self.batches(split, max(1, self.batch_size // ATTACK_SHARE))
        attacks = through_surrogates(self.network, attack)
        with forward_precision(self.config, self.device):
            return robustness(self.network, self.config.T, batches, attacks, self.normalisation, seed)

    def robust_accuracy(self, split: AnySplit, attack: Attack, seed: int = 0) -> float:
        """The accuracy of `robustness`, in percent."""
        return self.robustness(split, attack, seed).accuracy

    def _prepare(self, samples: Tensor) -> Tensor:
        """The input of the network: normalised floats, time first."""
        return network_input(samples.to(self.device), self.normalisation)

    def _check(self, samples: Tensor) -> None:
        spec = self.network.spec
        dtypes: list[torch.dtype] = [torch.uint8]
        shape: tuple[int, ...] = spec.image_shape
        if spec.has_time:
            dtypes, shape = [torch.uint8, torch.int16], (self.config.T, *shape)
        if samples.dtype not in dtypes or tuple(samples.shape[1:]) != shape or len(samples) == 0:
            kind = "event frames" if spec.has_time else "images"
            types, sizes = " or ".join(map(str, dtypes)), ", ".join(map(str, shape))
            raise UserError(
                f"{kind}: got {samples.dtype} {tuple(samples.shape)}, need {types} (N, {sizes}), N >= 1"
            )


def load(folder: str | Path, device: str | None = None, *, allow_code: bool = False) -> Predictor:
    """The network that `snncore.train` wrote in `folder`; `folder` may also be the config file of the
    training.

    device: None for CUDA if there is one. The training data need not be present, even if they are the user's
    own. allow_code: the network of a user is built by a Python module that the folder's config names, and a
    folder may come from anybody: the module is imported only if this is true.

    Raises:
        UserError: the folder holds no finished training, there is no such device, or the network is built by
            code that is not allowed.
    """
    folder = training_folder(folder)
    config = load_config(folder / CONFIG)
    require_allowed(config.model.arch, allow_code, folder / CONFIG)
    device = device_or_default(device)
    state = checkpoint.checked_state(folder / FINAL, NetworkState)
    spec = data_spec(config.data) if state.spec is None else state.spec.spec()
    shapes = checkpoint.tensor_shapes(folder / FINAL, checkpoint.NETWORK)
    if not own_module(config.model.arch):  # compare sizes before memory is allocated
        with torch.device("meta"):
            _require_fit(folder, _network(config, spec), shapes)
    network = _network(config, spec)
    _require_fit(folder, network, shapes)
    tensors = checkpoint.read_tensors(folder / FINAL, checkpoint.NETWORK, "cpu")
    network.load_state_dict({name: tensors[name] for name in network.state_dict()})  # without the branches
    normalisation = Normalisation(state.normalisation.mean, state.normalisation.std)
    if any(len(part) not in (1, spec.channels) for part in (normalisation.mean, normalisation.std)):
        raise UserError(f"{folder / FINAL}: the normalisation is not for {spec.channels} channels")
    return Predictor(config, network.to(device).eval(), normalisation, device)


def _require_fit(folder: Path, network: SpikingNetwork, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Check that a file with these tensors holds the weights of a network; it may hold branches too."""
    needed = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    stored = {name: shape for name, shape in shapes.items() if name.startswith("body.")}
    wrong = [name for name in {**needed, **stored} if needed.get(name) != stored.get(name)]
    if wrong:
        problems = [
            f"{name} is {_sizes(stored.get(name))}, needed {_sizes(needed.get(name))}" for name in wrong[:3]
        ]
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise UserError(
            f"{folder}: the weights do not fit the network of {CONFIG}: {'; '.join(problems)}{more}"
        )


def _sizes(shape: tuple[int, ...] | None) -> str:
    return "missing" if shape is None else f"{list(shape)}"


def _network(config: Config, spec: DataSpec) -> SpikingNetwork:
    """The network without branches, with random weights."""
    with torch.random.fork_rng(devices=[]):
        network = SpikingNetwork(make_body(config.model, spec, config.neuron), spec)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
