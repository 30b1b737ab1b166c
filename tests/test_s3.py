"""A bucket as log_dir: what is written to a local S3 server, and what TensorBoard shows of it."""

import json
import logging
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from viewer import ask, serving

import keras_filterwatch as fw
from keras_filterwatch.storage import folder_of
from keras_filterwatch.training import arguments
from keras_filterwatch.writers.event_file import EventFile
from keras_filterwatch.writers.summaries import Scalar

pytestmark = [
    pytest.mark.remote,
    # of the server and of the clients, when they are taken down
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
NAMES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION")


@pytest.fixture(scope="module")
def server():
    """The address of a local S3 server, which s3fs and TensorBoard use."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request
    running = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    running.start()
    address = "http://{}:{}".format(*running.get_host_and_port())
    with pytest.MonkeyPatch.context() as patch:
        for name in NAMES:
            patch.setenv(name, "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", address)  # of s3fs
        patch.setenv("S3_ENDPOINT", address)  # of TensorBoard
        patch.setenv("AWS_MAX_ATTEMPTS", "1")
        yield address
    running.stop()


@pytest.fixture
def bucket(server):
    """The URL of an empty bucket, and boto3's object for it."""
    import boto3

    bucket = boto3.resource("s3").create_bucket(Bucket="logs")
    yield bucket
    bucket.objects.all().delete()
    bucket.delete()


def keys(bucket):
    return [each.key for each in bucket.objects.all()]


def test_what_was_written_is_read(bucket):
    folder = folder_of("s3://logs/run1")
    folder.write("a", b"0123456789")
    assert (folder.names(), folder.read("a"), folder.read("a", 3, 5)) == (
        ["a"],
        b"0123456789",
        b"34",
    )


def test_what_others_write_meanwhile_is_seen(bucket):
    folder = folder_of("s3://logs/run1")
    folder.write("a", b"")
    assert folder.names() == ["a"]
    bucket.put_object(Key="run1/b", Body=b"theirs")
    assert (folder.names(), folder.read("b")) == (["a", "b"], b"theirs")


def test_a_folder_without_files_does_not_exist(bucket):
    folder = folder_of("s3://logs/run1")
    folder.check()
    assert (folder.exists(), folder.names(), keys(bucket)) == (False, [], [])


def test_bytes_are_appended(bucket):
    file = folder_of("s3://logs/run1").create("a", b"head")
    file.append(b"more")
    assert bucket.Object("run1/a").get()["Body"].read() == b"headmore"
    assert file.interference() == ""


def test_no_file_is_created_over_another_one(bucket):
    bucket.put_object(Key="run1/a", Body=b"theirs")
    with pytest.raises(FileExistsError):
        folder_of("s3://logs/run1").create("a")


@pytest.mark.parametrize(
    ("somebody", "words"),
    [
        (lambda item: item.delete(), "the file was removed"),
        (lambda item: item.put(Body=b"x"), "the file was truncated"),
        (lambda item: item.put(Body=b"x" * 99), "something else was written to the file"),
    ],
)
def test_what_somebody_else_does_to_a_file_is_noticed(bucket, somebody, words):
    file = folder_of("s3://logs/run1").create("a", b"head")
    somebody(bucket.Object("run1/a"))
    assert file.interference() == words


def test_a_bucket_that_does_not_exist_is_refused_and_not_made(bucket):
    import boto3

    with pytest.raises(ValueError, match="log_dir 's3://missing/run1' cannot be used: there is no"):
        arguments.log_folder("s3://missing/run1")
    with pytest.raises(FileNotFoundError):
        folder_of("s3://missing/run1").write("a", b"")
    assert [each.name for each in boto3.resource("s3").buckets.all()] == ["logs"]


def test_a_server_that_is_down_costs_the_steps_meanwhile_only(bucket, server, monkeypatch):
    import s3fs

    events = EventFile("s3://logs/run1")
    events.write(0, [Scalar("a", 0).encoded()])
    with monkeypatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        s3fs.S3FileSystem.clear_instance_cache()
        with pytest.raises(OSError, match=r"s3://logs/run1: .*onnect"):
            events.write(1, [Scalar("a", 1).encoded()])
        with pytest.raises(ValueError, match=r"log_dir 's3://logs/run2' cannot be used:.*onnect"):
            arguments.log_folder("s3://logs/run2")
    s3fs.S3FileSystem.clear_instance_cache()
    assert events.interference() == ""
    events.write(2, [Scalar("a", 2).encoded()])
    assert steps_of(bucket, "run1") == [0, 2]


def steps_of(bucket, prefix, tag="a"):
    """The steps of a tag, as TensorBoard's loader reads them in the objects of a folder."""
    import tempfile

    steps = []
    for each in sorted(keys(bucket)):
        if each.startswith(prefix) and "tfevents" in each:
            with tempfile.NamedTemporaryFile() as copy:
                bucket.download_file(each, copy.name)
                for event in EventFileLoader(copy.name).Load():
                    steps += [event.step for value in event.summary.value if value.tag == tag]
    return steps


def test_a_large_object_is_followed_by_another_one_and_tensorboard_shows_all_steps(bucket):
    padding = "x" * 2**20
    events = EventFile("s3://logs/runs/filterwatch")
    with serving("s3://logs/runs", "--reload_interval", "1") as tensorboard:
        for step in range(12):
            if step == 6:  # TensorBoard reads while objects are replaced and added
                ask(tensorboard, "scalars/scalars", run="filterwatch", tag="a")
            events.write(step, [Scalar("a", step, padding).encoded()])
        events.close()
        assert len(keys(bucket)) == 3
        for _ in range(20):
            curve = json.loads(ask(tensorboard, "scalars/scalars", run="filterwatch", tag="a"))
            if len(curve) >= 12:
                break
            ask(tensorboard, "scalars/tags")
        assert [step for _, step, _ in curve] == list(range(12))


@pytest.fixture
def watched(bucket):
    """A FilterWatch that has watched three epochs with a bucket as its log_dir."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [layers.Input((12, 12, 3)), layers.Conv2D(4, 5, name="first"), layers.Flatten()]
    )
    model.compile("sgd", "mse")
    random = np.random.default_rng(0)
    x, y = random.random((16, 12, 12, 3), "f4"), random.random((16, 256), "f4")
    watch = fw.FilterWatch("s3://logs/run1")
    model.fit(x, y, epochs=3, callbacks=[watch], verbose=0)
    assert watch.problems == []
    return watch


def test_every_step_of_a_training_is_in_the_bucket(bucket, watched):
    assert steps_of(bucket, "run1/filterwatch/", "noise/00_first") == [0, 1, 2, 3]


def test_the_record_in_a_bucket_is_read_as_one_on_this_machine(watched):
    run = fw.read("s3://logs/run1")
    assert run.steps == [0, 1, 2, 3]
    for before, after in zip(watched.history, run.history, strict=True):
        assert dict(before["first"]) == dict(after["first"])


def test_nothing_is_written_on_this_machine(watched):
    assert not Path("s3:").exists()
