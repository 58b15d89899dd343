"""The sweep: repairs what crashes leave behind.

`stages.py` goes through all there is, page by page, and has each page looked at by `waiting.py` (what waits for the
worker), `stored.py` (objects under `images/`), `records.py`, `reservations.py` and `untold.py` (the table). `sweep.py`
is how careful they are, `report.py` what they found. `turns.py` lets one worker at a time do it.
"""
