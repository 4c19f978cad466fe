"""The decoding of JPEG and PNG files as TensorFlow operations, so that a SavedModel decodes as training did.

TensorFlow and Pillow use the same JPEG library. With the same settings (accurate transform, fancy upsampling, the same
reduction while decoding) they give the same pixels; the settings that TensorFlow takes by itself give others. Formats
are told apart here: TensorFlow's ``decode_image`` would take more, and some of its paths are wrong or unsafe (an
animated WebP file with ``channels=0`` overruns its buffer).
"""

from __future__ import annotations

import tensorflow as tf

from cnnforge.data import DecodeSettings
from cnnforge_export.resize import resize

_REDUCTIONS = (1, 2, 4, 8)
_EXIF_BYTES = 4096  # EXIF data stand at a JPEG file's start, and the orientation at theirs
_PNG_EXIF_BYTES = 2**16
# Of JPEG or PNG files: tag 0x0112, type SHORT, one value from 1 to 8; in either byte order. ``\C`` is any byte.
_ORIENTATION = (
    r"^\C*?(?:Exif\x00\x00|eXIf)"
    r"(?:II\*\x00\C*?\x12\x01\x03\x00\x01\x00\x00\x00([\x01-\x08])|MM\x00\*\C*?\x01\x12\x00\x03\x00\x00\x00\x01\x00([\x01-\x08]))"
    r"\C*$"
)
_LUMA = (19595, 38470, 7471)  # Pillow's weights of red, green and blue, in units of 1/65536


def decode_files(contents: tf.Tensor, settings: DecodeSettings) -> tf.Tensor:
    """Return files as images at the size of the network, float32 from 0 to 255.

    Args:
        contents: The bytes of JPEG and PNG files, shape (images,).
        settings: How images are decoded.
    """
    signature = tf.TensorSpec(settings.shape, tf.float32)
    return tf.map_fn(lambda content: _decode(content, settings), contents, fn_output_signature=signature)


def _decode(content: tf.Tensor, settings: DecodeSettings) -> tf.Tensor:
    is_jpeg = tf.equal(tf.strings.substr(content, 0, 3), b"\xff\xd8\xff")
    is_png = tf.equal(tf.strings.substr(content, 0, 8), b"\x89PNG\r\n\x1a\n")
    with tf.control_dependencies([tf.debugging.Assert(is_jpeg | is_png, ["expected a JPEG or PNG file"])]):
        image = tf.cond(is_jpeg, lambda: _jpeg(content, settings), lambda: _png(content, settings))
    if settings.channels == 1:
        luma = tf.reduce_sum(tf.cast(image, tf.int32) * tf.constant(_LUMA), axis=-1, keepdims=True)
        image = tf.cast((luma + 32768) // 65536, tf.float32)
    return resize(image[None], settings.height, settings.width, settings.interpolation)[0]


def _jpeg(content: tf.Tensor, settings: DecodeSettings) -> tf.Tensor:
    orientation = _orientation(tf.strings.substr(content, 0, _EXIF_BYTES))
    shape = tf.io.extract_jpeg_shape(content)
    is_taken = tf.debugging.Assert(
        shape[2] <= 3, ["expected a JPEG file of red, green and blue or of grey, received CMYK"]
    )
    with tf.control_dependencies([is_taken]):
        size = tf.identity(shape[:2])
    upright = tf.where(orientation >= 5, size[::-1], size)
    fit = tf.reduce_min(upright // (settings.height, settings.width))
    if settings.interpolation == "nearest":
        fit = tf.ones_like(fit)  # picks pixels out of the whole photograph
    reduction = tf.reduce_sum([tf.cast(fit >= ratio, tf.int32) for ratio in _REDUCTIONS[1:]])
    image = tf.switch_case(reduction, [lambda ratio=ratio: _jpeg_pixels(content, ratio) for ratio in _REDUCTIONS])
    return tf.cast(_turned(image, orientation), tf.float32)


def _jpeg_pixels(content: tf.Tensor, ratio: int) -> tf.Tensor:
    return tf.io.decode_jpeg(content, channels=3, ratio=ratio, fancy_upscaling=True, dct_method="INTEGER_ACCURATE")


def _orientation(content: tf.Tensor) -> tf.Tensor:
    """Return the EXIF orientation, 1 to 8; 1 where there is none."""
    found = tf.strings.regex_replace(content, _ORIENTATION, r"\1\2")
    is_found = tf.equal(tf.strings.length(found), 1)
    return tf.cast(tf.io.decode_raw(tf.where(is_found, found, "\x01"), tf.uint8)[0], tf.int32)


def _turned(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    image = tf.cond(orientation >= 5, lambda: tf.transpose(image, (1, 0, 2)), lambda: image)
    for axis, orientations in ((0, (3, 4, 7, 8)), (1, (2, 3, 6, 7))):
        is_flipped = tf.reduce_any(tf.equal(orientation, orientations))
        image = tf.cond(
            is_flipped, lambda image=image, axis=axis: tf.reverse(image, (axis,)), lambda image=image: image
        )
    return image


def _png(content: tf.Tensor, settings: DecodeSettings) -> tf.Tensor:
    """Return a PNG file, turned upright, before the background colour."""
    image = tf.cast(tf.io.decode_png(content, channels=4), tf.float32)
    colour, alpha = image[:, :, :3], image[:, :, 3:]
    # Where a file of fewer than 8 bits has no transparency, TensorFlow takes its largest value, such as 1, for opaque.
    num_bits = tf.cast(tf.io.decode_raw(tf.strings.substr(content, 24, 1), tf.uint8)[0], tf.float32)
    alpha = tf.where(tf.reduce_all(tf.equal(alpha, 2.0**num_bits - 1)), 255.0, alpha)
    background = tf.constant(settings.background, tf.float32)
    image = tf.floor((colour * alpha + background * (255 - alpha)) / 255 + 0.5)
    # EXIF data stand before the pixels or behind them; to look through all of a large file takes too long
    end = tf.minimum(tf.strings.length(content), _PNG_EXIF_BYTES)
    edges = (tf.strings.substr(content, 0, end), tf.strings.substr(content, -end, end))
    return _turned(image, _orientation(tf.strings.join(edges)))
