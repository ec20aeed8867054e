"""ImageNet (ILSVRC 2012): folders of JPEG files, one folder per class, decoded when they are needed.

The published `val` folder is the test split here, which a search never reads.
"""

from __future__ import annotations

import re
from pathlib import Path

from snncore.config.schema import DataConfig
from snncore.data.batches.file_split import FileSplit
from snncore.data.config_spec import data_spec
from snncore.data.files import root_folder
from snncore.data.sets.image_folders import IMAGENET_FOLDER, ImagePaths, list_classes, list_images
from snncore.data.specs import SPECS
from snncore.errors import DataError

SUFFIXES = frozenset({".jpeg", ".jpg"})
_WNID = re.compile(r"n\d{8}")


def read(config: DataConfig, is_train: bool) -> FileSplit:
    """The files of `root/imagenet/train` or of `val`; no image is opened.

    Raises:
        DataError: the folders are not as in ImageNet.
    """
    paths = image_paths(root_folder(config.root) / IMAGENET_FOLDER, is_train)
    return FileSplit(paths, data_spec(config).height, config.workers)


def image_paths(folder: Path, is_train: bool) -> ImagePaths:
    """The images of `folder/train` or of `folder/val`; classes are numbered by their sorted names in train.

    Fewer classes than published are allowed: a part of ImageNet.

    Raises:
        DataError: a class folder is not named by a WordNet id, there are more classes than published, val
            has a class that train lacks, or a class folder holds anything else than JPEG files.
    """
    classes = list_classes(folder / "train")
    n_classes = SPECS["imagenet"].n_classes
    if len(classes) > n_classes:
        raise DataError(f"data: {folder / 'train'} holds {len(classes)} classes, ImageNet has {n_classes}")
    parts = classes if is_train else list_classes(folder / "val")
    odd = next((name for name in parts if not _WNID.fullmatch(name)), None)
    if odd is not None:
        raise DataError(
            f"data: {folder / ('train' if is_train else 'val')} holds the folder {odd}; ImageNet's are named "
            "like n01440764; for images of your own set data.name: folder"
        )
    unknown = sorted(set(parts) - set(classes))
    if unknown:
        raise DataError(f"data: {folder / 'val'} holds {unknown[0]}, a class that {folder / 'train'} lacks")
    return list_images(folder / ("train" if is_train else "val"), classes, SUFFIXES)
