"""Suffixes by which audio and video files are told in a folder."""

from __future__ import annotations

__all__ = ["MEDIA_SUFFIXES", "VIDEO_SUFFIXES"]

# Files taken from a folder. A file that is named itself may have any name.
VIDEO_SUFFIXES = frozenset(
    [
        ".3gp",
        ".avi",
        ".flv",
        ".m4v",
        ".mkv",
        ".mov",
        ".mp4",
        ".mpeg",
        ".mpg",
        ".mts",
        ".ogv",
        ".ts",
        ".webm",
        ".wmv",
    ]
)
MEDIA_SUFFIXES = VIDEO_SUFFIXES | frozenset(
    [
        ".aac",
        ".ac3",
        ".aif",
        ".aiff",
        ".amr",
        ".au",
        ".caf",
        ".flac",
        ".m4a",
        ".mka",
        ".mp2",
        ".mp3",
        ".oga",
        ".ogg",
        ".opus",
        ".wav",
        ".wma",
        ".wv",
    ]
)
