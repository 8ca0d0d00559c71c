"""How well, how fast and how late the gateway packs: against an LP bound, and on virtual time."""
