"""What a notebook shows of a run: its report in a frame of its own, and text without frames."""

import pickle
from html.parser import HTMLParser

import pytest
import recorded
from made_up_run import MadeUpRun
from trainings import fit, network

import keras_filterwatch as fw
from keras_filterwatch.view.report import report_page


class Frames(HTMLParser):
    """The elements of a cell's output with their attributes, as a browser reads them."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.elements = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    @property
    def frame(self):
        ((tag, attributes),) = [each for each in self.elements if each[0] != "pre"]
        assert tag == "iframe"
        return attributes


@pytest.fixture
def run(tmp_path):
    recorded.record(tmp_path / "run1" / "filterwatch", range(5))
    return fw.read(tmp_path / "run1")


def test_the_frame_has_the_report(run):
    frame = Frames(run._repr_html_()).frame
    assert frame["srcdoc"] == report_page(run, 900_000)


def test_the_frame_is_cut_off_from_the_notebook(run):
    frame = Frames(run._repr_html_()).frame
    # scripts run, in an origin of their own: no storage, no way to leave the frame
    assert frame["sandbox"] == "allow-scripts"
    assert set(frame) == {"title", "sandbox", "style", "srcdoc"}
    assert frame["title"] == "FilterWatch"
    assert "height: 640px" in frame["style"]


def test_where_frames_are_left_out_the_text_is_there(run):
    html = run._repr_html_()
    _, text = html.split('"><pre>')  # behind the attributes
    assert text.removesuffix("</pre></iframe>").splitlines() == str(run).splitlines()


def test_what_the_network_is_called_cannot_leave_the_frame(tmp_path):
    hostile = '"></iframe><script>alert(1)</script>'
    recorded.record(tmp_path / "filterwatch", range(2), layers=(hostile, "second"))
    html = fw.read(tmp_path)._repr_html_()
    assert [tag for tag, _ in Frames(html).elements if tag != "pre"] == ["iframe"]
    assert html.count("</iframe>") == 1
    assert html.endswith("</iframe>")


def test_the_output_of_a_cell_has_at_most_1_mb(tmp_path):
    made_up = MadeUpRun(tmp_path, {f"conv{place}": (3, 3, 32, 64) for place in range(8)})
    for step in range(20):
        made_up.write(step)
    made_up.close()
    html = fw.read(tmp_path)._repr_html_()
    assert 500_000 < len(html.encode()) <= 1_000_000
    assert Frames(html).frame


def test_a_run_without_a_step_is_text():
    run = fw.runs.open_run("tests/records/version-1")
    assert run._repr_html_() == "<pre>Nothing was watched yet.</pre>"


def test_a_callback_shows_its_run(tmp_path):
    watch = fw.FilterWatch(tmp_path, images=False)
    fit(network(), watch, epochs=1)
    assert watch._repr_html_() == fw.read(tmp_path)._repr_html_()
    assert "first" in Frames(watch._repr_html_()).frame["srcdoc"]


def test_a_callback_that_watched_nothing_shows_what_to_do(tmp_path):
    watch = fw.FilterWatch(tmp_path)
    html = watch._repr_html_()
    assert html.startswith("<pre>this FilterWatch has recorded nothing yet: pass it to")
    assert [tag for tag, _ in Frames(html).elements] == ["pre"]


def test_a_copy_of_a_callback_shows_where_the_run_is(tmp_path):
    watch = fw.FilterWatch(tmp_path, images=False)
    fit(network(), watch, epochs=1)
    copy = pickle.loads(pickle.dumps(watch))
    assert copy._repr_html_().startswith("<pre>this FilterWatch is a copy")
