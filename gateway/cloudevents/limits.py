"""How much of an event we take: none so low that an event of 64 KiB fails (CloudEvents, "Size Limits")."""

MAX_EVENT_BYTES = 1 << 20
"""Of an event's compact JSON, `data_base64` counted as the bytes it stands for."""
MAX_BATCH_EVENTS = 10_000
MAX_ATTRIBUTES = 256
"""Of one event, data not counted: each costs a look, and some buses a field."""
MAX_DEPTH = 512
"""Arrays and objects inside one another in `data`."""
