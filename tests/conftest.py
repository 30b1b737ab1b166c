"""Every test runs on the backend that KERAS_BACKEND asks for, and on no other."""

import os

import pytest
from PIL import ImageDraw

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture
def written(monkeypatch):
    """All text that goes into pictures."""
    texts = []
    original = ImageDraw.ImageDraw.text

    def spy(self, place, text, *args, **kwargs):
        texts.append(text)
        return original(self, place, text, *args, **kwargs)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", spy)
    return texts
