"""The doors of the product: for each kind of input, how a case against it is made."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random

from tests.hostile import planted
from tests.hostile.case import Case
from tests.hostile.genuine import CONFIG, KITS, SPACE
from tests.hostile.mutate import case_of
from tests.hostile.values import text, yaml_value
from tests.spaces.hostile_corpus import CASES, PLACES

Door = Callable[[Random], Case]

RUN, DONE = "runs/toy", "done"
FIELDS = (
    *(
        "T",
        "seed",
        "gradient",
        "precision",
        "preset",
        "out",
        "origin",
        "data",
        "model",
        "model.arch",
        "model.width",
    ),
    *(
        "data.name",
        "data.root",
        "data.size",
        "data.val_fraction",
        "data.train_limit",
        "data.augment",
        "data.workers",
    ),
    *("optim.lr", "optim.epochs", "optim.batch_size", "optim.name", "neuron.decay", "distillation.branches"),
    *(
        "distillation.mode",
        "distillation.alpha",
        "measure.batch_size",
        "x",
        "",
        "T.x",
        "optim.",
        ".",
        "__class__",
        "a" * 300,
    ),
)


def space(rng: Random) -> Case:
    """A space file."""
    argv = ["search.run", "--space", "space.yaml", "--dry-run"]
    choice = rng.random()
    if choice < 0.6:
        return case_of(rng, "run", argv, r"^space\.yaml$")
    if choice < 0.75:
        content, _ = CASES[rng.choice(list(CASES))]
        made = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    else:
        filled = PLACES[rng.choice(list(PLACES))].replace("@", yaml_value(rng))
        made = filled.encode("utf-8", "surrogatepass")
    return Case(tuple(argv), {"space.yaml": made})


def config(rng: Random) -> Case:
    """A config file, up to the start of training."""
    return case_of(rng, "training", ["snncore.train", "best.yaml", "--out", "new"], r"^best\.yaml$")


def override(rng: Random) -> Case:
    """`--set` of both commands that have it."""
    settings = [_setting(rng) for _ in range(rng.choice((1, 1, 2)))]
    options = [word for setting in settings for word in ("--set", setting)]
    if rng.random() < 0.5:
        return Case(("snncore.train", "best.yaml", "--out", "new", *options), {"best.yaml": CONFIG.encode()})
    return Case(
        ("search.run", "--space", "space.yaml", "--dry-run", *options), {"space.yaml": SPACE.encode()}
    )


def _setting(rng: Random) -> str:
    key = rng.choice(FIELDS) if rng.random() < 0.9 else text(rng)
    value = (yaml_value if rng.random() < 0.7 else text)(rng)
    return (f"{key}={value}" if rng.random() < 0.95 else value).replace("\0", "\\0")


def pick(rng: Random) -> Case:
    """`--pick` rules."""
    names = (
        "val_accuracy",
        "latency_ms",
        "T",
        "branches",
        "distillation.mode",
        "accuracy_at_t",
        "x",
        "",
        "9" * 300,
    )
    operators = ("<=", ">=", "<", ">", "==", "=", "!=", "<>", "", "in")
    rules = (
        lambda: (
            "trial:"
            + rng.choice(("9" * 5000, "-1", "0", "1", "1.5", "٣", "１", "+1", "1e3", " 1", "0x1", ""))
        ),
        lambda: f"best:{rng.choice(names)}",
        lambda: f"best:{rng.choice(names)} where {_limit()}",
        lambda: (
            f"best:{rng.choice(names)} where {' and '.join(_limit() for _ in range(rng.choice((2, 3, 500))))}"
        ),
        lambda: "knee" + text(rng),
        lambda: text(rng),
        lambda: _damaged(rng, "best:val_accuracy where train_memory_mib<=2048 and distillation.mode=='none'"),
    )

    def _limit() -> str:
        value = rng.choice(
            ("3", "9" * 5000, "1e999", "nan", "inf", "'x'", '"', "true", "null", "[1]", "-0", text(rng))
        )
        return f"{rng.choice(names)}{rng.choice(operators)}{value}"

    rule = rng.choice(rules)()
    return Case(("studies.export", RUN, "--pick", rule, "--out", "best.yaml"), _record())


def _record() -> dict[str, bytes]:
    return {path: content for path, content in KITS["run"].items() if path.endswith(".parquet")}


def _damaged(rng: Random, words: str) -> str:
    at = rng.randrange(len(words))
    return (
        words[:at]
        + rng.choice(("", "'", '"', ":", "<", " ", "\n", "🙂", "where", "and"))
        + words[at + rng.choice((0, 1, 5)) :]
    )


def journal(rng: Random) -> Case:
    """The journal of a study: its record made again, and a resume up to the start of Ray."""
    argv = rng.choice((["search.record", RUN], _resume(rng)))
    return case_of(rng, "run", argv, r"journal\.log$")


def _resume(rng: Random) -> list[str]:
    argv = ["search.run", "--resume", "--study", "toy"]
    return [*argv, "--space", "space.yaml"] if rng.random() < 0.3 else argv


def database(rng: Random) -> Case:
    """A study in a database."""
    named = ["--storage", "sqlite:///toy.db"] if rng.random() < 0.3 else []
    argv = [*rng.choice((["search.record", RUN], _resume(rng))), *named]
    return case_of(rng, "database", argv, r"toy\.db$|storage\.url$", p_special=0.05)


def storage(rng: Random) -> Case:
    """URLs of storages."""
    url = text(rng).replace("\0", "")
    if rng.random() < 0.4:
        argv = ["search.run", "--space", "space.yaml", "--study", "new", "--storage", url]
    else:
        argv = [*rng.choice((["search.record", RUN], _resume(rng))), "--storage", url]
    return Case(tuple(argv), KITS["database"], {}, KITS["database"])


def record(rng: Random) -> Case:
    """Parquet files, by every command that reads them."""
    argv: Sequence[str] = rng.choice(
        (
            ["studies.show", RUN],
            ["studies.show", RUN],
            [
                "studies.show",
                RUN,
                "--format",
                rng.choice(("csv", "json")),
                "--what",
                rng.choice(("trials", "epochs")),
            ],
            ["studies.show", RUN, "--format", "parquet", "--out", "out.parquet"],
            [
                "studies.export",
                RUN,
                "--pick",
                rng.choice(("knee", "trial:1", "best:val_accuracy")),
                "--out",
                "x.yaml",
            ],
            ["studies.tensorboard", RUN],
            ["reports.build", RUN],
            ["reports.build", RUN],
            ["reports.compare", RUN, "runs/other"],
            ["search.simulate", "--study", RUN, "--sampler", "random", "--seeds", "1"],
            ["live-request", RUN, "request"],
        )
    )
    other = {path.replace(RUN, "runs/other"): content for path, content in _record().items()}
    request = {"request": b"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"}
    return case_of(rng, "run", argv, r"runs/toy/[^/]*\.parquet$", other | request)


def final(rng: Random) -> Case:
    """result.json of a final training, as the study's commands and the training itself read it."""
    argv = rng.choice((["studies.show", RUN], ["reports.build", RUN]))
    return case_of(rng, "run", argv, r"result\.json$")


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


def warm_start(rng: Random) -> Case:
    """A hostile study to learn from, up to the start of Ray."""
    argv = ["search.run", "--space", "space.yaml", "--study", "next", "--warm-start", RUN]
    return case_of(rng, "run", argv, r"runs/toy/[^/]*\.parquet$")


def folder(rng: Random) -> Case:
    """The other files of a run folder."""
    argv = rng.choice((["search.record", RUN], _resume(rng), ["studies.show", RUN], ["reports.build", RUN]))
    return case_of(rng, "run", argv, r"^runs/toy/(space\.yaml|front/|finals/|journal)", p_special=0.5)


_REQUESTS = (
    "GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n",
    "GET /version HTTP/1.0\r\nHost: localhost:{port}\r\n\r\n",
    "HEAD / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 5\r\n\r\nhello",
)
_TARGETS = (
    "http://[::1",
    "//[",
    "http://[x]/",
    "/\udcff",
    "/%00",
    "/" + "x" * 70_000,
    "*",
    "",
    "http://x:99999999/",
    "/[",
    "///",
    "?",
    "//\u2100.com",
)


def request(rng: Random) -> Case:
    """Requests to the live page."""
    from tests.hostile import raw

    content = rng.choice(_REQUESTS).encode()
    choice = rng.random()
    if choice < 0.4:
        target = rng.choice(_TARGETS).encode("utf-8", "surrogateescape")
        content = content.replace(b" / ", b" " + target + b" ", 1)
    elif choice < 0.6:
        header = rng.choice(
            (
                "Host: [",
                "Content-Length: -1",
                "Host: " + "x" * 70_000,
                "x",
                ": x",
                "Transfer-Encoding: chunked",
                "\0: \0",
            )
        )
        content = content.replace(b"\r\n\r\n", f"\r\n{header}\r\n\r\n".encode() * rng.choice((1, 1, 200)))
    elif choice < 0.7:
        content = content.replace(
            content.split()[0], rng.choice((b"POST", b"x" * 300, b"\xff", b"get", b"OPTIONS", b"__init__"))
        )
    else:
        content = raw.mutate(rng, content)
    return Case(("live-request", RUN, "request"), {**_record(), "request": content})


def arguments(rng: Random) -> Case:
    """The options of every command."""
    command = rng.choice(list(_OPTIONS))
    options: list[str] = []
    for option in rng.choices(_OPTIONS[command], k=rng.choice((1, 1, 2))):
        options += [option, text(rng)] if rng.random() < 0.95 else [option]
    files = {**KITS["training"], **_record(), "space.yaml": SPACE.encode()}
    return Case((*command, *(word.replace("\0", "") for word in options)), files, {}, files)


_OPTIONS: dict[tuple[str, ...], list[str]] = {
    ("search.run", "--space", "space.yaml", "--dry-run"): [
        *(
            "--study",
            "--out",
            "--trials",
            "--time-budget",
            "--address",
            "--storage",
            "--warm-start",
            "--replicates",
        ),
        *("--seed", "--checkpoints", "--live", "--keep-checkpoints", "--space", "--fresh-name"),
    ],
    ("search.run", "--space", "space.yaml"): [
        *(
            "--study",
            "--out",
            "--trials",
            "--time-budget",
            "--storage",
            "--warm-start",
            "--checkpoints",
            "--space",
        ),
    ],
    ("search.run", "--resume"): ["--study", "--out", "--storage", "--space"],
    ("search.record",): ["--storage", "", "--"],
    ("search.simulate", "--study", RUN): [
        "--sampler",
        "--slots",
        "--trials",
        "--seeds",
        "--probes",
        "--min-epochs",
    ],
    ("search.cli", "data"): ["--root", "--from", ""],
    ("search.cli",): ["", "x"],
    ("snncore.train", "best.yaml", "--out", "new"): ["--out", "--device", "--threads", "--set", "--resume"],
    ("snncore.train",): ["--out", ""],
    ("snncore.evaluate", DONE): [
        *(
            "--split",
            "--samples",
            "--early-exit",
            "--fgsm",
            "--pgd",
            "--pgd-steps",
            "--pgd-step-size",
            "--seed",
        ),
        *("--device", "--json"),
    ],
    ("snncore.evaluate",): ["", "--device"],
    ("snncore.export_network", DONE): ["--out"],
    ("studies.show", RUN): ["--format", "--what", "--out"],
    ("studies.show",): ["", "--"],
    ("studies.export", RUN, "--pick", "knee"): ["--out"],
    ("studies.tensorboard", RUN): ["--out"],
    ("reports.build", RUN): ["--images"],
    ("reports.build",): ["", "--"],
    ("reports.compare", RUN): ["--out", "--reference", ""],
}


def _data(name: str, kit: str, options: str = "", T: int = 1, targets: str = "") -> Door:
    """A door of a data set: a config that names it, trained up to where the data have been read."""
    settings = f"data: {{name: {name}, root: data{options}}}\nmodel: {{arch: mlp}}\nT: {T}\n"

    def make(rng: Random) -> Case:
        more = {"best.yaml": settings.encode()}
        return case_of(rng, kit, ["snncore.train", "best.yaml", "--out", "new"], targets, more)

    make.__doc__ = f"Files of {name}."
    return make


def _npz(kit: str, T: int) -> Door:
    settings = f"data: {{name: npz, root: data.npz}}\nmodel: {{arch: mlp}}\nT: {T}\n"

    def make(rng: Random) -> Case:
        more = {"best.yaml": settings.encode()}
        return case_of(rng, kit, ["snncore.train", "best.yaml", "--out", "new"], more=more)

    return make


def root(rng: Random) -> Case:
    """Places of data that are none."""
    name = rng.choice(
        ("folder", "npz", "digits", "cifar10", "fashion_mnist", "imagenet", "nmnist", "shd", "x")
    )
    place = text(rng).encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    settings = f"data: {{name: {name}, root: {json.dumps(place)}}}\nmodel: {{arch: mlp}}\nT: 1\n"
    if rng.random() < 0.7:
        return Case(("snncore.train", "best.yaml", "--out", "new"), {"best.yaml": settings.encode()})
    return Case(
        ("search.cli", "data", name, "--root", place.replace("\0", "")), {"best.yaml": settings.encode()}
    )


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


DOORS: dict[str, Door] = {
    "space": space,
    "config": config,
    "set": override,
    "pick": pick,
    "journal": journal,
    "database": database,
    "storage": storage,
    "record": record,
    "final": final,
    "result": result,
    "checkpoint": checkpoint,
    "restore": restore,
    "warm_start": warm_start,
    "folder": folder,
    "request": request,
    "arguments": arguments,
    "npz": _npz("npz", 1),
    "npz_frames": _npz("frames", 2),
    "images": _data("folder", "images"),
    "images_resized": _data("folder", "images", ", size: 8"),
    "fashion_mnist": _data("fashion_mnist", "fashion"),
    "cifar10": _data("cifar10", "cifar10"),
    "cifar100": _data("cifar100", "cifar100"),
    "imagenet": _data("imagenet", "imagenet", ", augment: imagenet, workers: 0"),
    "nmnist": _data("nmnist", "nmnist", T=2),
    "frame_cache": _data("nmnist", "frame_cache", T=2, targets="event_frames"),
    "dvs_gesture": _data("dvs_gesture", "dvs_gesture", ", size: 16", T=2),
    "shd": _data("shd", "shd", T=2),
    "aedat4": _data("cifar10_dvs", "aedat4", ", size: 16", T=2),
    "aedat2": _data("cifar10_dvs", "aedat2", ", size: 16, frames_by: count", T=2),
    "root": root,
    "install": installed,
}
"""By the name that `--door` takes."""

OF_FILES = frozenset(DOORS) - {"space", "set", "pick", "storage", "request", "arguments", "root"}
"""Those whose cases are genuine files that were changed."""


def _planted(command: str) -> Door:
    return lambda _: Case((command, "input"), {"input": b"some!thing\n" * 20})


ALL_DOORS: dict[str, Door] = DOORS | {name: _planted(name) for name in planted.COMMANDS}
"""Also those of commands that have a fault each."""
