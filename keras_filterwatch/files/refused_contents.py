"""What a file is that no reader can read, by its first bytes and, if these say little, its name."""

import re
from collections.abc import Callable
from typing import NamedTuple

SCORE_ARRAYS = (
    "load it where it was made, and score the dict of its arrays, fw.score({name: array})"
)
_MODEL = "score the model that it was made from."
_UNPACK = "unpack it, and pass the file of the weights."


class Kind(NamedTuple):
    """A kind of file that is not read.

    Attributes:
        matches: takes the name of the file and its first bytes.
        sentence: what stands behind "<path> is": what it is, and what to do.
        is_unsafe: whether loading it can run what is in it.
    """

    matches: Callable[[str, bytes], bool]
    sentence: str
    is_unsafe: bool = False


def _begins(*magic: bytes) -> Callable[[str, bytes], bool]:
    return lambda name, head: head.startswith(magic)


def _ends(*suffixes: str) -> Callable[[str, bytes], bool]:
    return lambda name, head: name.lower().endswith(suffixes)


def _is_pickle(name: str, head: bytes) -> bool:
    # protocols 2 to 5; the ones before have no mark
    return len(head) > 1 and head[0] == 0x80 and head[1] in (2, 3, 4, 5)


def _is_joblib(name: str, head: bytes) -> bool:
    return b"joblib.numpy_pickle" in head or name.lower().endswith(".joblib")


def _is_onnx(name: str, head: bytes) -> bool:
    # its version, then who made it, or the graph
    begins = len(head) > 2 and head[0] == 8 and head[1] < 32 and head[2] in (0x12, 0x3A)
    return begins or name.lower().endswith(".onnx")


def _is_graph(name: str, head: bytes) -> bool:
    has_node = head[:1] == b"\n" and any(
        word in head for word in (b"Placeholder", b"Const", b"dtype", b"VarHandleOp")
    )
    return has_node or name.lower().endswith((".pb", ".pbtxt"))


def _is_text(name: str, head: bytes) -> bool:
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # not the last letter, of which a part was read
            return False
        text = head[: error.start].decode()
    return not re.search(r"[\x00-\x08\x0e-\x1f]", text)


def _is_web_page(name: str, head: bytes) -> bool:
    return re.match(rb"\s*<(!doctype html|html)", head, re.IGNORECASE) is not None


def _is_msgpack(name: str, head: bytes) -> bool:
    is_map = head[:1] in (b"\xde", b"\xdf") or 0x81 <= (head[0] if head else 0) <= 0x8F
    return (is_map and b"params" in head) or name.lower().endswith(".msgpack")


_PICKLE = (
    f"and loading a pickle can run any code: it is not loaded. If you trust it, {SCORE_ARRAYS}."
)
# the first that matches counts
_KINDS = (
    Kind(lambda name, head: not head, "empty: copy or save it again."),
    Kind(
        _begins(b"version https://git-lfs.github.com"),
        "a pointer of Git LFS, not the file itself: fetch it with `git lfs pull`.",
    ),
    Kind(_is_web_page, "a web page, not a model: open it to see why the download went wrong."),
    Kind(
        _begins(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."),
        "a file of PyTorch in the format before version 1.6, a pickle, which can run any code when "
        "it is loaded. Load it with torch.load(path, weights_only=True) and save it again with "
        "torch.save.",
        is_unsafe=True,
    ),
    Kind(_is_joblib, f"a file of joblib, which holds pickles, {_PICKLE}", is_unsafe=True),
    Kind(_is_pickle, f"a pickle, {_PICKLE}", is_unsafe=True),
    Kind(_ends(".pkl", ".pickle"), f"a pickle by its name, {_PICKLE}", is_unsafe=True),
    Kind(
        lambda name, head: head[4:8] == b"TFL3" or name.lower().endswith(".tflite"),
        f"a model of TensorFlow Lite, which is made for running, not for reading: {_MODEL}",
    ),
    Kind(
        _begins(b"\x93NUMPY"),
        "a single array of NumPy, which has no name. Score it with "
        "fw.score({'name': numpy.load(path)}).",
    ),
    Kind(_begins(b"GGUF"), f"a model of llama.cpp (GGUF), which is not read: {_MODEL}"),
    Kind(_begins(b"MATLAB 5.0"), f"a file of MATLAB, which is not read: {SCORE_ARRAYS}."),
    Kind(_begins(b"\x1f\x8b"), f"packed with gzip: {_UNPACK}"),
    Kind(_begins(b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"), f"a packed file: {_UNPACK}"),
    Kind(_begins(b"7z\xbc\xaf\x27\x1c", b"Rar!"), f"a packed archive: {_UNPACK}"),
    Kind(lambda name, head: head[257:262] == b"ustar", f"a tar archive: {_UNPACK}"),
    Kind(
        _begins(b"PK\x03\x04", b"PK\x05\x06"),
        "a zip archive that holds neither a Keras model nor arrays of NumPy or PyTorch. If a saved "
        f"model is in it, {_UNPACK}",
    ),
    Kind(
        _ends("saved_model.pb", "saved_model.pbtxt", "keras_metadata.pb", "fingerprint.pb"),
        "a part of a SavedModel: pass the path of the folder that it is in.",
    ),
    Kind(
        lambda name, head: re.search(r"\.data-\d+-of-\d+$", name) is not None,
        "the data of a checkpoint of TensorFlow: its index, the file with the same beginning and "
        "`.index` at the end, says what is in it. Keep both in one folder, and pass the index.",
    ),
    Kind(
        _ends(".meta"),
        "the graph of a checkpoint of TensorFlow 1, not its weights: pass the `.index` file "
        "beside it.",
    ),
    Kind(
        lambda name, head: name == "checkpoint" and b"model_checkpoint_path" in head,
        "the list of the checkpoints of a folder: pass the path of the folder.",
    ),
    Kind(_is_onnx, f"a model of ONNX, which is not read: {_MODEL}"),
    Kind(
        _is_msgpack,
        "parameters of Flax in msgpack, which are not read. Load them with "
        "flax.serialization.msgpack_restore, and pass the dict to fw.score.",
    ),
    Kind(
        _is_graph,
        "a graph of TensorFlow, in which weights are constants: it is not read. Save the model "
        "with its variables (a SavedModel or a checkpoint), or score the Keras model itself.",
    ),
    Kind(
        lambda name, head: (
            name.lower().endswith((".json", ".yaml", ".yml")) and _is_text(name, head)
        ),
        "text: if it is the config of a model, the weights are in another file, which is the one "
        "to pass.",
    ),
    Kind(_is_text, "text, not a model: pass the file that the weights were saved in."),
    Kind(
        _ends(".ckpt"),
        "called a checkpoint, but of no kind that is known (TensorFlow's have an `.index` file, "
        f"those of PyTorch are zip archives): {SCORE_ARRAYS}.",
    ),
    Kind(
        _ends(".keras", ".h5", ".hdf5", ".npz", ".pt", ".pth", ".safetensors", ".index"),
        "damaged, or not what its name says: its first bytes are those of no such file. Copy or "
        "save it again.",
    ),
)
_UNKNOWN = f"of no kind that is read: {SCORE_ARRAYS}. docs/files.md lists what is read."


def kind_of_contents(name: str, head: bytes) -> tuple[str, bool]:
    """Returns what a file is and what to do, and whether loading it can run what is in it.

    Args:
        name: the name of the file.
        head: its first bytes.

    Example:
        >>> kind_of_contents("model.keras", b"")
        ('empty: copy or save it again.', False)
    """
    for kind in _KINDS:
        if kind.matches(name, head):
            return kind.sentence, kind.is_unsafe
    return _UNKNOWN, False
