"""Jobs for alibabacloud-eventbridge, one a line: runs in an environment that has it, and nothing of ours."""

import json
import sys
from typing import Any

from alibabacloud_eventbridge.client import Client  # type: ignore[import-not-found] # is not in ours
from alibabacloud_eventbridge.models import CloudEvent, Config  # type: ignore[import-not-found] # likewise
from Tea.exceptions import TeaException  # type: ignore[import-not-found] # likewise


def answer(job: dict[str, Any]) -> dict[str, Any]:
    client = Client(Config(endpoint=job["endpoint"], protocol="HTTP", **job["credentials"]))
    events = [CloudEvent(**{**event, "data": event["data"].encode()}) for event in job["events"]]
    try:
        return dict(client.put_events(events).to_map())
    except TeaException as error:
        return {"error": error.code, "message": error.message}


for line in sys.stdin:
    sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
    sys.stdout.flush()
