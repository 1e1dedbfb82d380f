"""initramfs.py FOLDER FILE: packs FOLDER as an initramfs, all of it root's."""

import gzip
import os
import sys

root, target = sys.argv[1:]
parts = []


def add(name, mode, data=b""):
    path = name.encode() + b"\0"
    fields = (len(parts) + 1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + path
    parts.append(head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4))


for folder, _, files in os.walk(root):
    at = os.path.relpath(folder, root)
    if at != ".":
        add(at, 0o40755)
    for file in files:
        with open(os.path.join(folder, file), "rb") as opened:
            add(os.path.normpath(os.path.join(at, file)), 0o100755, opened.read())
add("TRAILER!!!", 0)
with open(target, "wb") as file:
    file.write(gzip.compress(b"".join(parts)))
