"""Export to NIR (Pedersen et al. 2024), the exchange format of neuromorphic simulators and chips.

The input of the written graph is that of one step (normalised as in training; a still image is the same at
every step), the output that step's logits; the prediction is their mean over T. The file's metadata hold T,
dt and the normalisation. NIR's neurons reset to a value, so the soft reset cannot be expressed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from snncore.config.schema import NeuronConfig
from snncore.data.batches.normalisation import Normalisation
from snncore.errors import UserError
from snncore.export.deployment import deployed_graph
from snncore.network.network import SpikingNetwork
from snncore.neuron.neuron import LIF
from snncore.neuron.quiet import quiet_spikingjelly

DT = 1e-4
"""Seconds per time step, as NIR's simulators assume; only its ratio to tau matters here."""


def to_nir(network: SpikingNetwork, metadata: dict[str, Any] | None = None) -> Any:
    """The deployed body as a `nir.NIRGraph`, batch norm folded, in the precision of the weights.

    Raises:
        UserError: the neurons have a soft reset, or NIR cannot express the body.
    """
    _refuse_soft_reset(network)
    graph = deployed_graph(network).cpu()
    weight = next(network.body.parameters())
    example = torch.zeros(1, *network.spec.image_shape, dtype=weight.dtype)
    with quiet_spikingjelly():
        for name, module in list(graph.named_modules()):
            if isinstance(module, LIF):
                graph.add_submodule(name, _spikingjelly_neuron(module.neuron))
        try:
            from spikingjelly.activation_based.nir_exchange import export_to_nir

            exported = export_to_nir(graph, example, dt=DT)
        except ModuleNotFoundError as error:
            raise UserError(
                f"NIR: the package {error.name!r} is missing; pip install nir nirtorch"
            ) from error
        except NotImplementedError as error:
            raise UserError(f"model.arch: cannot be expressed in NIR: {error}") from error
    exported.metadata = dict(metadata or {})
    return exported


def write_nir(network: SpikingNetwork, path: Path, T: int, normalisation: Normalisation) -> None:
    """Write the network as a NIR file.

    Raises:
        UserError: as `to_nir`.
        OSError: the file cannot be written.
    """
    metadata = {"T": T, "dt": DT, "mean": list(normalisation.mean), "std": list(normalisation.std)}
    graph = to_nir(network, metadata)
    import nir

    nir.write(path, graph)


def _refuse_soft_reset(network: SpikingNetwork) -> None:
    if any(isinstance(part, LIF) and part.neuron.reset == "soft" for part in network.modules()):
        raise UserError(
            "neuron.reset: NIR has the hard reset only, and this network was trained with 'soft'; "
            "train with neuron.reset: hard to export to NIR, or export the weights"
        )


def _spikingjelly_neuron(neuron: NeuronConfig) -> Any:
    """v ← v − v/tau + x with tau = 1/(1 − decay), which is v ← decay·v + x up to rounding."""
    from spikingjelly.activation_based.neuron import LIFNode

    return LIFNode(
        tau=1.0 / (1.0 - neuron.decay),
        decay_input=False,
        v_threshold=neuron.v_threshold,
        v_reset=0.0,
        step_mode="s",
    )
