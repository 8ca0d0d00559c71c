#!/bin/sh
# Every way to post events, with curl: sh curl.sh
# Ends at the first that the gateway does not take, with an exit code that is not 0.
set -eu
url=${GATEWAY_URL:-http://127.0.0.1:8080}/events
traceparent=00-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')-$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')-01

# The gateway's token, where it asks for one: as curl's input, so that it stands in no list of processes.
authorization() { [ -z "${GATEWAY_TOKEN:-}" ] || printf 'Authorization: Bearer %s\n' "$GATEWAY_TOKEN"; }
# Tells what it posts, and the answer's body and status; whether the gateway has it.
once() {
    printf '%s: ' "$1"; shift
    answer=$(authorization |
        curl --silent --show-error --max-time 10 --write-out '%{http_code}' --header @- "$url" "$@")
    printf '%s\n' "$answer"
    case $answer in *20[02]) ;; *) return 1 ;; esac
}
# The same, and again where that may help (503, 408, no connection), when Retry-After says, four times at most.
post() { once "$@" --retry 4 --retry-connrefused --retry-max-time 300; }

# One event, its attributes in headers; one, all of it JSON; several, in one request, taken whole or not at all.
# The id says which event it is: the same in every attempt, and in no other event of this source.
# The trace becomes an attribute of the event.
post binary -H 'ce-specversion: 1.0' -H 'ce-id: 1001-created' -H 'ce-source: /example/curl' \
    -H 'ce-type: com.example.order.created' -H "traceparent: $traceparent" \
    -H 'Content-Type: application/json' -d '{"order":"1001"}'
post structured -H 'Content-Type: application/cloudevents+json' -d '{"specversion":"1.0","id":"1002-created",
    "source":"/example/curl","type":"com.example.order.created","data":{"order":"1002"}}'
post batched -H 'Content-Type: application/cloudevents-batch+json' -d '[
    {"specversion":"1.0","id":"1003-created","source":"/example/curl","type":"com.example.order.created"},
    {"specversion":"1.0","id":"1004-created","source":"/example/curl","type":"com.example.order.created"}]'

# Waiting for delivery, five seconds at most: 200 and the bus's id; 202 if it is still held; 502 if the bus has
# refused it for good. Not with `--retry`: curl would post again after a 502, though the dead letters have it.
once waiting -H 'Prefer: wait=5' -H 'Content-Type: application/cloudevents+json' -d '{"specversion":"1.0",
    "id":"1001-paid","source":"/example/curl","type":"com.example.order.paid","data":{"order":"1001"}}'

# A refusal says which event, which attribute and why. It is a mistake of ours: posted again it is refused again.
! post refused -H 'Content-Type: application/cloudevents-batch+json' -d '[
    {"specversion":"1.0","id":"1005-created","source":"/example/curl","type":"com.example.order.created"},
    {"specversion":"1.0","id":"1006-created","source":"","type":"com.example.order.created"}]'
