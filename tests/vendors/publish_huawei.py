"""Jobs for huaweicloudsdkeg, one a line: runs in an environment that has it, and nothing of ours."""

import json
import sys
from typing import Any

from huaweicloudsdkcore.auth.credentials import BasicCredentials  # type: ignore[import-not-found] # not in ours
from huaweicloudsdkcore.exceptions.exceptions import ServiceResponseException  # type: ignore[import-not-found]
from huaweicloudsdkeg.v1 import (  # type: ignore[import-not-found] # likewise
    CloudEvents,
    EgClient,
    PutEventsReq,
    PutEventsRequest,
)


def answer(job: dict[str, Any]) -> dict[str, Any]:
    security_token = job["credentials"].pop("security_token", None)
    credentials = BasicCredentials(**job["credentials"])
    if security_token is not None:
        credentials = credentials.with_security_token(security_token)
    client = EgClient.new_builder().with_credentials(credentials).with_endpoint(job["url"]).build()
    body = PutEventsReq(events=[CloudEvents(**event) for event in job["events"]])
    try:
        return dict(client.put_events(PutEventsRequest(channel_id=job["channel"], body=body)).to_dict())
    except ServiceResponseException as error:
        return {"error": error.error_code, "message": error.error_msg, "status": error.status_code}


for line in sys.stdin:
    sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
    sys.stdout.flush()
