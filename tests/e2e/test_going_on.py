"""Runs that are killed, stopped, shared or fed on rubbish, through the real command."""

from __future__ import annotations

import json
import re
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from tests.e2e.runs import (
    MODERN,
    PROJECTED,
    SHORT,
    assert_same_weights,
    command,
    speaker,
    speech,
    start,
    steps,
    stop,
    wait_for,
)

from voice2face.cli import main
from voice2face.data.store import Store
from voice2face.files import sha256
from voice2face.networks.artifact_critic import THRESHOLD
from voice2face.runtime.description import Redraw, read_description
from voice2face.runtime.gender_evidence import GenderEvidence

pytestmark = pytest.mark.long


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_was_stopped_ends_with_the_same_weights(trained, number, tmp_path):
    run = tmp_path / "run"
    process = start(command(trained, run))
    wait_for(run / "gan.safetensors", process)
    stop(process, number, r"stopped at \d+ of 320 images; run the same command again to resume")
    assert not (run / "bundle").exists()
    assert main(command(trained, run)) == 0
    assert_same_weights(trained[1], run)
    told = steps(run / "gan.jsonl")
    assert told == sorted(told)
    assert told[-1] == 320


def test_a_run_can_begin_with_the_networks_of_another_one(trained, tmp_path, capsys):
    run, still = tmp_path / "run", ("--set", "gan.learning_rate=1e-12")
    arguments = command(trained, run, "--init", str(trained[1]), *still)
    assert main(command(trained, run, "--init", str(tmp_path / "none"))) == 1
    assert "gan.safetensors: not a checkpoint" in capsys.readouterr().err
    assert main(arguments) == 0
    before, after = (load_file(one / "gan.safetensors") for one in (trained[1], run))
    for name, weights in before.items():
        if name.startswith("generator/"):
            torch.testing.assert_close(after[name], weights, atol=1e-6, rtol=0)
    assert steps(run / "gan.jsonl")[-1] == 320
    cost = read_description(run / "bundle").card["cost"]["adversarial stage"]
    assert "after 320 images of other runs" in cost
    # A compact checkpoint has the averaged generator alone, as float16.
    script = Path(__file__).parents[2] / "experiments" / "compact_checkpoint.py"
    compact = tmp_path / "compact" / "gan.safetensors"
    subprocess.run([sys.executable, script, trained[1] / "gan.safetensors", compact], check=True)
    shutil.copy(run / "config.json", compact.parent)  # it had begun with 320 images itself
    assert main(command(trained, tmp_path / "second", "--init", str(compact.parent), *still)) == 0
    cost = read_description(tmp_path / "second" / "bundle").card["cost"]["adversarial stage"]
    assert "after 640 images of other runs" in cost
    after_compact = load_file(tmp_path / "second" / "gan.safetensors")
    for name, weights in before.items():
        if name.startswith("average/"):
            learnt = after_compact[name.replace("average/", "generator/")]
            torch.testing.assert_close(learnt, weights, atol=1e-4, rtol=2**-10)
    # The same command goes on, and does not begin again.
    assert main([*arguments, "--set", "gan.images=352"]) == 0
    assert steps(run / "gan.jsonl")[-1] == 352


def test_a_modern_run_that_was_stopped_ends_with_the_same_weights(trained, tmp_path):
    """Matcher, penalties and alterations go on where they were, too."""
    store, straight = trained
    speaker = shutil.copytree(straight, tmp_path / "speaker")
    evidence = GenderEvidence(axis=(1.0, *[0.0] * 63), scale=8.0, bias=0.5, margin=0.3)
    (speaker / "gender_evidence.json").write_text(evidence.to_json())
    (speaker / "two_voices.json").write_text('{"threshold": 0.37}')
    arguments = ["train", "gan", str(store), *MODERN, "--speaker", str(speaker)]
    arguments += ["--set", "gan.images=160", "--set", "gan.checkpoint_images=40"]
    arguments += ["--set", "gan.noise_scale=0.65", "-o"]
    assert main([*arguments, str(tmp_path / "straight")]) == 0
    process = start([*arguments, str(tmp_path / "run")])
    wait_for(tmp_path / "run" / "gan.safetensors", process)
    stop(
        process,
        signal.SIGTERM,
        r"stopped at \d+ of 160 images; run the same command again to resume",
    )
    assert main([*arguments, str(tmp_path / "run")]) == 0
    assert_same_weights(tmp_path / "straight", tmp_path / "run")
    for file in ("voice_encoder.onnx", "generator.onnx"):
        assert sha256(tmp_path / "run/bundle" / file) == sha256(tmp_path / "straight/bundle" / file)
    about = read_description(tmp_path / "run" / "bundle")
    assert about.noise_dim == 64
    assert about.two_voices == 0.37
    assert about.gender == evidence
    assert about.speech is not None
    assert "conditional discriminator" in about.card["description"]
    assert "multiplies its noise by 0.65" in about.card["description"]
    assert "earlier settings" not in about.card["cost"]["adversarial stage"]
    # All photographs of a person are trained on, clear or not.
    splits = Store.open(store).faces["split"]
    assert about.card["amount"]["faces trained on"] == splits.count("train")
    # What is only of the export may change; the weights do not.
    voice, noise = np.eye(2, 64, dtype=np.float32), np.ones((2, 64), np.float32)
    scaled = draw(tmp_path / "run" / "bundle", voice, noise)
    assert main([*arguments, str(tmp_path / "run"), "--set", "gan.noise_scale=1"]) == 0
    assert_same_weights(tmp_path / "straight", tmp_path / "run")
    as_trained = draw(tmp_path / "run" / "bundle", voice, 0.65 * noise)
    np.testing.assert_allclose(as_trained, scaled, atol=1e-5)
    assert np.abs(draw(tmp_path / "run" / "bundle", voice, noise) - scaled).max() > 1e-4
    cost = read_description(tmp_path / "run" / "bundle").card["cost"]["adversarial stage"]
    assert cost.endswith("; earlier settings: gan.noise_scale 0.65")


def draw(bundle: Path, voice: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Faces of a bundle's generator."""
    session = onnxruntime.InferenceSession(bundle / "generator.onnx")
    names = [one.name for one in session.get_inputs()]
    return np.asarray(session.run(None, dict(zip(names, (voice, noise), strict=True)))[0])


@pytest.mark.long
def test_a_run_of_frozen_features_that_was_stopped_ends_with_the_same_weights(
    trained, lite0_weights, tmp_path
):
    """Class statistics, spectral norms and the classifier's standards go on where they were."""
    store, straight = trained
    arguments = ["train", "gan", str(store), *PROJECTED, "--speaker", str(straight)]
    arguments += ["--set", "gan.images=32", "--set", "gan.checkpoint_images=8", "-o"]
    assert main([*arguments, str(tmp_path / "straight")]) == 0
    process = start([*arguments, str(tmp_path / "run")])
    wait_for(tmp_path / "run" / "gan.safetensors", process)
    stop(
        process,
        signal.SIGTERM,
        r"stopped at \d+ of 32 images; run the same command again to resume",
    )
    assert main([*arguments, str(tmp_path / "run")]) == 0
    assert_same_weights(tmp_path / "straight", tmp_path / "run")
    told = [json.loads(line) for line in (tmp_path / "run/gan.jsonl").read_text().splitlines()]
    assert [line["step"] for line in told if "within_class/generated" in line] == [8, 16, 24, 32]
    bundle = tmp_path / "run" / "bundle"
    assert "frozen" in read_description(bundle).card["description"]
    # Noise is heard; so early, the voice hardly is.
    voices, noise = np.eye(2, 64, dtype=np.float32), np.ones((2, 128), np.float32)
    one, other = draw(bundle, voices, noise), draw(bundle, voices, -noise)
    assert np.abs(one - other).mean() > np.abs(one[0] - one[1]).mean()
    # A finished run is exported again with the critic of broken faces.
    assert read_description(bundle).redraw is None
    more = ("--set", "gan.redraws=2")
    assert main([*arguments, str(tmp_path / "run"), *more]) == 0
    assert read_description(bundle).redraw == Redraw(THRESHOLD, most=2)


def test_a_setting_newer_than_the_run_is_taken_at_its_default(trained, tmp_path, capsys):
    run = shutil.copytree(trained[1], tmp_path / "run")
    config = json.loads((run / "config.json").read_text())
    del config["speaker"]["gender_weight"]
    (run / "config.json").write_text(json.dumps(config))
    arguments = ["train", "speaker", str(trained[0]), *SHORT, "-o", str(run)]
    assert main(arguments) == 0
    assert json.loads((run / "config.json").read_text())["speaker"]["gender_weight"] == 0.0
    assert main([*arguments, "--set", "speaker.gender_weight=2"]) == 1
    assert "speaker.gender_weight was 0.0, is 2.0" in capsys.readouterr().err


def test_a_finished_run_goes_on_for_longer(trained, tmp_path):
    """As if it had been asked for at first, on a store that was copied to another folder since."""
    run, first = tmp_path / "run", ("--set", "gan.images=160")
    assert main(command(trained, run, *first)) == 0
    before = sha256(run / "bundle" / "generator.onnx")
    elsewhere = shutil.copytree(trained[0], tmp_path / "elsewhere" / "copy")
    assert main(command((elsewhere, trained[1]), run)) == 0
    assert_same_weights(trained[1], run)
    assert sha256(run / "bundle" / "generator.onnx") != before
    assert steps(run / "gan.jsonl") == steps(trained[1] / "gan.jsonl")


def test_a_finished_run_goes_on_and_cools_down(trained, tmp_path):
    """At a quarter of its rate, on average, in the last half of what cools down."""
    run = shutil.copytree(trained[1], tmp_path / "run")
    more = ("--set", "gan.images=480", "--set", "gan.lr_decay_fraction=0.3333")
    assert main(command(trained, run, *more)) == 0
    assert (
        read_description(run / "bundle")
        .card["cost"]["adversarial stage"]
        .endswith("; earlier settings: gan.images 320 and gan.lr_decay_fraction 0.0")
    )
    lines = [json.loads(line) for line in (run / "gan.jsonl").read_text().splitlines()]
    change = {line["step"]: line.get("change/discriminator") for line in lines}
    assert change[480] < change[320] / 2


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_speaker_stage_that_was_stopped_ends_with_the_same_weights(
    trained, encoded, number, tmp_path
):
    run = tmp_path / "run"
    process = start(speaker(trained, run))
    wait_for(run / "speaker.safetensors", process)
    stop(process, number, r"stopped at \d+ of 40 steps; run the same command again to resume")
    assert main(speaker(trained, run)) == 0
    for file in ("speaker.safetensors", "speaker.best.safetensors"):
        assert_same_weights(encoded, run, file)
    told = steps(run / "speaker.jsonl")
    assert told == sorted(told)
    assert told[-1] == 40


@pytest.fixture(scope="module")
def told_apart(tmp_path_factory, shared_data) -> tuple[Path, Path]:
    """Recordings of people, and a speech stage on them that was never stopped."""
    folder = tmp_path_factory.mktemp("speech")
    people = folder / "people"
    people.mkdir()
    for path in sorted((shared_data / "voices/librispeech-100").glob("*.flac"))[:10]:
        shutil.copy(path, people)
    run = folder / "straight"
    assert main(speech(people, run)) == 0
    return people, run


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_speech_stage_that_was_stopped_ends_with_the_same_detector(told_apart, number, tmp_path):
    people, straight = told_apart
    run = tmp_path / "run"
    process = start(speech(people, run))
    wait_for(run / "speech.safetensors", process)
    stop(process, number, r"stopped at \d+ of 200 steps; run the same command again to resume")
    assert not (run / "speech_detector").exists()
    assert main(speech(people, run)) == 0
    assert_same_weights(straight, run, "speech.safetensors")
    for file in ("speech_detector.onnx", "decision.json"):
        assert sha256(run / "speech_detector" / file) == sha256(straight / "speech_detector" / file)
    told = steps(run / "speech.jsonl")
    assert told == sorted(told)
    assert told[-1] == 200


def test_a_speech_stage_is_not_gone_on_with_on_other_recordings(told_apart, tmp_path, capsys):
    run = shutil.copytree(told_apart[1], tmp_path / "run")
    people = shutil.copytree(told_apart[0], tmp_path / "others")
    next(people.iterdir()).unlink()
    assert main(speech(people, run)) == 1
    assert "the data changed (speech.files_sha256 was" in capsys.readouterr().err
    assert main(speech(told_apart[0], run, "--set", "speech.steps=300")) == 1
    assert "speech.steps was 200, is 300" in capsys.readouterr().err
    assert main(speech(told_apart[0], run, "--sounds", str(tmp_path / "none"))) == 1
    assert "none: no such folder" in capsys.readouterr().err
    # Only the threshold may be chosen anew, which trains nothing.
    assert main(speech(told_apart[0], run, "--set", "speech.false_acceptance=0.9")) == 0
    assert_same_weights(told_apart[1], run, "speech.safetensors")
    decisions = [
        json.loads((folder / "speech_detector/decision.json").read_text())["decision"]
        for folder in (told_apart[1], run)
    ]
    assert decisions[0]["false_acceptance"] < 0.05 < decisions[1]["false_acceptance"] <= 0.9


def test_a_bundle_takes_the_detector_of_a_speech_stage(trained, told_apart, tmp_path, capsys):
    run, detector = tmp_path / "run", told_apart[1] / "speech_detector"
    wanted = json.loads((detector / "decision.json").read_text())["decision"]
    assert main(command(trained, run, "--speech", str(tmp_path))) == 1
    assert "holds no trained speech detector" in capsys.readouterr().err
    for more in (("--speech", str(told_apart[1])), ()):  # then the run has one of its own
        assert main(command(trained, run, *more)) == 0
        about = read_description(run / "bundle")
        assert about.speech is not None
        assert about.speech.description == wanted["description"]
        found = sha256(run / "bundle" / "speech_detector.onnx")
        assert found == about.files["speech_detector.onnx"]
        assert found == sha256(detector / "speech_detector.onnx")


def test_a_speaker_stage_that_diverges_names_the_step_the_people_and_the_checkpoint(
    trained, tmp_path, capsys
):
    run = tmp_path / "run"
    assert main(speaker(trained, run, "--set", "speaker.learning_rate=1e30")) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert re.search(r"speaker/loss is (nan|inf) in the step after \d+ steps, so the run", said)
    assert "no checkpoint was made" in said
    told = json.loads((run / "diverged.json").read_text())
    assert len(told["voices"]) == 8
    assert all(name.startswith("planted/") for name in told["voices"])
    assert not (run / "speaker.safetensors").exists()


def test_the_generator_hears_with_the_encoder_that_verifies_best(trained, encoded, tmp_path):
    lines = [json.loads(line) for line in (encoded / "speaker.jsonl").read_text().splitlines()]
    eers = {line["step"]: line["verification/clean_eer"]
            for line in lines if "verification/clean_eer" in line}  # fmt: skip
    assert len(eers) == 4
    with safe_open(encoded / "speaker.best.safetensors", framework="pt") as file:
        best = json.loads(file.metadata()["state"])
    assert best["step"] == max(step for step in eers if eers[step] == min(eers.values()))
    assert best["eer"] == pytest.approx(min(eers.values()), abs=1e-6)
    run = tmp_path / "run"
    more = ["--preset", "debug", "--speaker", str(encoded)]
    assert main(["train", "gan", str(trained[0]), *more, "-o", str(run)]) == 0
    data = json.loads((run / "config.json").read_text())["gan_data"]
    assert data["encoder_sha256"] == sha256(encoded / "speaker.best.safetensors")
    card = json.loads((run / "bundle" / "model.json").read_text())["card"]
    assert f"step {best['step']} (epoch {best['epoch']:g})" in card["voice_encoder"]
    assert card["cost"]["speaker stage"].startswith("40 steps")
    *made, encoded_by, heard_by = card["command"].split(" && ")
    assert made == ["voice2face planted -o STORE"]
    assert encoded_by == (
        "voice2face train speaker STORE --preset debug --seed 0 --set speaker.steps=40 "
        "--set speaker.steps_per_epoch=10 -o SPEAKER_RUN"
    )
    assert heard_by == (
        "voice2face train gan STORE --preset debug --seed 0 --speaker SPEAKER_RUN -o RUN"
    )


def test_an_encoder_of_another_width_is_taken_as_it_was_trained(trained, tmp_path, capsys):
    """Its sizes are those of its own run, whatever the settings of this one say."""
    store, _ = trained
    wide, run = tmp_path / "wide", tmp_path / "run"
    width = ["--set", "speaker.encoder.channels=24,16,16,16", "--set", "speaker.steps=2"]
    assert main(["train", "speaker", str(store), "--preset", "debug", *width, "-o", str(wide)]) == 0
    few = ["train", "gan", str(store), "--preset", "debug", "--speaker", str(wide), "-o", str(run)]
    assert main(few) == 0
    card = json.loads((run / "bundle" / "model.json").read_text())["card"]
    assert card["cost"]["speaker stage"].startswith("2 steps")
    config = json.loads((wide / "config.json").read_text())
    encoder = config["speaker"]["encoder"]
    encoder["chanels"] = encoder.pop("channels")
    (wide / "config.json").write_text(json.dumps(config))
    assert main(few) == 1
    assert "does not say how the voice encoder" in capsys.readouterr().err


def test_a_run_that_diverges_names_the_step_the_people_and_the_checkpoint(
    trained, tmp_path, capsys
):
    run = tmp_path / "run"
    assert main(command(trained, run, "--set", "gan.learning_rate=1e18")) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert re.search(
        r"_loss is (nan|inf|-inf) in the step after [\d,]+ images, so the run stops", said
    )
    assert "no checkpoint was made" in said or "the last good checkpoint is" in said
    told = json.loads((run / "diverged.json").read_text())
    assert len(told["voices"]) == len(told["faces"]) == 8
    assert all(name.startswith("planted/") for name in told["voices"])
    if (run / "gan.safetensors").exists():
        kept = load_file(run / "gan.safetensors")
        assert all(torch.isfinite(value).all() for value in kept.values())


def test_a_full_disk_stops_the_run_and_leaves_the_last_checkpoint(trained, tmp_path):
    run = tmp_path / "run"
    process = start(command(trained, run))
    wait_for(run / "gan.safetensors", process)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    before = (run / "gan.safetensors").read_bytes()
    limit = len(before) // 2
    full = start(
        command(trained, run),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    _, said = full.communicate()
    assert full.returncode == 1
    assert "cannot be written" in said.splitlines()[-1]
    assert "Traceback" not in said
    assert (run / "gan.safetensors").read_bytes() == before


def test_a_changed_store_or_encoder_is_refused_with_the_difference(trained, tmp_path, capsys):
    store, straight = trained
    copy = tmp_path / "store"
    shutil.copytree(store, copy)
    run = tmp_path / "run"
    few = ["train", "gan", str(copy), "--preset", "debug", "-o", str(run)]
    speaker = tmp_path / "speaker"
    shutil.copytree(straight, speaker)
    assert main([*few, "--speaker", str(speaker)]) == 0
    card = json.loads((copy / "store.json").read_text())
    card["n_speakers"] = 7
    (copy / "store.json").write_text(json.dumps(card))
    assert main([*few, "--speaker", str(speaker)]) == 1
    assert "the data changed (gan.n_speakers was" in capsys.readouterr().err
    shutil.copy(store / "store.json", copy)
    (speaker / "speaker.safetensors").unlink()
    assert main([*few, "--speaker", str(speaker)]) == 1
    assert "run voice2face train speaker first" in capsys.readouterr().err
    assert main([*few, "--speaker", str(speaker), "--set", "gan.jitter=0.1"]) == 1


def test_switches_of_the_report_train_together(trained, tmp_path):
    """A deeper generator, a residual trunk taught beforehand, a further classifier, minimax."""
    run = tmp_path / "run"
    more = ["gan.images=32", "gan.checkpoint_images=16", "gan.discriminator=resnet",
            "gan.discriminator.channels=4,4,4,4,4", "gan.generator.extra_layers=1",
            "gan.classifiers=gender", "gan.classifier_first_images=16",
            "gan.generator_loss=minimax", "precision=bf16"]  # fmt: skip
    sets = [word for one in more for word in ("--set", one)]
    assert main(command(trained, run, *sets)) == 0
    lines = [json.loads(line) for line in (run / "gan.jsonl").read_text().splitlines()]
    first = next(line for line in lines if "classifier/loss" in line)
    assert "generator/adversarial_loss" not in first
    assert any(line.get("generator/adversarial_loss", 1) < 0 for line in lines)
    assert any("generator/class_loss_gender" in line for line in lines)
    assert any(line.get("validation/kernel_distance") is not None for line in lines)
    assert all(line.get("change/generator", 1) >= 0 for line in lines)
    keys = load_file(run / "gan.safetensors")
    assert any("discriminator/heads.classes.1" in key for key in keys)
    assert (run / "bundle" / "generator.onnx").exists()


def test_a_run_ends_when_the_networks_hardly_change(trained, tmp_path):
    run = tmp_path / "run"
    assert main(command(trained, run, "--set", "gan.converged_change=1000")) == 0
    last = json.loads((run / "gan.jsonl").read_text().splitlines()[-1])
    assert last["step"] == 80
    assert json.loads((run / "gan.ended.json").read_text())["why"].startswith(
        "converged: change of"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("gan.batchsize=3", "did you mean 'gan.batch_size'"),
        ("gan.batch_size=many", "gan.batch_size is 'many': give a whole number"),
        ("gan.flip=perhaps", "gan.flip is 'perhaps': give true or false"),
        ("gan", "give NAME=VALUE"),
        ("speaker.steps_per_epoch=many", "speaker.steps_per_epoch is 'many': give a whole number"),
        ("gan.discriminator=resnett", "did you mean 'resnet'"),
        ("gan.jitter.size=1", "'jitter' is a single value"),
        ("gan.classifiers=shoes", "gan.classifiers is 'shoes': known: age, gender, identity"),
        ("gan.classifiers=gendr", "did you mean 'gender'"),
        ("gan.batch_size=-5", "gan.batch_size is -5: give a number of at least 1"),
        ("gan.group=4", "gan.group: is a setting of the objective 'relativistic'"),
        ("gan.classifiers=nationality", "has a single label"),
    ],
)
def test_bad_settings_are_told(trained, change, message, tmp_path, capsys):
    assert main(command(trained, tmp_path / "run", "--set", change)) == 1
    assert message in capsys.readouterr().err
