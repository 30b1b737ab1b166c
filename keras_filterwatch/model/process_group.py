"""ProcessGroup: which of several processes this is, and the store of keys that they share."""

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

import keras


class KeyStore(Protocol):
    """Short texts under keys, which all processes of a group read and write."""

    def set_once(self, key: str, text: str) -> None:
        """Sets a key; if another process has set it before, the key keeps that text."""

    def get(self, key: str, seconds: float) -> str | None:
        """Returns the text of a key; None if no process sets the key within `seconds`."""

    def delete(self, key: str) -> None:
        """Removes a key."""


@dataclass(frozen=True)
class ProcessGroup:
    """The processes that train together, as the backend knows them.

    Attributes:
        index: the number of this process, from 0.
        count: how many processes there are.
        store: what the processes share; None if they share nothing.
        why_not: why they share nothing, as a sentence without its full stop; `""` if they do.
    """

    index: int = 0
    count: int = 1
    store: KeyStore | None = field(default=None, repr=False)
    why_not: str = ""


def process_group() -> ProcessGroup:
    """Returns the processes that train together; one alone if the backend knows of no others.

    It starts no backend, as `jax.process_index` would: after that JAX cannot be set up any more.

    Example:
        >>> process_group()
        ProcessGroup(index=0, count=1, why_not='')
    """
    backend = keras.backend.backend()
    if backend == "jax":
        return _of_jax()
    if backend == "torch":
        return _of_torch()
    if backend == "tensorflow":
        return _of_tensorflow(os.environ.get("TF_CONFIG", ""))
    return ProcessGroup()


def _of_jax() -> ProcessGroup:
    try:
        from jax._src.distributed import global_state as state  # jax.distributed shows no client
    except ImportError:
        return ProcessGroup()
    if state.client is None or state.num_processes < 2:
        return ProcessGroup()
    return ProcessGroup(state.process_id, state.num_processes, _JaxStore(state.client))


@dataclass(frozen=True)
class _JaxStore:
    """The keys of JAX's coordination service."""

    client: Any

    def set_once(self, key: str, text: str) -> None:
        try:
            self.client.key_value_set(key, text)
        except RuntimeError as error:
            if "ALREADY_EXISTS" not in str(error):
                raise

    def get(self, key: str, seconds: float) -> str | None:
        try:
            text: str = self.client.blocking_key_value_get(key, max(1, round(1000 * seconds)))
        except RuntimeError as error:
            if "DEADLINE_EXCEEDED" in str(error):
                return None
            raise
        return text

    def delete(self, key: str) -> None:
        self.client.key_value_delete(key)


def _of_torch() -> ProcessGroup:
    import torch.distributed as dist

    if dist.is_available() and dist.is_initialized():
        index, count = dist.get_rank(), dist.get_world_size()
        if count < 2:
            return ProcessGroup()
        try:
            store = dist.distributed_c10d._get_default_store()
        except Exception:  # a private function: another version may lack it
            reason = "this version of PyTorch does not give out the store of its process group"
            return ProcessGroup(index, count, why_not=reason)
        return ProcessGroup(index, count, _TorchStore(store))
    # torchrun starts processes that do not know of each other yet
    index, count = (_number(os.environ.get(name)) for name in ("RANK", "WORLD_SIZE"))
    if "TORCHELASTIC_RUN_ID" not in os.environ or not 0 <= index < count or count < 2:
        return ProcessGroup()
    reason = (
        f"torchrun started {count} processes, and torch.distributed.init_process_group, by which "
        "they can agree, must be called before FilterWatch is made"
    )
    return ProcessGroup(index, count, why_not=reason)


@dataclass(frozen=True)
class _TorchStore:
    """The keys of the store with which a process group of PyTorch was made."""

    store: Any

    def set_once(self, key: str, text: str) -> None:
        self.store.compare_set(key, "", text)  # sets a key only if it is not there

    def get(self, key: str, seconds: float) -> str | None:
        from torch.distributed import DistStoreError

        try:
            self.store.wait([key], timedelta(seconds=seconds))
        except DistStoreError:
            return None
        return bytes(self.store.get(key)).decode()

    def delete(self, key: str) -> None:
        with suppress(RuntimeError, NotImplementedError):  # the store of a file keeps its keys
            self.store.delete_key(key)


def _of_tensorflow(config: str) -> ProcessGroup:
    """Returns what TF_CONFIG, the environment variable of TensorFlow's clusters, says."""
    try:
        described = json.loads(config)
        cluster, task = described["cluster"], described["task"]
        workers = [
            (role, number)
            for role in ("chief", "worker")
            for number, _ in enumerate(cluster.get(role, ()))
        ]
        this = (task["type"], int(task["index"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return ProcessGroup()
    if len(workers) < 2 or this not in workers:  # evaluators and parameter servers do not train
        return ProcessGroup()
    reason = (
        f"TF_CONFIG names {len(workers)} workers, and Keras 3 on TensorFlow has no way to pass "
        "numbers between them"
    )
    return ProcessGroup(workers.index(this), len(workers), why_not=reason)


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else -1
