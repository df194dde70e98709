"""Help desks that are asked over HTTP, with the whole conversation of a ticket.

A new help desk is one more file like `zendesk.py`: a `Source` with its connection, paging and clock; its test has the
payloads of its documentation. One whose export or warehouse tables are enough needs none: see the README of sources.
"""
