"""Installs a data set: the command `spikefront data NAME --root DIR [--from DIR]`."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from snncore.config.schema import DataConfig
from snncore.data.files import FILES, data_folder, digits_file, root_folder
from snncore.data.install.arrival import InstallSteps, Report, install_files
from snncore.data.install.unpack import is_available, unpack
from snncore.data.missing import NO_DIGITS, find_problem
from snncore.data.sets.folder_index import index_folder
from snncore.data.sets.npz_header import read_header
from snncore.data.specs import EVENT_SPECS, OWN_DATA, SPECS
from snncore.errors import DataError

PACKAGED = {"fashion_mnist": Path("/usr/share/datasets/fashion-mnist")}
"""Where Linux distributions install data sets (Debian: dataset-fashion-mnist); checked before a download."""


def install(name: str, root: str | Path, source: str | Path | None = None, report: Report = print) -> Path:
    """Install the data set `name` under `root`, from `source` or by download; returns the files' folder.

    Files that are there already and can be read stay. New files are written to a temporary folder under
    `root`, read completely, and only then moved to their place. `report` is called with a line for each step.

    For ImageNet and the user's own data only names and headers are read.

    Raises:
        DataError: unknown name, nothing usable in `source`, a failed download, damaged files, or a root
            that cannot be written.
    """
    _require_known(name)
    root, report = root_folder(root), _printable(report)
    if name == "digits":
        path = digits_file()
        if path is None:
            raise DataError(NO_DIGITS)
        report("digits: nothing to do, they come with scikit-learn")
        return path.parent
    if name in OWN_DATA:
        return _describe_own_data(name, root, source, report)
    if source is not None:
        source = Path(source).expanduser()
        if not source.exists():
            raise DataError(f"--from {source}: no such file or folder")
    try:
        if name in EVENT_SPECS:
            from snncore.data.events.install import install as install_events

            return install_events(name, root, source, report)
        if name == "imagenet":
            from snncore.data.install.imagenet import install as install_imagenet

            return install_imagenet(root, source, report)
        if source is None and name in PACKAGED and is_available(name, PACKAGED[name]):
            source = PACKAGED[name]
        return install_files(name, root, source, report, _STEPS)
    except OSError as error:
        raise DataError(f"{name} cannot be put under {root}: {error}") from error


def _printable(report: Report) -> Report:
    """`report` for lines that may hold file names that are no UTF-8."""
    return lambda line: report(line.encode(errors="backslashreplace").decode())


def _require_known(name: str) -> None:
    names = [*SPECS, *sorted(OWN_DATA)]
    if name not in names:
        near = get_close_matches(name, names, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise DataError(f"no data set is called {name!r}, allowed: {', '.join(names)}{hint}")


def _describe_own_data(name: str, root: Path, source: str | Path | None, report: Report) -> Path:
    """Report what the user's own data hold; there is nothing to install."""
    if source is not None:
        raise DataError(f"{name}: your own data are read where they are; give their place as --root")
    if name == "folder":
        index = index_folder(root)
        n_train, n_test, is_drawn = len(index.train), len(index.test), index.is_test_drawn
        n_classes = len(index.classes)
    else:
        header = read_header(root)
        n_train, n_test, is_drawn = len(header.train), len(header.test), header.is_test_drawn
        n_classes = header.n_classes
    test = (
        "kept for testing, a stratified fifth of all, since there is no test part"
        if is_drawn
        else "for testing"
    )
    report(
        f"{name}: {root}, {n_classes} classes, {n_train} training samples and {n_test} {test}; nothing to do"
    )
    return root


def _is_absent(name: str, root: Path) -> bool:
    return find_problem(DataConfig.model_validate({"name": name, "root": str(root)})) is not None


def _count(name: str, root: Path) -> str:
    from snncore.data.read import read_published

    n_train, n_test = (len(read_published(name, root, is_train)) for is_train in (True, False))
    return f"{n_train} training and {n_test} test images"


def _move(name: str, scratch: Path, root: Path) -> None:
    """Move the files to their place: their folder in one step if there is none yet, else file by file."""
    arrived, target = data_folder(name, scratch), data_folder(name, root)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        arrived.rename(target)
        return
    for file_name in FILES[name].names + FILES[name].others:
        if (arrived / file_name).is_file():
            (arrived / file_name).replace(target / file_name)


_STEPS = InstallSteps(data_folder, _is_absent, unpack, _count, _move)
