"""Huawei Cloud EventGrid."""
