"""What signing a request costs, by vendor: `python -m benchmarks.micro.sign`.

A full batch of 440-byte events in the vendor's framing, signed as its sender does; microseconds of CPU time
a request, the least of several rounds, and for each of its events.
"""

import platform
from collections.abc import Callable
from uuid import uuid4

from benchmarks.micro.frame import SECRET, least, sample
from gateway.entry import Entry
from gateway.secret import Secret
from gateway.senders.alibaba.entry import EntryFormat as AlibabaFormat
from gateway.senders.alibaba.signing import Signer as AlibabaSigner
from gateway.senders.aws.entry import Detail
from gateway.senders.aws.entry import EntryFormat as AwsFormat
from gateway.senders.credentials.access_key import AccessKey
from gateway.senders.huawei.entry import EntryFormat as HuaweiFormat
from gateway.senders.huawei.entry import Extensions
from gateway.senders.huawei.signing import Signer as HuaweiSigner
from gateway.senders.sigv4 import Credentials
from gateway.senders.sigv4 import Signer as AwsSigner

COUNT = 3_000
AT = 1_772_600_767.0
MAX_BYTES = 65_536
DUMMY_KEY = AccessKey("DUMMYACCESSKEY000001", Secret("DummySecretKey000000000000000000000000001"))

Work = Callable[[], object]


def entries(count: int) -> list[Entry]:
    """A batch."""
    return [Entry(sample(number), 500, 0.0) for number in range(count)]


def aws() -> tuple[Work, Work, int]:
    """Framing ten, and Signature Version 4."""
    batch = entries(10)
    framer = AwsFormat(event_bus="orders", detail=Detail.EVENT, resources=(), max_event_bytes=MAX_BYTES)
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "host": "events.us-east-1.amazonaws.com",
        "x-amz-target": "AWSEvents.PutEvents",
    }
    signer = AwsSigner(
        Credentials("AKIDEXAMPLE", SECRET), region="us-east-1", service="events", headers=headers
    )
    body = framer.frame(batch)
    return lambda: framer.frame(batch), lambda: signer.sign(body, AT), len(batch)


def alibaba() -> tuple[Work, Work, int]:
    """Framing sixteen, and the SDKs' HMAC-SHA1 with an MD5 of the body and a nonce."""
    batch = entries(16)
    framer, signer = AlibabaFormat(event_bus="orders", max_event_bytes=MAX_BYTES), AlibabaSigner(DUMMY_KEY)
    body = framer.frame(batch)
    return lambda: framer.frame(batch), lambda: signer.sign(body, AT, nonce=str(uuid4())), len(batch)


def huawei() -> tuple[Work, Work, int]:
    """Framing twenty, and SDK-HMAC-SHA256."""
    batch = entries(20)
    framer = HuaweiFormat(extensions=Extensions.SEND, max_entry_bytes=MAX_BYTES)
    headers = {"content-type": "application/json", "host": "eg.example.com", "x-project-id": "project"}
    signer = HuaweiSigner(DUMMY_KEY, path="/v1/project/channels/channel/events", headers=headers)
    body = framer.frame(batch)
    return lambda: framer.frame(batch), lambda: signer.sign(body, AT), len(batch)


def main() -> None:
    """Measure and print."""
    print(f"Python {platform.python_version()}, {platform.machine()}; events of {len(sample(0).json)} bytes")
    for name, make in {"aws": aws, "alibaba": alibaba, "huawei": huawei}.items():
        frame, sign, count = make()
        for what, work in (("frame", frame), ("sign", sign)):
            cost = least(work, COUNT)
            print(f"{f'{name}: {what}, {count} entries':32} {cost:8.2f} µs{cost / count:8.2f} an event")


if __name__ == "__main__":
    main()
