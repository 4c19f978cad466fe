from .labelled_images import (
    SPLITS as SPLITS,
    LabelledImages as LabelledImages,
    LeftOut as LeftOut,
    read_at as read_at,
)
from .listing import (
    MAX_FILE_BYTES as MAX_FILE_BYTES,
    TOO_LARGE as TOO_LARGE,
    ImageFile as ImageFile,
    ImageFiles as ImageFiles,
)
from .names import natural_key as natural_key
from .opening import GivenImage as GivenImage, given_images as given_images, open_files as open_files
from .spelling import (
    check_distinct as check_distinct,
    meant_name as meant_name,
    seen_name as seen_name,
    split_words as split_words,
    splits_of_names as splits_of_names,
)
from .zip_directory import open_checked as open_checked
