"""Every test runs on the backend that KERAS_BACKEND asks for, and on no other."""

import os
import signal

import pytest

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if "PYTEST_XDIST_WORKER" in os.environ:
    # processes share the processors: PyTorch's threads would spend most time on waiting
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture
def written(monkeypatch):
    """All text that goes into pictures."""
    from keras_filterwatch.draw import lettering

    texts = []
    original = lettering.draw_one_text

    def spy(image, x, y, text, *args):
        texts.append(text)
        original(image, x, y, text, *args)

    monkeypatch.setattr(lettering, "draw_one_text", spy)
    return texts


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Debian's Chromium, with nothing kept from other tests."""
    from browser_pages import chromium

    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@pytest.fixture(autouse=True, scope="session")
def _interrupts():
    """SIGINT raises KeyboardInterrupt in the workers of pytest-xdist too, which ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
