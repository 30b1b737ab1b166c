"""The record of a run: every step of a training in files that only grow, and can be read back."""

from keras_filterwatch.record.frames import VERSION, DamagedRecordError
from keras_filterwatch.record.reader import RecordReader, read_record
from keras_filterwatch.record.recorded import RecordedRun, RecordedStep
from keras_filterwatch.record.writer import RecordWriter, StepToRecord

__all__ = [
    "VERSION",
    "DamagedRecordError",
    "RecordReader",
    "RecordWriter",
    "RecordedRun",
    "RecordedStep",
    "StepToRecord",
    "read_record",
]
