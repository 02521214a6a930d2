"""The card of a model on the Hub: facts for programs as YAML, then the model card for people."""

from __future__ import annotations

import json
import re

from voice2face.errors import ConfigError
from voice2face.runtime.card import card_text
from voice2face.runtime.description import ModelDescription

# How the licence of a card begins (`training.licences` writes it) -> the Hub's name of it, and for
# "other" what it is called.
_LICENCES = (
    ("Apache-2.0 for the weights", ("apache-2.0", None)),
    ("Apache-2.0 as far as", ("other", "apache-2.0-within-share-alike-data")),
    ("Non-commercial use only", ("other", "non-commercial-data")),
)
_NAMED_LICENCE = re.compile(r"[a-z0-9][a-z0-9.+-]*")
# A word of a data set's title -> its name on the Hub. The others have none there.
_DATA_SETS = {"LibriSpeech": "openslr/librispeech_asr", "FairFace": "HuggingFaceM4/FairFace"}
# `training.gender_agreement` measures these.
_MEASURED = re.compile(r"(?P<judge>.+)_sees_gender_of_(?P<group>\w+)_speakers_percent")

_USE = """
## Use

    pip install 'voice2face[hub]'
    voice2face generate me.wav --model {repository}

```python
from voice2face import VoiceToFace

VoiceToFace.load("{repository}").generate("me.wav").image.save("me.png")
```

Generated faces are typical of such voices. They are never a likeness of the speaker: do not use
them to recognise, describe or judge a person.
"""


def licence_id(about: ModelDescription) -> str:
    """Tell a licence by the Hub's name of it, as it follows from the data of the card.

    Raises:
        ConfigError: It does not follow from them.
    """
    said = str(about.card.get("licence", ""))
    for start, (name, called) in _LICENCES:
        if said.startswith(start):
            return f"{name} {called}" if called else name
    raise ConfigError(
        f"{about.name}: the licence does not follow from the data ({said[:200]!r}); if you know "
        "that you may publish the model, name its licence with --licence, such as cc-by-nc-4.0"
    )


def hub_card(about: ModelDescription, repository: str, licence: str) -> str:
    """Write the card.

    Args:
        licence: What `licence_id` gave, or the Hub's name of a licence.

    Raises:
        ConfigError: The licence is no such name.
    """
    name, _, called = licence.partition(" ")
    if not _NAMED_LICENCE.fullmatch(name) or (called and name != "other"):
        raise ConfigError(f"licence: got {licence!r}; give the Hub's name, such as apache-2.0")
    other = {"license_name": called or "see-card", "license_link": f"{repository}#licence"}
    if name == "other":
        other["license_link"] = f"https://huggingface.co/{other['license_link']}"
    data = "\n".join(map(str, about.card.get("data") or []))
    found = [hub_name for word, hub_name in _DATA_SETS.items() if word in data]
    measured = _measured(about)
    front_matter = {
        "license": name,
        **(other if name == "other" else {}),
        "library_name": "voice2face",
        # The Hub has no task from speech to pictures; the tags tell.
        "pipeline_tag": "other",
        "tags": ["voice2face", "onnx", "audio-to-image", "speech", "face-generation", "gan"],
        **({"datasets": found} if found else {}),
        **({"metrics": ["accuracy"], "model-index": [measured]} if measured else {}),
    }
    lines = [
        f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in front_matter.items()
    ]
    title, _, rest = card_text(about).partition("\n")
    return (
        "\n".join(["---", *lines, "---", "", title, ""]) + _USE.format(repository=repository) + rest
    )


def _measured(about: ModelDescription) -> dict[str, object] | None:
    """The measured quality, as the Hub lists it; None where there is none."""
    quality: dict[str, object] = about.card.get("quality") or {}
    found = ((_MEASURED.fullmatch(key), value) for key, value in quality.items())
    metrics = [
        {
            "type": "accuracy",
            "name": f"gender of the faces of {one['group']} speakers, by {one['judge']}, %",
            "value": value,
        }
        for one, value in found
        if one is not None and isinstance(value, (int, float))
    ]
    if not metrics:
        return None
    task = {"type": "other", "name": "faces from voices"}
    data = {"type": "held-out-speakers", "name": "speakers and faces that were not trained on"}
    return {"name": about.name, "results": [{"task": task, "dataset": data, "metrics": metrics}]}
