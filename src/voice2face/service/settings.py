"""Settings of the service, from the command line and from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any

from voice2face.errors import ConfigError, unknown_name
from voice2face.ranges import Amount, Positive, Range, Whole, refuse_problems

PREFIX = "VOICE2FACE_SERVE_"


def _help(text: str) -> dict[str, str]:
    return {"help": text}


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """Settings of the service; a field NAME is read from the variable `VOICE2FACE_SERVE_NAME`.

    Raises:
        ConfigError: A value is out of range; all that are, are named.
    """

    host: str = field(
        default="127.0.0.1", metadata=_help("address to listen on; 0.0.0.0 is every address")
    )
    port: Annotated[int, Range(0, 65535)] = field(
        default=8000, metadata=_help("port to listen on; 0 takes a free one")
    )
    models: str = field(
        default="",
        metadata=_help(
            "shipped models or folders of bundles, separated by commas; the first is the default"
        ),
    )
    workers: Whole = field(
        default=0, metadata=_help("processes that generate faces; 0 is one per core")
    )
    queue: Whole = field(
        default=64, metadata=_help("requests that may wait for a worker; further ones get 503")
    )
    max_body_mib: Annotated[int, Range(1, 1024)] = field(
        default=20, metadata=_help("largest request; beyond it, 413")
    )
    max_buffered_mib: Annotated[int, Range(1, 65536)] = field(
        default=256,
        metadata=_help("memory of all requests that are being read or wait; beyond it, 503"),
    )
    read_limit_s: Positive = field(
        default=30.0, metadata=_help("time for a request to arrive; beyond it, 408")
    )
    work_limit_s: Positive = field(
        default=30.0, metadata=_help("time to answer a request; beyond it, 504")
    )
    drain_s: Amount = field(
        default=2.0,
        metadata=_help(
            "time after SIGTERM in which /readyz says 503 and requests are still answered"
        ),
    )

    def __post_init__(self) -> None:
        refuse_problems(self)

    def conflicts(self) -> list[str]:
        """Tell what does not go together."""
        if self.max_body_mib <= self.max_buffered_mib:
            return []
        return [f"max_buffered_mib is {self.max_buffered_mib}: give at least max_body_mib"]

    @property
    def n_workers(self) -> int:
        """Processes that generate faces."""
        affinity = getattr(os, "sched_getaffinity", None)
        return self.workers or (len(affinity(0)) if affinity else os.cpu_count() or 1)

    @classmethod
    def read(
        cls, given: Mapping[str, str | None], environment: Mapping[str, str]
    ) -> ServiceSettings:
        """Read settings from texts: those given first, then those of the environment.

        Raises:
            ConfigError: A value cannot be used, or a variable with the prefix is no setting.
        """
        kinds = {one.name: type(one.default) for one in fields(cls)}
        texts = {
            name.removeprefix(PREFIX).lower(): text
            for name, text in environment.items()
            if name.startswith(PREFIX)
        }
        for name in texts:
            if name not in kinds:
                known = [PREFIX + one.upper() for one in kinds]
                raise unknown_name("variable", PREFIX + name.upper(), known)
        texts |= {name: text for name, text in given.items() if text is not None}
        return cls(**{name: _value(text, kinds[name]) for name, text in texts.items()})


def _value(text: str, kind: type) -> Any:
    """What a text says; the text itself if it says no such thing, which is then refused."""
    try:
        return kind(text)
    except ValueError:
        return text


def find_models(settings: ServiceSettings) -> dict[str, Path]:
    """Find the bundles to serve by name; the first is the default one.

    Raises:
        BundleError, ConfigError: See `find_bundle`; or two have one name.
    """
    # Late: the command line reads the settings' names at every start.
    from voice2face.runtime.description import DEFAULT_MODEL, bundled_models, find_bundle

    names = [name.strip() for name in settings.models.split(",") if name.strip()]
    names = names or sorted(bundled_models(), key=lambda name: (name != DEFAULT_MODEL, name))
    found: dict[str, Path] = {}
    for name in names:
        bundle = find_bundle(name).resolve()
        called = bundle.stem if bundle.suffix == ".zip" else bundle.name
        if bundle.parent.name == "snapshots":  # of the Hub's cache: the folder is a commit
            called = name.partition("@")[0].rpartition("/")[2]
        if called in found:
            raise ConfigError(f"models: two are called {called!r}; rename one of them")
        found[called] = bundle
    return found
