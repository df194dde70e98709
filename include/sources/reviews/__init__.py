"""Reviews of apps: the App Store's public feed and Connect, Google Play's API and its monthly exports.

A new store is one more file like `apple_feed.py`: a `Source` that asks from the newest review on (`newest_first.py`)
and writes its rows with `review.py`, so that all stores have the same columns.
"""
