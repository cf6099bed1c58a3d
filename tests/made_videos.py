"""Makes small videos whose pictures carry their number, so that a test knows which one it reads.

The number stands in the upper half as ten white or black blocks, lowest bit left, and the lower
half has a colour: blue on the left, red on the right.
"""

from fractions import Fraction

import numpy as np

WH = (160, 96)
_BITS = 10
BLUE, RED = (200, 60, 40), (40, 60, 200)


def numbered(number, size_wh=WH):
    """Return the picture (H, W, 3) with this number."""
    width, height = size_wh
    image = np.zeros((height, width, 3), np.uint8)
    block = width // _BITS
    for bit in range(_BITS):
        if number >> bit & 1:
            image[: height // 2, bit * block : (bit + 1) * block] = 235
    image[height // 2 :, : width // 2] = BLUE
    image[height // 2 :, width // 2 :] = RED
    return image


def number_of(image):
    """Return the number that a picture carries."""
    block, rows = image.shape[1] // _BITS, slice(4, image.shape[0] // 2 - 4)
    means = [image[rows, bit * block + 4 : (bit + 1) * block - 4].mean() for bit in range(_BITS)]
    return sum((mean > 128) << bit for bit, mean in enumerate(means))


def write(
    path,
    times_ms,
    size_wh=WH,
    codec="libx264",
    pixels="yuv420p",
    rotation=0,
    sound=False,
    key_every=12,
    options=None,
):
    """Write a video with one numbered picture per time, and return its path."""
    import av

    choices = {"movflags": "faststart"} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=choices) as container:
        stream = container.add_stream(codec, rate=30, options=options or {})
        stream.width, stream.height = size_wh
        stream.pix_fmt = pixels
        stream.gop_size = key_every
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        if rotation:
            stream.set_display_rotation(rotation)
        tone = container.add_stream("aac", rate=48000) if sound else None
        for number, time_ms in enumerate(times_ms):
            frame = av.VideoFrame.from_ndarray(numbered(number, size_wh), format="bgr24")
            frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if tone:
            _write_tone(container, tone, times_ms[-1])
    return path


def _write_tone(container, stream, until_ms):
    import av

    for start in range(0, until_ms * 48, 1024):
        wave = np.sin(np.arange(start, start + 1024) / 20).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def steady(count, step_ms=40):
    """Return times (ms) at a constant rate."""
    return [number * step_ms for number in range(count)]


def cut(path, share):
    """Shorten a file to a share of its bytes, and return its path."""
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    return path
