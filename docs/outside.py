#!/usr/bin/env python3
"""A preprocessor of mdBook: links that leave the book lead to the files of the checkout.

The book is made in docs/book, a folder below its pages, so such links go up once more. mdBook writes
`.html` for a link's `.md`; with its dot escaped the link stays as it is.
"""

import json
import re
import sys


def outward(link):
    return f"](../../{link[1].replace('.md', '%2Emd')})"


def rewrite(part):
    """Rewrites the text of each chapter, wherever it stands in the book."""
    if isinstance(part, list):
        for item in part:
            rewrite(item)
    elif isinstance(part, dict):
        if isinstance(text := part.get("content"), str):
            part["content"] = re.sub(r"\]\(\.\./([^)\s]+)\)", outward, text)
        for item in part.values():
            rewrite(item)


if sys.argv[1:2] == ["supports"]:
    sys.exit(0)
_, book = json.load(sys.stdin)
rewrite(book)
json.dump(book, sys.stdout)
