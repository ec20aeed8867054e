r"""Space files that nobody would write, or that somebody wrote to do harm, each with what must be told.

A case is a whole file and the key that a mistake must name; "" stands for a mistake of the file as a whole,
which must name its line, and FINE for a file that is accepted. `{}` in PLACES is where a value goes.
"""

from __future__ import annotations

FINE = None
H = "name: x\nobjectives: {val_accuracy: maximize}\n"
S = "search: {T: {int: [1, 4]}}\n"
OK = H + S


def searched(text: str) -> str:
    """A file that searches what `text` says, from line 4 on."""
    return f"{H}search:\n  {text}\n"


def numbers(n: int) -> str:
    """1, 2, …, n, as in a list."""
    return ", ".join(map(str, range(1, n + 1)))


NUMBERS = {
    "infinite by exponent": (searched("optim.lr: {float: [0.1, 1e999]}"), "search.optim.lr.float[1]"),
    "minus infinity": (searched("optim.lr: {float: [-.inf, 1]}"), "search.optim.lr.float[0]"),
    "not a number": (searched("optim.lr: {float: [.nan, .NaN]}"), "search.optim.lr.float[0]"),
    "smallest float": (searched("optim.lr: {float: [5e-324, 1], log: true}"), FINE),
    "underflow to 0": (searched("optim.lr: {float: [1e-999, 1], log: true}"), "search.optim.lr.log"),
    "widest floats": (searched("optim.lr: {float: [-1.7e308, 1.7e308]}"), "search.optim.lr.float"),
    "10^5 digits": (searched(f"T: {{int: [1, 1{'0' * 100_000}]}}"), "search.T.int[1]"),
    "10^5 digits of a fraction": (searched(f"optim.lr: {{float: [0.{'1' * 100_000}, 1]}}"), FINE),
    "10^5 hexadecimal digits": (searched(f"T: {{int: [1, 0x{'f' * 100_000}]}}"), "search.T.int[1]"),
    "10^5 binary digits": (searched(f"T: {{int: [1, 0b{'1' * 100_000}]}}"), "search.T.int[1]"),
    "5000 digits": (searched(f"T: {{int: [1, {'9' * 5000}]}}"), "search.T.int[1]"),
    "2^63": (searched(f"T: {{int: [1, {2**63}]}}"), "search.T.int[1]"),
    "2^53 + 1": (searched(f"T: {{int: [1, {2**53 + 1}]}}"), "search.T.int[1]"),
    "2^53 steps": (searched(f"optim.batch_size: {{int: [1, {2**53}]}}"), FINE),
    "a long range in tiny steps": (
        searched("optim.lr: {float: [1, 1000000001], step: 1e-9}"),
        "search.optim.lr.step",
    ),
    "10^15 tiny steps": (searched("optim.lr: {float: [1, 1000001], step: 1e-9}"), "search.optim.lr.step"),
    "tiny steps far away": (
        searched("optim.lr: {float: [1000000000, 1000000001], step: 1e-6}"),
        "search.optim.lr.step",
    ),
    "nearly 10^9 steps": (searched("optim.lr: {float: [1, 9], step: 1e-8}"), FINE),
    "a step of nearly nothing": (
        searched("optim.lr: {float: [0.1, 1], step: 5e-324}"),
        "search.optim.lr.step",
    ),
    "a huge step": (searched("optim.lr: {float: [0.1, 1], step: 1e308}"), "search.optim.lr.step"),
    "a grid of 10^9 to enumerate": (
        searched("optim.lr: {float: [1, 9], step: 1e-8}") + "sampler: grid\n",
        FINE,
    ),
    "a range of 10^9 that a `when` names": (
        searched("optim.batch_size: {int: [1, 1000000000]}")
        + "  gradient: {choice: [rate, bptt], when: {optim.batch_size: [999999999]}}\n",
        FINE,
    ),
    "minus zero": (searched("distillation.beta: {float: [-0.0, 0.0]}"), FINE),
    "minus zero as an integer": (searched("optim.warmup_epochs: {int: [-0, 3]}"), FINE),
    "minus zero twice": (
        searched("distillation.beta: {choice: [0.0, -0.0]}"),
        "search.distillation.beta.choice[1]",
    ),
    "underscores": (searched("optim.batch_size: {int: [1, 1_000]}"), FINE),
    "octal of YAML 1.1": (searched("optim.batch_size: {int: [8, 012]}"), FINE),
    "octal of YAML 1.2": (searched("optim.batch_size: {int: [8, 0o14]}"), FINE),
    "sexagesimal": (searched("optim.batch_size: {int: [1, 1:30]}"), "search.optim.batch_size.int[1]"),
    "date": (searched("T: {int: [1, 2001-01-01]}"), "search.T.int[1]"),
    "time stamp": (searched("T: {int: [2001-12-14t21:59:43.10-05:00, 3]}"), "search.T.int[0]"),
    "yes for a number": (searched("T: {int: [yes, 3]}"), "search.T.int[0]"),
    "a lone sign": (searched("T: {int: [-_, 3]}"), "search.T.int[0]"),
    "a lone point": (searched("T: {int: [._, 3]}"), "search.T.int[0]"),
    "digits of another script": (searched("T: {int: [١, ٣]}"), "search.T.int[0]"),
    "full-width digits": (searched("T: {int: [１, ３]}"), "search.T.int[0]"),
    "a number in quotes": (searched("T: {int: ['1', 3]}"), "search.T.int[0]"),
    "a float for an integer": (searched("T: {int: [1, 4e0]}"), "search.T.int[1]"),
    "true for 1": (searched("T: {int: [true, 4]}"), "search.T.int[0]"),
    "more time steps than there may be": (searched("T: {int: [1, 4000000]}"), "search.T.int[1]"),
    "endless budget": (OK + "budget: {trials: 1e999}\n", "budget.trials"),
    "budget of 10^18": (OK + f"budget: {{trials: {10**18}}}\n", "budget.trials"),
    "negative budget": (OK + "budget: {trials: -1}\n", "budget.trials"),
    "eta of 1": (OK + "fidelity: {min_epochs: 1, eta: 1}\n", "fidelity.eta"),
    "seed of 2^32": (OK + f"sampler: {{seed: {2**32}}}\n", "sampler.seed"),
    "no cores": (OK + "resources: {cpu: 0}\n", "resources.cpu"),
    "cores without end": (OK + "resources: {cpu: .inf}\n", "resources.cpu"),
    "negative GPUs": (OK + "resources: {gpu: -1}\n", "resources.gpu"),
    "21 replicates": (OK + "replicates: 21\n", "replicates"),
    "half a replicate": (OK + "replicates: 0.5\n", "replicates"),
    "replicates without end": (OK + "replicates: .inf\n", "replicates"),
    "a reference at infinity": (
        "name: x\nobjectives: {macs: {direction: minimize, reference: -.inf}}\n" + S,
        "objectives.macs.reference",
    ),
    "a limit that is no number": (OK + "constraints: {macs: {max: .nan}}\n", "constraints.macs.max"),
    "limits that cross": (OK + "constraints: {macs: {max: 1, min: 2}}\n", "constraints.macs"),
    "all probes of the world": (
        OK + "sampler: {name: cheap_first, probes: 1e999}\n",
        "sampler.probes",
    ),
    "a share above 1": (OK + "sampler: {name: cheap_first, probe_share: 1.1}\n", "sampler.probe_share"),
    "a share that is no number": (OK + "sampler: {name: auto, probe_share: .nan}\n", "sampler.probe_share"),
}

CODE = {
    "os.system": (OK + "base: !!python/object/apply:os.system ['touch CANARY']\n", "base"),
    "os.system at the root": ("!!python/object/apply:os.system ['touch CANARY']\n", ""),
    "os.system as a key": ("? !!python/object/apply:os.system ['touch CANARY']\n: 1\n" + OK, ""),
    "os.system in a choice": (
        searched("optim.lr: {choice: [!!python/object/apply:os.system ['touch CANARY'], 1]}"),
        "search.optim.lr.choice[0]",
    ),
    "os.system in a when": (
        searched("T: {int: [1, 2], when: {gradient: !!python/object/apply:os.system ['touch CANARY']}}"),
        "search.T.when.gradient",
    ),
    "subprocess": (
        OK + "base: {out: !!python/object/apply:subprocess.getoutput ['touch CANARY']}\n",
        "base.out",
    ),
    "eval": (OK + "base: !!python/object/apply:eval [\"open('CANARY', 'w')\"]\n", "base"),
    "new object": (OK + "base: !!python/object/new:os.system ['touch CANARY']\n", "base"),
    "python name": (OK + "base: !!python/name:os.system\n", "base"),
    "python module": (OK + "base: {out: !!python/module:canary_module }\n", "base.out"),
    "python tuple": (searched("T: {int: !!python/tuple [1, 4]}"), "search.T.int"),
    "tag by its full name": (
        OK + "base: !<tag:yaml.org,2002:python/object/apply:os.system> ['touch CANARY']\n",
        "base",
    ),
    "tag by a handle": (
        "%TAG !p! tag:yaml.org,2002:python/object/apply:\n---\n"
        + OK
        + "base: !p!os.system ['touch CANARY']\n",
        "base",
    ),
    "a handle for the usual tags": (
        "%TAG !! tag:yaml.org,2002:python/\n---\n" + OK + "base: !!object/apply:os.system ['touch CANARY']\n",
        "base",
    ),
    "tag of ruby": (OK + "base: !ruby/object:Gem::Installer {i: x}\n", "base"),
    "tag of java": (OK + "base: !!javax.script.ScriptEngineManager [!!java.net.URL ['http://x']]\n", "base"),
    "unknown handle": (OK + "base: !e!x 1\n", "base"),
    "own tag": (OK + "name2: !x 1\n", "name2"),
    "binary": (OK + "base: {out: !!binary aGVsbG8=}\n", "base.out"),
    "binary that is none": (OK + "base: {out: !!binary '%%%'}\n", "base.out"),
    "set": (OK + "base: !!set {a, b}\n", "base"),
    "ordered map": (OK + "base: !!omap [a: 1]\n", "base"),
    "time stamp by tag": (OK + "name2: !!timestamp 2001-01-01\n", "name2"),
    "integer by tag": (OK + "budget: {trials: !!int '3'}\n", "budget.trials"),
    "float by tag": (searched("optim.lr: {float: [!!float '0.1', 1]}"), "search.optim.lr.float[0]"),
    "text by tag": (OK + "base: {gradient: !!str bptt}\n", "base.gradient"),
    "null by tag": (OK + "base: !!null ''\n", "base"),
    "a tag on a good section": ("name: x\nobjectives: !x {val_accuracy: maximize}\n" + S, "objectives"),
    "a tag without a name": (OK + "base: ! 1\n", "base"),
    "a tag that is not closed": (OK + "base: !<x 1\n", "base"),
    "a module with code": (searched("model.arch: {choice: [canary_module:make, convnet]}"), FINE),
    "a module by its path": (searched("model.arch: {choice: [/tmp/x:make]}"), "search.model.arch.choice[0]"),
    "code for a module": (
        searched("model.arch: {choice: [\"__import__('os').system('touch CANARY'):x\"]}"),
        "search.model.arch.choice[0]",
    ),
    "a template": (OK + "base: {gradient: '{{ 7*7 }}'}\n", "base.gradient"),
    "a variable of the shell": (OK + "name2: $(touch CANARY)\n", "name2"),
    "an include": (OK + "base: !include /etc/passwd\n", "base"),
}

LAUGHS = "a: &a [x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 8)}]" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
ALIASES = {
    "a billion laughs": (LAUGHS, "d[7]"),
    "a billion laughs in the base": (
        OK + "base:\n" + "".join(f"  {line}\n" for line in LAUGHS.splitlines()),
        "base.d[7]",
    ),
    "quadratic growth": (OK + f"a: &a [{numbers(400)}]\nb: [{', '.join(['*a'] * 400)}]\n", "b[11]"),
    "a long text a thousand times": (
        OK + f"a: &a '{'x' * 4000}'\nsearch2: [{', '.join(['*a'] * 1000)}]\n",
        "search2",
    ),
    "an alias of itself": (OK + "base: &a [*a]\n", "base[0]"),
    "an alias of itself in a mapping": (OK + "base: &a {x: *a}\n", "base.x"),
    "an alias of itself as a key": (OK + "base: &a {*a : 1}\n", "base"),
    "an alias of the whole file": ("&a\n" + OK + "base: *a\n", "base"),
    "two aliases in a circle": (OK + "a: &a {b: &b {a: *a}}\n", "a.b.a"),
    "an alias of nothing": (OK + "base: *nobody\n", "base"),
    "an alias before its anchor": (OK + "base: *a\nb: &a 1\n", "base"),
    "aliases nested too deep": (
        "\n".join(["k0: &k0 [1]", *(f"k{i + 1}: &k{i + 1} [*k{i}]" for i in range(30)), OK]),
        "k19[0]",
    ),
    "an alias for a key": ("n: &n name\n*n : x\nobjectives: {val_accuracy: maximize}\n" + S, "n"),
    "an anchor used well": (
        searched("T: &range {int: [1, 4]}") + "  optim.epochs: *range\n",
        FINE,
    ),
    "an anchor defined twice": (searched("T: &r {int: [1, 4]}") + "  optim.epochs: &r {int: [5, 6]}\n", FINE),
    "an anchor without a name": (OK + "base: & 1\n", "base"),
    "a merge key": (OK + "base: {<<: {T: 2}}\n", "base.<<"),
    "a merge key with an alias": (
        searched("T: &r {int: [1, 4]}") + "  optim.epochs: {<<: *r}\n",
        "search.optim.epochs.<<",
    ),
    "a merge key at the root": ("<<: {name: x}\n" + OK, "<<"),
    "a merge key in quotes": (OK + "base: {'<<': 1}\n", "base.<<"),
    "a merge of a list": (OK + "base: {<<: [{T: 1}, {T: 2}]}\n", "base.<<"),
    "4000 anchors": (OK + f"base: [{', '.join(f'&a{i} 1' for i in range(4000))}]\n", "base"),
    "an endless anchor": (OK + f"base: &{'a' * 100_000} 1\n", "base"),
}

TEXTS = {
    "right-to-left override": (OK + 'base: {gradient: "rate\\u202ebptt"}\n', "base.gradient"),
    "right-to-left override as it is": (OK + "base: {gradient: rate\u202ebptt}\n", "base.gradient"),
    "a key with a right-to-left override": (OK + "se\u202earch: 1\n", "se\\u202earch"),
    "a key of invisible characters": (OK + '"\\u200b\\u200d": 1\n', "\\u200b\\u200d"),
    "a Cyrillic look-alike": (OK.replace("search", "se\u0430rch"), "se\u0430rch"),
    "a key of emoji": (searched("🙂: {int: [1, 2]}"), "search.🙂"),
    "a value of emoji": (OK + "base: {gradient: 🙂}\n", "base.gradient"),
    "a name of emoji": (OK.replace("name: x", "name: 🙂"), "name"),
    "a name with a null": (OK.replace("name: x", 'name: "a\\0b"'), "name"),
    "a null character": (OK + "base: {out: \0}\n", ""),
    "a control character": (OK + "base: {out: \x07}\n", ""),
    "a delete character": (OK + "base: {out: \x7f}\n", ""),
    "terminal escapes": (OK + 'base: {gradient: "\\e[31mred\\e]0;title\\a"}\n', "base.gradient"),
    "a key of terminal escapes": (OK + '"\\e[2J": 1\n', "\\x1b[2J"),
    "a new line in a key": (OK + '"a\\nb": 1\n', "a\\nb"),
    "half of a surrogate pair": (OK + 'base: {out: "\\ud800"}\n', "base.out"),
    "half of a surrogate pair as a key": (OK + '"\\udfff": 1\n', ""),
    "both halves of a surrogate pair": (OK + 'base: {gradient: "\\ud83d\\ude42"}\n', "base.gradient"),
    "an escape beyond Unicode": (OK + 'base: {out: "\\U00110000"}\n', "base.out"),
    "an escape far beyond Unicode": (OK + 'base: {out: "\\UFFFFFFFF"}\n', "base.out"),
    "an escape that is none": (OK + 'base: {out: "\\q"}\n', "base.out"),
    "a short escape": (OK + 'base: {out: "\\x4"}\n', "base.out"),
    "a character that is none": (OK + "base: {out: \ufffe}\n", ""),
    "a byte order mark": (b"\xef\xbb\xbf" + OK.encode(), FINE),
    "two byte order marks": (b"\xef\xbb\xbf" * 2 + OK.encode(), FINE),
    "a byte order mark in the middle": (OK + "\ufeffbase: {}\n", "\\ufeffbase"),
    "UTF-16": (OK.encode("utf-16"), ""),
    "UTF-16 without a mark": (OK.encode("utf-16-le"), ""),
    "UTF-32": (OK.encode("utf-32"), ""),
    "Latin-1": (OK.encode() + b"# caf\xe9\n", ""),
    "overlong UTF-8": (OK.encode() + b"base: \xc0\xaf\n", ""),
    "a surrogate in UTF-8": (OK.encode() + b"base: \xed\xa0\x80\n", ""),
    "any bytes": (bytes(range(256)) * 10, ""),
    "an ELF file": (b"\x7fELF\x02\x01\x01" + b"\0" * 100, ""),
    "a gzip file": (b"\x1f\x8b\x08\x00" + b"\0" * 100, ""),
    "a pickle": (b"\x80\x04\x95\x1d\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94\x8c\x06system\x94.", ""),
    "HTML": ("<!DOCTYPE html>\n<html><body>404</body></html>\n", ""),
    "JSON": ('{"name": "x", "search": {"T": {"int": [1, 4]}}, "objectives": {"macs": "minimize"}}', FINE),
    "Python": ("import os\nos.system('touch CANARY')\n", ""),
    "old Macintosh line ends": (OK.replace("\n", "\r"), FINE),
    "Windows line ends": (OK.replace("\n", "\r\n"), FINE),
    "line separators of Unicode": (OK + "# a\u2028# b\u2029# c\x85# d\n", FINE),
}

SYNTAX = {
    "nothing": ("", ""),
    "a new line": ("\n", ""),
    "a null": ("null\n", ""),
    "a comment": ("# nothing\n", ""),
    "a document without content": ("---\n...\n", ""),
    "a number": ("3\n", ""),
    "a text": ("text\n", ""),
    "a list": ("[1, 2]\n", ""),
    "an empty mapping": ("{}\n", "search"),
    "an empty list": ("[]\n", ""),
    "two documents": (OK + "---\n" + OK, ""),
    "two documents, the first empty": ("---\n---\n" + OK, ""),
    "YAML 1.1": ("%YAML 1.1\n---\n" + OK, ""),
    "YAML 1.2": ("%YAML 1.2\n---\n" + OK, FINE),
    "YAML 3": ("%YAML 3.0\n---\n" + OK, ""),
    "YAML of a thousand digits": (f"%YAML 1.{'9' * 5000}\n---\n" + OK, ""),
    "an unknown directive": ("%FOO bar\n---\n" + OK, FINE),
    "a directive twice": ("%YAML 1.2\n%YAML 1.2\n---\n" + OK, ""),
    "a duplicate key": (OK + "name: y\n", "name"),
    "a duplicate key in a section": (searched("T: {int: [1, 2], int: [3, 4]}"), "search.T.int"),
    "a duplicate field": (searched("T: {int: [1, 2]}\n  T: {int: [3, 4]}"), "search.T"),
    "a duplicate key in quotes": (searched("T: {int: [1, 2]}\n  'T': {int: [3, 4]}"), "search.T"),
    "a thousand duplicate keys": ("name: x\n" * 1000, "name"),
    "a number as a key": (searched("1: {int: [1, 2]}"), "search"),
    "a null as a key": (OK + "~: 1\n", ""),
    "an empty key": (OK + ": 1\n", ""),
    "an empty text as a key": (OK + "'': 1\n", '""'),
    "true as a key": (OK + "base: {true: 1}\n", "base"),
    "a list as a key": (OK + "base: {[a]: 1}\n", "base"),
    "a mapping as a key": (OK + "base: {{a: 1}: 1}\n", "base"),
    "not a number as a key": (OK + "base: {.nan: 1}\n", "base"),
    "a tab": (H + "search:\n\tT: {int: [1, 2]}\n", "search"),
    "a tab between": (H + "search:\tT\n", "search"),
    "an open quote": (OK + "base: {out: 'x}\n", "base.out"),
    "an open bracket": (OK + "base: {out: [x\n", "base.out[1]"),
    "a bracket too many": (OK + "base: {}}\n", ""),
    "a wrong bracket": (OK + "base: {out: [x}]\n", "base.out[1]"),
    "two colons": (OK + "base: a: b\n", ""),
    "a wrong indentation": (H + "search:\n   T: {int: [1, 2]}\n  gradient: x\n", ""),
    "a reserved character": (OK + "base: @x\n", "base"),
    "a list item in a mapping": (OK + "- x\n", ""),
    "a block of text for a section": (H + "search: |\n  T: {int: [1, 4]}\n", "search"),
    "10,000 brackets": (OK + "base: " + "[" * 10_000 + "]" * 10_000, "base" + "[0]" * 19),
    "10,000 braces": (OK + "base: " + "{a: " * 10_000 + "}" * 10_000, "base" + ".a" * 19),
    "10,000 list items": (OK + "base: " + "- " * 10_000, "base"),
    "10,000 nested list items": ("- " * 10_000, "[0]" * 20),
    "10,000 keys within keys": ("? " * 10_000, ""),
    "10,000 levels of indentation": (
        "".join(" " * i + "a:\n" for i in range(400)),
        ".".join("a" * 20),
    ),
    "25,000 documents": (OK + "---\n" * 25_000, ""),
    "60,000 comments": (OK + "#\n" * 60_000, FINE),
    "120,000 blank lines": (OK + "\n" * 120_000, FINE),
    "an endless line": (OK + "#" * 120_000, FINE),
    "an endless key": (OK + "k" * 100_000 + ": 1\n", ""),
    "an endless key in quotes": (OK + f"'{'k' * 900}': 1\n", "k" * 79 + "…"),
    "an endless value": (OK + f"base: {{gradient: {'v' * 100_000}}}\n", "base.gradient"),
    "an endless text over lines": (OK + "base: a\n" + " a\n" * 40_000, "base"),
    "an endless quoted text": (OK + 'base: "' + "\\x41" * 30_000 + '"\n', "base"),
    "an endless block": (OK + "base: |\n" + "  a\n" * 30_000, "base"),
    "commas": (OK + f"base: [{',' * 100_000}]\n", "base[0]"),
    "colons": (OK + f"base: {{{':' * 100_000}}}\n", "base"),
    "question marks": (OK + f"base: {{{'? ' * 50_000}}}\n", "base"),
    "a tag on every item": (OK + f"base: [{', '.join(['!x 1'] * 4000)}]\n", "base[0]"),
}

FIELDS = {
    "preset": "[null, p1_cifar10, p2_cifar10]",
    "data.name": "[digits, cifar10, shd, nmnist]",
    "data.augment": "[none, crop_flip, events]",
    "data.events": "[none, saccades]",
    "data.size": "[8, 64]",
    "model.arch": "[convnet, mlp, vgg9]",
    "distillation.mode": "[none, reliable, strong2weak]",
    "gradient": "[rate, bptt]",
    "optim.epochs": "[5, 50]",
    "optim.warmup_epochs": "[0, 10]",
    "data.frames_by": "[time, count]",
    "data.root": "[a, b]",
    "neuron.reset": "[soft, hard]",
    "neuron.detach_reset": "[true, false]",
    "neuron.surrogate": "[sigmoid, arctan]",
    "distillation.variant": "[pair, cascade]",
    "distillation.alpha_on": "[all, branches]",
    "optim.name": "[sgd, adamw]",
    "optim.schedule": "[cosine, step]",
    "optim.loss_over_T": "[true, false]",
    "precision": "[fp32, bf16]",
    "seed": "[0, 1]",
    "T": "[1, 2, 3]",
    "measure.threads": "[1, 2]",
    **{f"optim.{name}": "[0.1, 0.2]" for name in ("lr", "momentum", "weight_decay", "label_smoothing")},
    **{f"distillation.{name}": "[0.1, 0.2]" for name in ("alpha", "beta", "beta_temporal", "temperature")},
    **{f"neuron.{name}": "[0.1, 0.2]" for name in ("decay", "v_threshold", "surrogate_slope")},
}
"""Most fields of a config, those that decide whether it can be trained first, each with its options."""


def all_fields(n_before: int) -> str:
    """A file that searches all of FIELDS, each under conditions on so many before it."""
    lines = []
    for index, (name, options) in enumerate(FIELDS.items()):
        before = list(FIELDS.items())[max(0, index - n_before) : index]
        when = ", ".join(f"{other}: {values}" for other, values in before)
        lines.append(f"  {name}: {{choice: {options}{f', when: {{{when}}}' if when else ''}}}\n")
    return f"{H}search:\n{''.join(lines)}"


LANGUAGE = {
    "all fields at once": (all_fields(0), "search.data.name"),
    "all fields, each under four others": (all_fields(4), "search.data.name"),
    "all fields, each under all before it": (all_fields(99), "search.data.name"),
    "an enormous list of options": (searched(f"optim.batch_size: {{choice: [{numbers(4900)}]}}"), FINE),
    "too many values": (
        searched(f"optim.batch_size: {{choice: [{numbers(9900)}]}}"),
        "search.optim.batch_size.choice[4987]",
    ),
    "an enormous list of wrong options": (
        searched(f"T: {{choice: [{', '.join(f'x{i}' for i in range(4000))}]}}"),
        "search.T.choice[0]",
    ),
    "an enormous `when` of a range": (
        searched("optim.batch_size: {int: [1, 100000]}")
        + f"  gradient: {{choice: [rate, bptt], when: {{optim.batch_size: [{numbers(4900)}]}}}}\n",
        FINE,
    ),
    "an enormous `when` of a choice": (
        searched(f"optim.batch_size: {{choice: [{numbers(2400)}]}}")
        + f"  gradient: {{choice: [rate, bptt], when: {{optim.batch_size: [{numbers(2400)}]}}}}\n",
        FINE,
    ),
    "an enormous subset": (
        searched(f"distillation.branches: {{subset: [{numbers(33)}]}}"),
        "search.distillation.branches.subset",
    ),
    "the largest subset": (
        searched(f"distillation.branches: {{subset: [{numbers(32)}]}}"),
        "search.distillation.branches",
    ),
    "a subset of nothing": (
        searched("distillation.branches: {subset: []}"),
        "search.distillation.branches.subset",
    ),
    "4000 fields": (H + "search:\n" + "".join(f" k{i}: 1\n" for i in range(4000)), "search.k2495"),
    "150 unknown fields": (
        H + "search:\n" + "".join(f" alpha{i}: {{int: [1, 2]}}\n" for i in range(150)),
        "search.alpha0",
    ),
    "1000 unknown objectives": (
        "name: x\n" + S + "objectives:\n" + "".join(f" acc{i}: maximize\n" for i in range(1000)),
        "objectives.acc0",
    ),
    "240 unknown keys of a base": (
        OK + f"base: {{{', '.join(f'gradient{i}: 1' for i in range(240))}}}\n",
        "base.gradient0",
    ),
    "2400 unknown keys of a base": (OK + f"base: {{{', '.join(f'k{i}: 1' for i in range(2400))}}}\n", "base"),
    "300 unknown sections": (OK + "".join(f"k{i}: 1\n" for i in range(300)), "k0"),
    "a long list in the base": (
        OK + f"base: {{distillation: {{mode: reliable, branches: [{', '.join(['1'] * 450)}]}}}}\n",
        "base.distillation.branches",
    ),
    "a circle of `when`s": (
        searched("T: {int: [1, 2], when: {gradient: [rate]}}")
        + "  gradient: {choice: [rate, bptt], when: {T: [1]}}\n",
        "search.gradient.when.T",
    ),
    "a `when` on itself": (searched("T: {int: [1, 2], when: {T: [1]}}"), "search.T.when.T"),
    "a `when` on an unknown field": (
        searched("T: {int: [1, 2], when: {nobody: [1]}}"),
        "search.T.when.nobody",
    ),
    "a `when` on a field of the base": (
        searched("T: {int: [1, 2], when: {gradient: [rate]}}") + "base: {gradient: rate}\n",
        "search.T.when.gradient",
    ),
    "a `when` that names no number": (
        searched("T: {int: [1, 2]}\n  gradient: {choice: [rate, bptt], when: {T: [.nan]}}"),
        "search.gradient.when.T[0]",
    ),
    "a `when` on a mapping": (
        searched("T: {int: [1, 2]}\n  gradient: {choice: [rate, bptt], when: {T: [{a: [1]}]}}"),
        "search.gradient.when.T[0]",
    ),
    "a `when` that is negated twice": (
        searched("T: {int: [1, 2]}\n  gradient: {choice: [rate], when: {T: {not: {not: [1]}}}}"),
        "search.gradient.when.T.not",
    ),
    "a chain of 180 `when`s": (
        H + "search:\n" + "".join(f" k{i}: {{int: [1, 2], when: {{k{i + 1}: [1]}}}}\n" for i in range(180)),
        "search.k0",
    ),
    "an `otherwise` of another type": (
        searched("T: {int: [1, 2]}\n  gradient: {choice: [rate, bptt], when: {T: [1]}, otherwise: {a: [1]}}"),
        "search.gradient.otherwise",
    ),
    "an `otherwise` without a `when`": (
        searched("T: {int: [1, 2], otherwise: 1}"),
        "search.T.otherwise",
    ),
    "all kinds at once": (
        searched("T: {int: [1, 2], float: [1, 2], choice: [1], subset: [1]}"),
        "search.T",
    ),
    "a dotted key in the base": (OK + "base: {optim.lr: 0.1}\n", "base.optim.lr"),
    "a dotted key below a section": (OK + "base: {optim: {lr.x: 0.1}}\n", "base.optim.lr.x"),
    "a field of points": (searched("'...': {int: [1, 2]}"), "search...."),
    "a field without a name": (searched("'': {int: [1, 2]}"), 'search.""'),
    "a field below a field": (searched("T.x: {int: [1, 2]}"), "search.T.x"),
    "a section for a field": (searched("optim: {int: [1, 2]}"), "search.optim"),
    "a dunder": (searched("__class__: {int: [1, 2]}"), "search.__class__"),
    "dunders in the base": (OK + "base: {__class__: {__init__: 1}}\n", "base.__class__"),
    "a field of pydantic": (OK + "base: {model_config: {extra: allow}}\n", "base.model_config"),
    "a scalar for a section": (OK + "base: {optim: 3}\n", "base.optim"),
    "a list for a section": (OK + "base: {optim: [1, 2]}\n", "base.optim"),
    "a list for a preset": (OK + "base: {preset: [p1_cifar100]}\n", "base.preset"),
    "a mapping for a preset": (OK + "base: {preset: {p1_cifar100: 1}}\n", "base.preset"),
    "an unknown preset": (OK + "base: {preset: p9}\n", "base.preset"),
    "a preset that breaks the rules": (
        searched("preset: {choice: [null, p1_imagenet]}") + "base: {data: {name: digits}}\n",
        "search.preset",
    ),
    "a path for a name": (OK.replace("name: x", "name: ../../x"), "name"),
    "an absolute path for a name": (OK.replace("name: x", "name: /etc/passwd"), "name"),
    "a path of Windows for a name": (OK.replace("name: x", "name: 'C:\\x'"), "name"),
    "two points for a name": (OK.replace("name: x", "name: .."), "name"),
    "a URL for a name": (OK.replace("name: x", "name: s3://bucket/x"), "name"),
    "an option of the shell for a name": (OK.replace("name: x", "name: -rf"), "name"),
    "a long name": (OK.replace("name: x", "name: " + "x" * 101), "name"),
    "an objective in both directions": (
        "name: x\nobjectives: {macs: minimize, macs: maximize}\n" + S,
        "objectives.macs",
    ),
    "an objective upside down": (
        "name: x\nobjectives: {val_accuracy: minimize}\n" + S,
        "objectives.val_accuracy",
    ),
    "no objective": ("name: x\nobjectives: {}\n" + S, "objectives"),
    "a sampler of nobody": (OK + "sampler: tep\n", "sampler"),
    "a list of samplers": (OK + "sampler: [tpe]\n", "sampler"),
    "probes for a sampler that has none": (OK + "sampler: {name: tpe, probes: 3}\n", "sampler.probes"),
    "a grid without an end": (searched("optim.lr: {float: [0.1, 1]}") + "sampler: grid\n", "sampler.name"),
    "warm-up longer than the training": (
        searched("optim.warmup_epochs: {int: [0, 10]}") + "  optim.epochs: {int: [5, 50]}\n",
        "search.optim.warmup_epochs",
    ),
    "every field on every rule": (
        searched(
            "distillation.mode: {choice: [none, supervised, deepest, ensemble, reliable, strong2weak,\n"
            "    weak2strong, simultaneous, supervised+strong2weak, supervised+weak2strong,\n"
            "    supervised+simultaneous, deepest+strong2weak, deepest+weak2strong, deepest+simultaneous]}\n"
            "  gradient: {choice: [rate, bptt]}\n"
            "  model.arch: {choice: [convnet, mlp, vgg9, vgg11, resnet18, resnet19, sew_resnet34]}\n"
            "  distillation.branches: {subset: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], empty: true}\n"
            "  data.augment: {choice: [none, crop_flip, fast, autoaugment, events, imagenet]}\n"
            "  data.name: {choice: [digits, cifar10, cifar100, imagenet, shd, nmnist]}"
        ),
        "search.distillation.mode",
    ),
    "endless modules": (
        searched(f"model.arch: {{choice: [{', '.join(f'm.a{i}:f' for i in range(500))}]}}\n")
        + "  distillation.mode: {choice: [none, supervised, deepest, ensemble, reliable]}\n"
        + "  distillation.branches: {subset: [1, 2, 3, 4, 5, 6]}\n",
        FINE,
    ),
}

CASES: dict[str, tuple[str | bytes, str | None]] = {
    **NUMBERS,
    **CODE,
    **ALIASES,
    **TEXTS,
    **SYNTAX,
    **LANGUAGE,
}
"""Every case by its name."""

T = "search: {T: "
GRADIENT = "search: {T: {int: [1, 4]}, gradient: {choice: [rate, bptt], "
PLACES = {
    "name": "name: @\nobjectives: {val_accuracy: maximize}\n" + S,
    "base": OK + "base: @",
    "base.T": OK + "base: {T: @}",
    "base.data.root": OK + "base: {data: {root: @}}",
    "base.distillation.branches": OK + "base: {distillation: {branches: @}}",
    "base.optim": OK + "base: {optim: @}",
    "base.optim.lr": OK + "base: {optim: {lr: @}}",
    "base.origin": OK + "base: {origin: @}",
    "base.preset": OK + "base: {preset: @}",
    "search": H + "search: @",
    "search.T": H + T + "@}",
    "search.T.int": H + T + "{int: @}}",
    "search.T.int[0]": H + T + "{int: [@, 4]}}",
    "search.T.log": H + T + "{int: [1, 4], log: @}}",
    "search.T.step": H + T + "{int: [1, 4], step: @}}",
    "search.T.choice": H + T + "{choice: @}}",
    "search.T.choice[1]": H + T + "{choice: [1, @]}}",
    "search.optim.lr.float": H + "search: {optim.lr: {float: @}}",
    "search.optim.lr.float[1]": H + "search: {optim.lr: {float: [0.1, @]}}",
    "search.optim.lr.step": H + "search: {optim.lr: {float: [0.1, 1], step: @}}",
    "search.distillation.branches.subset": H + "search: {distillation.branches: {subset: @}}",
    "search.distillation.branches.subset[0]": H + "search: {distillation.branches: {subset: [@, 2]}}",
    "search.distillation.branches.empty": H + "search: {distillation.branches: {subset: [1], empty: @}}",
    "search.gradient.when": H + GRADIENT + "when: @}}",
    "search.gradient.when.T": H + GRADIENT + "when: {T: @}}}",
    "search.gradient.when.T[0]": H + GRADIENT + "when: {T: [@]}}}",
    "search.gradient.when.T.not": H + GRADIENT + "when: {T: {not: @}}}}",
    "search.gradient.otherwise": H + GRADIENT + "when: {T: [1]}, otherwise: @}}",
    "objectives": "name: x\n" + S + "objectives: @",
    "objectives.macs": "name: x\n" + S + "objectives: {macs: @}",
    "objectives.macs.direction": "name: x\n" + S + "objectives: {macs: {direction: @}}",
    "objectives.macs.reference": "name: x\n" + S + "objectives: {macs: {direction: minimize, reference: @}}",
    "constraints": OK + "constraints: @",
    "constraints.macs": OK + "constraints: {macs: @}",
    "constraints.macs.max": OK + "constraints: {macs: {max: @}}",
    "fidelity": OK + "fidelity: @",
    "fidelity.min_epochs": OK + "fidelity: {min_epochs: @}",
    "fidelity.eta": OK + "fidelity: {min_epochs: 1, eta: @}",
    "budget": OK + "budget: @",
    "budget.trials": OK + "budget: {trials: @}",
    "sampler": OK + "sampler: @",
    "sampler.name": OK + "sampler: {name: @}",
    "sampler.seed": OK + "sampler: {seed: @}",
    "sampler.probes": OK + "sampler: {probes: @}",
    "sampler.probe_share": OK + "sampler: {probe_share: @}",
    "resources": OK + "resources: @",
    "resources.cpu": OK + "resources: {cpu: @}",
    "resources.gpu": OK + "resources: {gpu: @}",
    "replicates": OK + "replicates: @",
}
"""Every place of the language, and a file with an @ there."""

ALWAYS_REFUSED = (
    "!!python/object/apply:os.system ['touch CANARY']",
    "!x 1",
    "!!str text",
    "&a [*a]",
    "&a {b: *a}",
    "*nobody",
    "9" * 5000,
    "0x" + "f" * 5000,
    '"\\ud800"',
    "{a: 1, a: 1}",
    "{1: 2}",
    "{<<: {a: 1}}",
    "[" * 30 + "]" * 30,
    "v" * 5000,
)
"""Values that stand nowhere in a space."""

VALUES = (
    *ALWAYS_REFUSED,
    *("null", "true", "yes", "0", "3", "-1", "-0.0", "1.5", "1e999", ".nan", "1_000", "012", "2001-01-01"),
    *("text", "''", '"\\e[31m"', "\u202e", "🙂", "../../x", "<<", "$(touch CANARY)", "none", "1,3"),
    *(
        "[]",
        "[[]]",
        "[1, a]",
        "[null]",
        "[1, 1]",
        "{}",
        "{a: 1}",
        "{a: {b: [1]}}",
        "{int: [1, 2]}",
        "{not: []}",
    ),
)
"""Values of every type, to be tried at every place."""
