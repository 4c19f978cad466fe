from .augment import ExtraAugmentation as ExtraAugmentation, augment_batch as augment_batch
from .decoding import (
    DecodedImage as DecodedImage,
    DecodeSettings as DecodeSettings,
    content_hash as content_hash,
    decode as decode,
)
from .effort import UnreadableImageError as UnreadableImageError
from .feed import (
    Feed as Feed,
    class_weights as class_weights,
    encode_targets as encode_targets,
    epoch_order as epoch_order,
)
from .image_rows import ImageRows as ImageRows
from .known_pixels import KnownPixels as KnownPixels
from .manifest import Manifest as Manifest, check_unchanged as check_unchanged, data_changes as data_changes
from .photographs import render as render
from .preparing import PreparedData as PreparedData, open_source as open_source, prepare as prepare
from .scanned import FORMAT_NAMES as FORMAT_NAMES
from .scanning import Progress as Progress, Scan as Scan, scan as scan
from .store import (
    StoreInfo as StoreInfo,
    features_dir as features_dir,
    limit_bytes as limit_bytes,
    list_stores as list_stores,
    remove_store as remove_store,
    settings_key as settings_key,
    stores_dir as stores_dir,
)
