"""Which buses can be emulated."""

from enum import StrEnum


class BusName(StrEnum):
    """The vendor, as the `type` of a destination names it."""

    AWS = "aws"
    ALIBABA = "alibaba"
    HUAWEI = "huawei"
