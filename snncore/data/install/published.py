"""The published files of each data set: addresses, checksums, sizes. Imports no torch.

The checksums are those of torchvision and tonic; tests compare them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedFile:
    """A file to download. megabytes: approximate. addresses: of the same file, in the order of trying."""

    name: str
    md5: str
    megabytes: float
    addresses: tuple[str, ...]


def _figshare(number: int) -> tuple[str, ...]:
    """figshare's plain address (the last) answers programs with an empty 202, tonic issues 329 and 330."""
    return (
        f"https://api.figshare.com/v2/file/download/{number}",
        f"https://ndownloader.figshare.com/files/{number}",
        f"https://figshare.com/ndownloader/files/{number}",
    )


def _fashion(name: str, md5: str, megabytes: float) -> PublishedFile:
    place = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
    return PublishedFile(f"{name}.gz", md5, megabytes, (f"{place}/{name}.gz",))


def _cifar(name: str, md5: str, megabytes: float) -> PublishedFile:
    return PublishedFile(name, md5, megabytes, (f"https://www.cs.toronto.edu/~kriz/{name}",))


def _nmnist(name: str, md5: str, megabytes: float, code: str) -> PublishedFile:
    place = "https://data.mendeley.com/public-files/datasets/468j46mzdv/files"
    return PublishedFile(name, md5, megabytes, (f"{place}/{code}/file_downloaded",))


def _shd(name: str, md5: str, megabytes: float) -> PublishedFile:
    places = ("https://zenkelab.org/datasets", "https://compneuro.net/datasets")
    return PublishedFile(name, md5, megabytes, tuple(f"{place}/{name}" for place in places))


PUBLISHED_FILES = {
    "fashion_mnist": (
        _fashion("train-images-idx3-ubyte", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26.4),
        _fashion("train-labels-idx1-ubyte", "25c81989df183df01b3e8a0aad5dffbe", 0.03),
        _fashion("t10k-images-idx3-ubyte", "bef4ecab320f06d8554ea6380940ec79", 4.4),
        _fashion("t10k-labels-idx1-ubyte", "bb300cfdad3c16e7a12a480ee83cd310", 0.01),
    ),
    "cifar10": (_cifar("cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a", 170.5),),
    "cifar100": (_cifar("cifar-100-python.tar.gz", "eb9058c3a382ffc7106e4002c42a8d85", 169.0),),
    "cifar10_dvs": (
        PublishedFile("CIFAR10DVS.zip", "ce3a4a0682dc0943703bd8f749a7701c", 11_200, _figshare(38023437)),
    ),
    "dvs_gesture": (
        PublishedFile(
            "ibmGestureTrain.tar.gz", "3a8f0d4120a166bac7591f77409cb105", 2_400, _figshare(38022171)
        ),
        PublishedFile("ibmGestureTest.tar.gz", "56070e45dadaa85fff82e0fbfbc06de5", 691, _figshare(38020584)),
    ),
    "nmnist": (
        _nmnist(
            "train.zip", "20959b8e626244a1b502305a9e6e2031", 1_010, "39c25547-014b-4137-a934-9d29fa53c7a0"
        ),
        _nmnist("test.zip", "69ca8762b2fe404d9b9bad1103e97832", 170, "05a4d654-7e03-4c15-bdfa-9bb2bcbea494"),
    ),
    "shd": (
        _shd("shd_train.h5.zip", "f3252aeb598ac776c1b526422d90eecb", 131),
        _shd("shd_test.h5.zip", "1503a5064faa34311c398fb0a1ed0a6f", 38),
    ),
}
"""By `data.name`. ImageNet can only be downloaded with an account."""


def unpacked_limit(name: str) -> int:
    """Limit of unpacked bytes of a data set: twenty times the size of the published archives."""
    return int(20e6 * sum(file.megabytes for file in PUBLISHED_FILES[name]))


def size_text(megabytes: float) -> str:
    """A size as text, with about two digits."""
    if megabytes >= 1000:
        return f"{megabytes / 1000:.1f} GB"
    return f"{megabytes:.0f} MB" if megabytes >= 10 else f"{megabytes:.2g} MB"
