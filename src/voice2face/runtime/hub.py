"""Models of the Hugging Face Hub: in its cache, or downloaded; checked, and published."""

# The types of huggingface_hub are only there where the extra is installed.
# pyright: reportMissingImports=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from voice2face.errors import BundleError, ConfigError, MissingDependencyError, Voice2FaceError
from voice2face.runtime.bundle_check import check_bundle
from voice2face.runtime.bundle_file import (
    BUNDLE_FILES,
    CARD_FILE,
    DESCRIPTION_FILE,
    file_names,
    most_bytes,
    read_file,
)
from voice2face.runtime.description import read_description
from voice2face.runtime.hub_card import hub_card, licence_id

if TYPE_CHECKING:
    from types import ModuleType

_CARD_OF_HUB = "README.md"
_NAME = re.compile(r"(?P<repository>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(@(?P<revision>\S+))?")


class HubName(NamedTuple):
    """A model of the Hub: "owner/name", and a branch, tag or commit; None is the newest."""

    repository: str
    revision: str | None = None


def hub_name(text: str) -> HubName | None:
    """Read "owner/name" or "owner/name@revision"; None if it is neither."""
    found = _NAME.fullmatch(text)
    return HubName(found["repository"], found["revision"]) if found else None


def download(model: HubName) -> Path:
    """Find a model in the Hub's cache, or download it; without a connection the cache is used.

    Returns:
        The folder of the bundle, in the cache.

    Raises:
        BundleError: It cannot be downloaded, is no bundle, is too large, or a file of it is not
            the one that `model.json` names.
        ConfigError: There is no such model or revision.
        MissingDependencyError: The package huggingface_hub is not installed.
    """
    hub = _package(f"{model.repository}: there is no such file or folder; a model of the Hub")
    sizes: dict[str, int] = {}
    # What goes wrong here does so again below, where it is told, or the cache is used.
    with contextlib.suppress(Exception):
        about = hub.HfApi().model_info(
            model.repository, revision=model.revision, files_metadata=True
        )
        sizes = {file.rfilename: file.size for file in about.siblings}
    for name in sizes.keys() & set(BUNDLE_FILES):
        if (size := sizes[name] or 0) > (most := most_bytes(name)):
            raise BundleError(
                f"{model.repository}: {name} has {size} bytes; at most {most} are read"
            )
    with _told_plainly(model.repository, "be downloaded"):
        folder = Path(
            hub.snapshot_download(
                model.repository, revision=model.revision, allow_patterns=list(BUNDLE_FILES)
            )
        )
    if not (folder / DESCRIPTION_FILE).is_file():
        raise BundleError(f"{model.repository}: is no model of voice2face (no {DESCRIPTION_FILE})")
    for name, digest in read_description(folder).files.items():
        if hashlib.sha256(read_file(folder, name)).hexdigest() != digest:
            raise BundleError(
                f"{model.repository}: {name} is damaged or not the file that {DESCRIPTION_FILE} "
                f"names (another SHA-256); delete {folder} to download it again"
            )
    return folder


def push(source: Path, repository: str, private: bool = False, licence: str | None = None) -> str:
    """Publish a model on the Hub, with a card.

    Args:
        source: A bundle, a folder or a zip; or the folder of a run that has exported one.
        repository: "owner/name"; it is made where there is none.
        private: Whether a new repository is for its owner only.
        licence: The Hub's name of a licence; None follows from the data of the card.

    Returns:
        Address of the commit.

    Raises:
        BundleError: The bundle is refused (see `check_bundle`), or cannot be uploaded.
        ConfigError: The name is none of the Hub, nobody is logged in, or the licence does not
            follow from the data.
        MissingDependencyError: The package huggingface_hub is not installed.
    """
    name = hub_name(repository)
    if name is None or name.revision:
        raise ConfigError(f"{repository}: give the name of a repository, such as owner/name")
    bundle = source / "bundle" if (source / "bundle").is_dir() else source
    if wrong := [one for one in check_bundle(bundle) if one.result == "wrong"]:
        what = "; ".join(f"{one.check}: {one.text}" for one in wrong)
        raise BundleError(f"{bundle}: is not published ({what})")
    about = read_description(bundle)
    card = hub_card(about, repository, licence or licence_id(about))
    hub = _package("publishing")
    content = {name: read_file(bundle, name) for name in (DESCRIPTION_FILE, *about.files)}
    if CARD_FILE in file_names(bundle):
        content[CARD_FILE] = read_file(bundle, CARD_FILE)
    content[_CARD_OF_HUB] = card.encode()
    with _told_plainly(repository, "be published"):
        api = hub.HfApi(library_name="voice2face")
        api.create_repo(repository, private=private or None, exist_ok=True)
        additions = [hub.CommitOperationAdd(path, content[path]) for path in sorted(content)]
        done = api.create_commit(
            repository, additions, commit_message=f"Publish the model {about.name}"
        )
    return str(done.commit_url)


def _package(needed_by: str) -> ModuleType:
    """Import huggingface_hub, which then tells its makers nothing."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        import huggingface_hub
    except ModuleNotFoundError as error:
        if error.name != "huggingface_hub":
            raise
        raise MissingDependencyError(
            f"{needed_by} needs the package huggingface_hub; install it with: "
            "pip install huggingface_hub"
        ) from None
    return huggingface_hub


@contextlib.contextmanager
def _told_plainly(repository: str, what: str) -> Generator[None]:
    """Turn errors of huggingface_hub into ours."""
    from huggingface_hub import errors

    log_in = "log in with: hf auth login"
    try:
        yield
    except Voice2FaceError:
        raise
    except errors.RepositoryNotFoundError:
        raise ConfigError(
            f"{repository}: is neither a file nor a folder here, nor a model that the Hub shows "
            f"you; if it is private, {log_in}"
        ) from None
    except errors.RevisionNotFoundError:
        raise ConfigError(f"{repository}: the Hub has no such revision of it") from None
    except errors.LocalEntryNotFoundError:
        raise BundleError(
            f"{repository}: is not on this machine, or not all of it, and the Hub cannot be "
            "reached; try again with a connection"
        ) from None
    except errors.LocalTokenNotFoundError:
        raise ConfigError(f"{repository}: nobody is logged in; {log_in}") from None
    except Exception as error:  # of its HTTP client, too: they have no common base
        response = getattr(error, "response", None)
        if getattr(response, "status_code", None) in (401, 403):
            raise ConfigError(f"{repository}: the Hub refuses; {log_in}, as one who may") from None
        reason = next(iter(str(error).splitlines()), type(error).__name__)[:300]
        raise BundleError(f"{repository}: cannot {what} ({reason})") from None
