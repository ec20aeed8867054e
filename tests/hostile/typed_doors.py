"""Doors at which something is typed or sent: options, rules, URLs, requests, and places of data."""

from __future__ import annotations

import json
from random import Random

from tests.hostile import raw
from tests.hostile.case import Case
from tests.hostile.genuine import CONFIG, KITS, SPACE
from tests.hostile.study_doors import RUN, record_files, resume
from tests.hostile.values import text, yaml_value

DONE = "done"
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
    return Case(("studies.export", RUN, "--pick", rule, "--out", "best.yaml"), record_files())


def _damaged(rng: Random, words: str) -> str:
    at = rng.randrange(len(words))
    return (
        words[:at]
        + rng.choice(("", "'", '"', ":", "<", " ", "\n", "🙂", "where", "and"))
        + words[at + rng.choice((0, 1, 5)) :]
    )


def storage(rng: Random) -> Case:
    """URLs of storages."""
    url = text(rng).replace("\0", "")
    if rng.random() < 0.4:
        argv = ["search.run", "--space", "space.yaml", "--study", "new", "--storage", url]
    else:
        argv = [*rng.choice((["search.record", RUN], resume(rng))), "--storage", url]
    return Case(tuple(argv), KITS["database"], {}, KITS["database"])


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
    return Case(("live-request", RUN, "request"), {**record_files(), "request": content})


def arguments(rng: Random) -> Case:
    """The options of every command."""
    command = rng.choice(list(_OPTIONS))
    options: list[str] = []
    for option in rng.choices(_OPTIONS[command], k=rng.choice((1, 1, 2))):
        options += [option, text(rng)] if rng.random() < 0.95 else [option]
    files = {**KITS["training"], **record_files(), "space.yaml": SPACE.encode()}
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
