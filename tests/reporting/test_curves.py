"""Curves hold what the log holds."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from matplotlib.colors import to_hex
from PIL import Image
from scipy.ndimage import uniform_filter1d
from tests.reporting.conftest import CONFIG, gan_lines

from voice2face.reporting.curves import draw_lines, running_mean, smoothing_window
from voice2face.reporting.elements import Line, LinePlot, Missing, Panel
from voice2face.reporting.plots import plot_png
from voice2face.reporting.runs import read_run
from voice2face.reporting.scalars import adversarial_section, other_section, speaker_section
from voice2face.reporting.theme import DARK, LIGHT


def lines_by_id(drawn) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {
        line.get_gid(): (np.asarray(line.get_xdata()), np.asarray(line.get_ydata()))
        for axis in drawn.axes
        for line in axis.get_lines()
    }


def plot_of(section, key: str) -> LinePlot:
    return next(e for e in section.elements if isinstance(e, LinePlot) and e.key == key)


def test_the_running_mean_is_that_of_scipy_away_from_the_ends():
    values = np.random.default_rng(0).random(50)
    np.testing.assert_allclose(running_mean(values, 7)[3:-3], uniform_filter1d(values, 7)[3:-3])
    np.testing.assert_allclose(running_mean(values, 7)[0], values[:4].mean())


@given(
    st_numpy.arrays(np.float64, st.integers(1, 30), elements=st.floats(-9, 9) | st.just(np.nan)),
    st.integers(0, 6),
)
def test_the_running_mean_is_the_mean_of_what_is_finite_in_the_window(values, half):
    means = running_mean(values, 2 * half + 1)
    for place, mean in enumerate(means):
        window = values[max(0, place - half) : place + half + 1]
        finite = window[np.isfinite(window)]
        np.testing.assert_allclose(mean, finite.mean() if len(finite) else np.nan, atol=1e-9)


@given(st.integers(1, 10_000))
def test_the_window_is_odd_and_about_a_twentieth(n):
    window = smoothing_window(n)
    assert window % 2 == 1
    assert abs(window - n / 20) <= 1.05


def test_two_runs_are_overlaid_with_their_own_data_colours_and_names(make_run):
    long = {**CONFIG, "gan": {**CONFIG["gan"], "images": 3200}}
    runs = [
        read_run(make_run("short"), "short"),
        read_run(make_run("long", gan_lines(100), long), "long"),
    ]
    plot = plot_of(adversarial_section(runs), "discriminator_loss")
    drawn = draw_lines(plot, LIGHT)
    lines = lines_by_id(drawn)
    for number, n_lines in enumerate((60, 100)):
        log = gan_lines(n_lines)
        for side in ("real", "fake"):
            name = f"discriminator/{side}_loss"
            x, y = lines[f"logged {number} {name}"]
            np.testing.assert_allclose(x, [line["step"] / 640 for line in log])
            np.testing.assert_array_equal(y, [line[name] for line in log])
            _, mean = lines[f"mean {number} {name}"]
            np.testing.assert_allclose(mean, running_mean(y, smoothing_window(n_lines)))
        _, both = lines[f"logged {number} discriminator/*_loss"]
        np.testing.assert_allclose(
            both,
            [line["discriminator/real_loss"] + line["discriminator/fake_loss"] for line in log],
        )
    (legend,) = drawn.legends
    assert [text.get_text() for text in legend.get_texts()] == ["short", "long"]
    colours = [to_hex(handle.get_color()) for handle in legend.get_lines()]
    assert colours == list(LIGHT.series[:2])
    assert drawn.axes[-1].get_xlabel() == "epoch"
    assert "running mean. Values in the mean: 3 of short and 5 of long" in plot.caption
    reference = lines["reference"][1]
    np.testing.assert_allclose(reference, np.log(4))


def test_the_generators_sum_is_of_all_its_parts(make_run):
    lines = [{**line, "generator/class_age_loss": 1.0} for line in gan_lines()]
    section = adversarial_section([read_run(make_run(lines=lines), "run")])
    values = plot_of(section, "generator_loss").panels[2].lines[0].y
    np.testing.assert_allclose(
        values,
        [line["generator/adversarial_loss"] + line["generator/class_loss"] + 1 for line in lines],
    )


def test_throughput_is_computed_where_it_was_not_logged(make_run):
    lines = gan_lines()
    for line in lines[30:]:
        line["time"] += 5000  # the run stood still
    (curve,) = plot_of(
        adversarial_section([read_run(make_run(lines=lines), "run")]), "throughput"
    ).panels[0].lines  # fmt: skip
    np.testing.assert_allclose(curve.y, 16.0)
    assert len(curve.y) == len(lines) - 2
    logged = [{**line, "throughput/images_per_s": 99.0} for line in gan_lines()]
    section = adversarial_section([read_run(make_run("b", lines=logged), "b")])
    plot = plot_of(section, "throughput")
    assert set(plot.panels[0].lines[0].y) == {99.0}
    assert "Computed" not in plot.caption


def test_images_are_the_axis_where_epochs_are_not_known_of_every_run(make_run):
    runs = [read_run(make_run("a"), "a"), read_run(make_run("b", config={"seed": 0}), "b")]
    plot = plot_of(adversarial_section(runs), "generator_loss")
    assert plot.x_label == "real images seen"
    for line in plot.panels[0].lines:
        assert line.x[-1] == 32 * 60


def test_what_is_not_finite_leaves_a_gap_and_is_told(make_run):
    lines = gan_lines()
    lines[40]["discriminator/real_loss"] = float("nan")
    lines[50]["discriminator/real_loss"] = float("inf")
    run = read_run(make_run(lines=lines), "run")
    plot = plot_of(adversarial_section([run]), "discriminator_loss")
    assert "run: discriminator/real_loss is not finite at 2.05 and 2.55 (crosses)" in plot.caption
    drawn = lines_by_id(draw_lines(plot, DARK))
    _, y = drawn["logged 0 discriminator/real_loss"]
    assert np.flatnonzero(~np.isfinite(y)).tolist() == [40, 50]
    crosses, _ = drawn["not finite 0 discriminator/real_loss"]
    np.testing.assert_allclose(crosses, [2.05, 2.55])
    assert plot_png(plot, DARK)


def test_nothing_logged_is_dropped(make_run):
    extra = {
        "gpu/share": 0.5,
        "classifier_gender/loss": 0.1,
        "classifier_gender/entropy": 0.2,
        "validation/kernel_distance": 0.3,
        "change/generator": 1e-3,
        "verification/whispered_eer": 0.2,
    }
    lines = [{**line, **extra} for line in gan_lines()]
    folder = make_run(lines=lines)
    run = read_run(folder, "run")
    sections = [adversarial_section([run]), speaker_section([run]), other_section([run])]
    shown = [
        line.scalar
        for section in sections
        for plot in section.elements
        if isinstance(plot, LinePlot)
        for panel in plot.panels
        for line in panel.lines
    ]
    sums = {"discriminator/*_loss", "generator/*_loss", "throughput/images_per_s"}
    assert sorted(set(shown) - sums) == sorted({*run.gan.scalars(), *run.speaker.scalars()})
    assert len(shown) == len(set(shown))
    other = {f.title for f in sections[2].elements}
    assert other == {"gpu", "classifier_gender", "verification"}
    missing = [f.reason for f in sections[1].elements if isinstance(f, Missing)]
    assert any("No run logged verification/clean_eer" in reason for reason in missing)


def test_names_are_text_and_not_formulas_nor_hidden():
    line = Line(0, "a", np.arange(3.0), np.arange(3.0), 1)
    for name in ("_hidden", "$\\frac{1$", "two\nlines", "\udcff", "名" * 50):
        plot = LinePlot("k", "t", "c", "epoch", (Panel("p", (line,)),), (name,))
        drawn = draw_lines(plot, LIGHT)
        (text,) = drawn.legends[0].get_texts()
        assert text.get_text() in (name, "two lines", "\\udcff", "名" * 35 + "…")
        plot_png(plot, LIGHT)


def test_every_run_keeps_its_own_colour_however_little_is_seen_of_it():
    """Five runs of one and the same curve: of the first four, only the legend is seen."""
    x = np.arange(3.0)
    lines = tuple(Line(n, "a", x, x, 1) for n in range(5))
    plot = LinePlot("k", "t", "c", "epoch", (Panel("p", lines),), tuple("abcde"))
    with Image.open(io.BytesIO(plot_png(plot, LIGHT))) as picture:
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1000)}
    assert {tuple(bytes.fromhex(colour[1:])) for colour in LIGHT.series} <= colours


def test_sixteen_runs_can_be_told_apart():
    x = np.arange(3.0)
    lines = tuple(Line(n, "a", x, x, 1) for n in range(16))
    names = tuple(f"run {n}" for n in range(16))
    plot = LinePlot("k", "t", "c", "epoch", (Panel("p", lines),), names)
    (legend,) = draw_lines(plot, LIGHT).legends
    looks = {(handle.get_color(), str(handle._dash_pattern)) for handle in legend.get_lines()}
    assert len(looks) == 16


def test_conditions_that_are_compared_share_their_axis(make_run):
    folder = make_run()
    rates = {"verification/clean_eer": 0.1, "verification/noisy_eer": 0.4}
    (folder / "speaker.jsonl").write_text(json.dumps({"step": 1, **rates}) + "\n")
    section = speaker_section([read_run(folder, "run")])
    clean, noisy = draw_lines(plot_of(section, "speaker_eer"), LIGHT).axes
    assert clean.get_ylim() == noisy.get_ylim()


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_the_same_plot_gives_the_same_bytes_in_the_themes_colours(theme, make_run):
    plot = plot_of(adversarial_section([read_run(make_run(), "run")]), "classifier")
    content = plot_png(plot, theme)
    assert content == plot_png(plot, theme)
    with Image.open(io.BytesIO(content)) as picture:
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1000)}
    for wanted in (theme.paper, theme.series[0]):
        assert tuple(bytes.fromhex(wanted[1:])) in colours


def modern_lines(count: int) -> list[dict]:
    """What the modern game logs: penalties on every other line."""
    return [
        {
            "step": 640 * index,
            "time": 1000.0 + index,
            "discriminator/adversarial_loss": 0.5 + 0.01 * index,
            "discriminator/real_above_fake": 0.75,
            "discriminator/voice_heard": 0.6,
            "discriminator/mismatched_loss": 0.3,
            "matcher/loss": 0.4,
            "matcher/accuracy": 0.8,
            "generator/adversarial_loss": 1.0,
            "generator/matching_loss": 0.1,
            **({"discriminator/real_squared_gradient": 2.0} if index % 2 else {}),
        }
        for index in range(1, count + 1)
    ]


def test_each_game_has_its_own_curves(make_run):
    keys = {"discriminator_loss", "classifier", "relativistic_loss", "matcher", "squared_gradient"}

    logs = {"old": gan_lines(9), "new": modern_lines(9)}
    runs = {name: read_run(make_run(name, lines), name) for name, lines in logs.items()}

    def found(*names: str) -> set[str]:
        plots = adversarial_section([runs[name] for name in names]).elements
        return {one.key for one in plots if isinstance(one, LinePlot)} & keys

    assert found("old") == {"discriminator_loss", "classifier"}
    assert found("new") == {"relativistic_loss", "matcher", "squared_gradient"}
    assert found("old", "new") == keys


def test_penalties_are_drawn_where_they_were_logged(make_run):
    run = read_run(make_run("new", modern_lines(9)), "new")
    plot = plot_of(adversarial_section([run]), "squared_gradient")
    lines = lines_by_id(draw_lines(plot, LIGHT))
    x, y = lines["logged 0 discriminator/real_squared_gradient"]
    assert list(x) == [640 * index / 640 for index in (1, 3, 5, 7, 9)]
    assert set(y) == {2.0}
    assert "new did not log discriminator/fake_squared_gradient." in plot.caption
    assert other_section([run]) is None
