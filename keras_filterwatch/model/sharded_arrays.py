"""Reads arrays of JAX whose parts are on the devices of several processes."""

from typing import Any

import numpy as np

from keras_filterwatch.kernels import Array


def whole_array(value: Any) -> Array:
    """Returns an array of JAX, put together in memory of this process, not on one of its devices.

    No other process takes part: one that does not read the same array at the same time would make
    this one wait for ever, or end the training of both.

    Args:
        value: an array of JAX, or anything that NumPy takes for one.

    Raises:
        ValueError: it has parts in other processes only.

    Example:
        >>> whole_array([1.0, 2.0]).tolist()
        [1.0, 2.0]
    """
    if getattr(value, "is_fully_addressable", True) or value.is_fully_replicated:
        return np.asarray(value)  # JAX reads part by part
    _check_is_here(value)
    array = np.empty(value.shape, value.dtype)
    for shard in value.addressable_shards:
        array[shard.index] = np.asarray(shard.data)
    return array


def in_this_process(value: Any) -> Any:
    """Returns an array of JAX on the devices of this process alone; nothing is copied.

    What is computed from it needs no other process.

    Raises:
        ValueError: it has parts in other processes only.
    """
    if getattr(value, "is_fully_addressable", True):
        return value
    import jax

    _check_is_here(value)
    if len(value.sharding.addressable_devices) == 1:
        return value.addressable_data(0)
    sharding = jax.sharding.NamedSharding(value.sharding.mesh.local_mesh, value.sharding.spec)
    parts = [shard.data for shard in value.addressable_shards]
    return jax.make_array_from_single_device_arrays(value.shape, sharding, parts)


def _check_is_here(value: Any) -> None:
    if value.is_fully_replicated:
        return
    # JAX cannot list the shards of an array that has one device in this process
    has_many = len(value.sharding.addressable_devices) > 1
    shards = value.addressable_shards if has_many else ()
    parts = {str(shard.index): shard.data.size for shard in shards}
    if sum(parts.values()) < value.size:
        raise ValueError(
            "parts of the weights are in other processes only, where this one cannot read them. "
            "Choose a DeviceMesh in which the devices of each process hold all parts of the weights"
        )
