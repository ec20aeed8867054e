"""Doors of trainings: configs, checkpoints, results, and data sets of every format."""

from __future__ import annotations

from random import Random

from tests.hostile.case import Case, Door
from tests.hostile.genuine import KITS
from tests.hostile.mutate import case_of

DONE = "done"


def config(rng: Random) -> Case:
    """A config file, up to the start of training."""
    return case_of(rng, "training", ["snncore.train", "best.yaml", "--out", "new"], r"^best\.yaml$")


def result(rng: Random) -> Case:
    """A training that has finished already, asked for again."""
    return case_of(
        rng, "training", ["snncore.train", "best.yaml", "--resume"], r"done/(result\.json|config\.yaml)$"
    )


def checkpoint(rng: Random) -> Case:
    """A trained network from elsewhere."""
    argv = rng.choice(
        (
            ["snncore.evaluate", DONE, "--samples", "20"],
            ["snncore.evaluate", DONE, "--samples", "20", "--split", "val", "--operations", "--fgsm", "0.1"],
            ["snncore.export_network", DONE, "--out", "net.safetensors"],
            ["snncore.export_network", DONE, "--out", "net.nir", "--fold-norms"],
        )
    )
    if rng.random() < 0.1:
        lines = KITS["training"]["done/config.yaml"].replace(b"arch: mlp", b"arch: canary_module:build")
        return Case(tuple(argv), {**KITS["training"], "done/config.yaml": lines}, {}, KITS["training"])
    return case_of(rng, "training", argv, r"^done/(final/|config)")


def restore(rng: Random) -> Case:
    """The checkpoint of a training that is continued."""
    argv = ["snncore.train", "best.yaml", "--out", "stopped", "--resume"]
    return case_of(rng, "training", argv, r"^stopped/")


def data(name: str, kit: str, options: str = "", T: int = 1, targets: str = "") -> Door:
    """A door of a data set: a config that names it, trained up to where the data have been read."""
    settings = f"data: {{name: {name}, root: data{options}}}\nmodel: {{arch: mlp}}\nT: {T}\n"

    def make(rng: Random) -> Case:
        more = {"best.yaml": settings.encode()}
        return case_of(rng, kit, ["snncore.train", "best.yaml", "--out", "new"], targets, more)

    make.__doc__ = f"Files of {name}."
    return make


def npz(kit: str, T: int) -> Door:
    settings = f"data: {{name: npz, root: data.npz}}\nmodel: {{arch: mlp}}\nT: {T}\n"

    def make(rng: Random) -> Case:
        more = {"best.yaml": settings.encode()}
        return case_of(rng, kit, ["snncore.train", "best.yaml", "--out", "new"], more=more)

    return make


def installed(rng: Random) -> Case:
    """`spikefront data NAME --from DIR`: archives from elsewhere."""
    name, targets = rng.choice(
        (
            ("fashion_mnist", "ubyte.gz"),
            ("cifar10", "cifar-10"),
            ("dvs_gesture", "ibmGesture"),
            ("nmnist", r"(train|test)\.zip"),
            ("shd", r"h5\.zip"),
        )
    )
    return case_of(
        rng, "archives", ["search.cli", "data", name, "--root", "data", "--from", "source"], targets
    )
