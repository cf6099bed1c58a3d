"""Writes small .caffemodel files in every layout that the format allows."""

import struct

NEW, V1 = {"layer": 100, "name": 1, "blobs": 7}, {"layer": 2, "name": 4, "blobs": 6}


def varint(n):
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes([*out, n])


def field(number, content):
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def blob(array, legacy=False, packed=True):
    flat = array.astype("<f4").ravel()
    if packed:
        data = field(5, flat.tobytes())
    else:
        data = b"".join(b"\x2d" + struct.pack("<f", v) for v in flat)
    if legacy:
        padded = (1,) * (4 - array.ndim) + array.shape
        return b"".join(field(i + 1, n) for i, n in enumerate(padded)) + data
    return field(7, field(1, b"".join(map(varint, array.shape)))) + data


def net(layers, format_=NEW, **layout):
    content = field(1, b"a net")
    for name, arrays in layers.items():
        blobs = b"".join(field(format_["blobs"], blob(a, **layout)) for a in arrays)
        content += field(format_["layer"], field(format_["name"], name.encode()) + blobs)
    return content


def of_state(state):
    """The tensors of a state dict as the blobs of their layers."""
    layers = {}
    for name, tensor in state.items():
        layers.setdefault(name.rpartition(".")[0], []).append(tensor.numpy())
    return net(layers)
