"""Records of event files and their CRC-32C, beside what TensorBoard's own writer makes."""

import io

import numpy as np
import pytest
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import crc32c as tensorboards_crc32c
from tensorboard.summary.writer.record_writer import RecordWriter

from keras_filterwatch.writers.crc import crc32c, record

SIZES = [0, 1, 8, 63, 64, 65, 127, 128, 1000, 4097]


def random_bytes(size):
    return np.random.default_rng(size).bytes(size)


@pytest.mark.parametrize(
    ("data", "checksum"),
    [  # RFC 3720, appendix B.4
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
    ids=["zeros", "ones", "ascending", "descending"],
)
def test_examples_of_the_specification_have_their_checksums(data, checksum):
    assert crc32c(data) == checksum


@pytest.mark.parametrize("size", SIZES)
def test_data_of_any_size_have_the_checksum_that_tensorboard_computes(size):
    assert crc32c(random_bytes(size)) == tensorboards_crc32c(random_bytes(size))


@pytest.mark.parametrize("size", SIZES)
def test_a_record_is_that_of_tensorboards_own_writer(size):
    written = io.BytesIO()
    RecordWriter(written).write(random_bytes(size))
    assert record(random_bytes(size)) == written.getvalue()
