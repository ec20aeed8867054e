from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image as Pillow

from reports.build import main
from reports.data.digest import digest
from reports.paper.drawings import draw_bars, draw_curve, draw_pair
from reports.paper.images import KINDS, WIDTH_IN, Kind, images, write_images
from studies.model import Study
from studies.record import write_study
from tests.reports.studies_for_tests import ODD, digits_study

NAMES = ["front-1", "front-2", "hypervolume", "importance-1", "importance-2", "importance-3"]


@pytest.fixture(scope="module")
def study() -> Study:
    return digits_study(24)


@pytest.mark.parametrize(
    "kind", ["svg", *(pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS if kind != "svg")]
)
def test_each_figure_is_a_file_with_a_caption_beside_it(kind: Kind, study: Study, tmp_path: Path) -> None:
    paths, cards = write_images(study, tmp_path, kind)
    assert [path.name for path in paths] == [f"{name}.{kind}" for name in NAMES]
    assert cards == []
    assert sorted(path.name for path in (tmp_path / "images").iterdir()) == sorted(
        f"{name}.{end}" for name in NAMES for end in (kind, "txt")
    )
    before = [path.read_bytes() for path in paths]
    assert [path.read_bytes() for path in write_images(study, tmp_path, kind)[0]] == before


def test_a_caption_tells_study_data_budget_seeds_machine_and_versions(study: Study, tmp_path: Path) -> None:
    write_images(study, tmp_path, "png")
    knee = digest(study).knee
    assert knee is not None
    text = (tmp_path / "images" / "front-1.txt").read_text(encoding="utf-8")
    assert f"the knee is trial {knee.number}" in text
    labels = ["Study", "Data set", "Model", "Searched", "Budget used", "Seed", "Machine", "Versions", "Date"]
    assert [line.partition(": ")[0] for line in text.splitlines()[1:]] == labels
    assert f"Study: {study.info.name}\n" in text
    with Pillow.open(tmp_path / "images" / "front-1.png") as image:
        assert image.info["Description"].split("\n")[0] == text.split("\n")[0]
        assert image.width == round(300 * WIDTH_IN)
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_the_text_of_an_svg_is_text(study: Study, tmp_path: Path) -> None:
    write_images(study, tmp_path, "svg")
    words = {}
    for name in NAMES:
        root = ET.parse(tmp_path / "images" / f"{name}.svg").getroot()
        words[name] = [item.text for item in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"Validation accuracy (%)", "Training memory (MiB)", "knee", "front"} <= set(words["front-1"])
    assert "Hypervolume, % of final" in words["hypervolume"]
    assert "Share of variance" in words["importance-1"]


def test_the_marks_are_those_of_the_frames(study: Study) -> None:
    found = digest(study)
    by_name = {image.name: image for image in images(found)[0]}
    assert [by_name[name].draw.func for name in NAMES[1:4]] == [draw_pair, draw_curve, draw_bars]  # type: ignore[attr-defined]
    axes = Figure().add_subplot()
    by_name["front-1"].draw(axes)
    marks = {part.get_label(): part.get_offsets().tolist() for part in axes.collections}
    expected = [[trial.values["train_memory_mib"], trial.values["val_accuracy"]] for trial in found.front]
    assert sorted(marks["front"]) == sorted(expected)
    assert len(marks["dominated"]) + len(marks.get("within the noise of the front", [])) == len(
        found.dominated
    )
    bars = Figure().add_subplot()
    by_name["importance-1"].draw(bars)
    share = [bar.get_width() for bar in bars.patches]
    assert share == sorted(share, reverse=True)
    assert [text.get_text() for text in bars.texts] == [f"{100 * one:.0f}\u00a0%" for one in share]


QUICK = {"none", "one", "all_failed", "nan", "five_objectives", "no_objectives", "hostile"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in sorted(ODD)]
)
def test_odd_studies_give_what_they_can(name: str, tmp_path: Path) -> None:
    study = ODD[name]()
    paths, cards = write_images(study, tmp_path, "svg")
    n_objectives = len(study.info.objectives)
    assert len(paths) + len(cards) == max(0, n_objectives - 1) + 1 + n_objectives
    assert all(ET.parse(path) for path in paths)


def test_a_dollar_is_a_dollar(tmp_path: Path) -> None:
    study = digits_study(20)
    trials = [
        replace(trial, params={f"a.$x^{{_{name}": value for name, value in trial.params.items()})
        for trial in study.trials
    ]
    paths, _ = write_images(replace(study, trials=tuple(trials)), tmp_path, "svg")
    assert "$x^{" in "".join(path.read_text(encoding="utf-8") for path in paths)


def test_the_command_writes_report_and_images_and_says_what_it_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_study(ODD["one"](), tmp_path)
    assert main([str(tmp_path), "--images", "png"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == str(tmp_path / "report.html")
    assert any(line.startswith("no image: What decided validation accuracy: ") for line in lines)
