from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vendors.client import VendorClient
from tests.vendors.environment import InstallationError, python_of


def client_of(vendor: str) -> Iterator[VendorClient]:
    try:
        python = python_of(vendor)
    except InstallationError as error:
        pytest.skip(f"the SDK cannot be installed: {error}")
    with VendorClient(python, Path(__file__).with_name(f"publish_{vendor}.py")) as client:
        yield client


@pytest.fixture(scope="session")
def boto3_client() -> Iterator[VendorClient]:
    """boto3, for Amazon EventBridge."""
    yield from client_of("aws")


@pytest.fixture(scope="session")
def alibaba_client() -> Iterator[VendorClient]:
    """alibabacloud-eventbridge, for Alibaba Cloud EventBridge."""
    yield from client_of("alibaba")


@pytest.fixture(scope="session")
def huawei_client() -> Iterator[VendorClient]:
    """huaweicloudsdkeg, for Huawei Cloud EventGrid."""
    yield from client_of("huawei")
