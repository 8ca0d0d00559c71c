"""Where credentials come from that are found and renewed at run time: what the vendors' chains share."""
