"""tf.data service: batches that other processes make."""

from __future__ import annotations

import socket

import tensorflow as tf

from annotools.errors import OptionError

_PREFIX = "grpc://"
_PATIENCE = 10.0  # seconds; TensorFlow itself would wait for hours, without a word


def check_dispatcher(address: str) -> None:
    """Raise OptionError unless something listens at `address`, "grpc://host:port"."""
    host, _, port = address.removeprefix(_PREFIX).rpartition(":")
    if not address.startswith(_PREFIX) or not host or not port.isdecimal():
        raise OptionError("not an address", field="service", found=address, expected="grpc://host:port")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()
    except OSError as error:
        raise OptionError(
            f"no dispatcher of tf.data service answers: {error}", field="service", found=address
        ) from None


def handed_out(dataset: tf.data.Dataset, address: str) -> tf.data.Dataset:
    """`dataset`, whose elements the workers of a dispatcher make, each element once."""
    service = tf.data.experimental.service
    return dataset.apply(service.distribute(service.ShardingPolicy.DYNAMIC, address))
