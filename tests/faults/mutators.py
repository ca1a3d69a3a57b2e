"""What is done to valid files to make hostile ones: bytes, JSON, tensor files, zip archives, pickles, tables.

Every function gives (label, bytes) pairs; the same generator of random numbers gives the same files.
"""

from __future__ import annotations

import copy
import io
import json
import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

Made = Iterator[tuple[str, bytes]]


class Raw(str):
    """Text that stands in the JSON as it is, not quoted: numbers that json.dumps would not write."""


ODD_VALUES: dict[str, Any] = {
    "null": None, "true": True, "text": "x", "empty text": "", "list": [], "object": {}, "nested list": [[1], [2, 3]],
    "negative": -1, "zero": 0, "fraction": 0.5, "large": 10**18, "400 digits": Raw("1" + "0" * 400),
    "5000 digits": Raw("9" * 5000), "1e400": Raw("1e400"), "-1e308": -1e308, "NaN": Raw("NaN"),
    "Infinity": Raw("Infinity"), "line break": "a\nb\u2028c\x1b[2J", "surrogate": "\ud800", "NUL": "a\0b",
    "long text": "x" * 300_000, "path": "../../../etc/passwd", "deep": Raw("[" * 3000 + "]" * 3000),
    "objects": [{}] * 20_000, "numbers": [1e300] * 5000, "mixed": [1, "a", None, {"b": []}],
}  # fmt: skip


def dumped(value: Any) -> bytes:
    """JSON text with `Raw` values as they are."""
    raws: list[str] = []

    def marked(part: Any) -> Any:
        if isinstance(part, Raw):
            raws.append(str(part))
            return f"\x01raw{len(raws) - 1}\x01"
        if isinstance(part, dict):
            return {key: marked(entry) for key, entry in part.items()}
        return [marked(entry) for entry in part] if isinstance(part, list) else part

    text = json.dumps(marked(value))
    for k, raw in enumerate(raws):
        text = text.replace(f'"\\u0001raw{k}\\u0001"', raw)
    return text.encode("utf-8", "surrogatepass")


def of_bytes(data: bytes, rng: random.Random, count: int) -> Made:
    """Truncations, changed, repeated, moved and inserted bytes, oversized counts."""
    makers: list[Callable[[], tuple[str, bytes]]] = [
        lambda: ("empty", b""), lambda: ("half", data[: len(data) // 2]), lambda: ("last byte", data[:-1]),
        lambda: ("magic alone", data[:8]), lambda: ("zeros", bytes(min(len(data), 4096))),
        lambda: ("ones", b"\xff" * min(len(data), 4096)), lambda: ("twice", data + data),
        lambda: ("tail", data[len(data) // 3 :]), lambda: ("text", b"hello, this is not such a file\n" * 20),
    ]  # fmt: skip
    for make in makers[:count]:
        yield make()
    for _ in range(count - len(makers)):
        yield _changed(data, rng)


def _changed(data: bytes, rng: random.Random) -> tuple[str, bytes]:
    made, size = bytearray(data), len(data)
    place = min(int(rng.expovariate(4 / size)), size - 1) if rng.random() < 0.6 else rng.randrange(size)
    kind = rng.randrange(6)
    if kind == 0:
        for _ in range(rng.choice([1, 3, 30])):
            made[min(int(rng.expovariate(3 / size)), size - 1)] = rng.randrange(256)
        return "flipped bytes", bytes(made)
    if kind == 1:
        width = rng.choice([2, 4, 8])
        value = rng.choice([2 ** (8 * width) - 1, 2 ** (8 * width - 1) - 1, 2 ** (8 * width - 1), 0, 1])
        order = rng.choice(["little", "big"])
        made[place : place + width] = value.to_bytes(width, order)
        return f"count of {width} bytes", bytes(made[:size])
    other, length = rng.randrange(size), rng.randrange(1, max(2, size // 4))
    if kind == 2:
        made[place : place + length] = data[other : other + length]
        return "splice", bytes(made)
    if kind == 3:
        made[place:place] = rng.randbytes(rng.choice([1, 16, 4096]))
        return "insertion", bytes(made)
    if kind == 4:
        del made[place : place + length]
        return "deletion", bytes(made)
    made[place : place + length] = rng.choice([b"\0", b"\xff", b"9", b"["]) * min(length, size - place)
    return "run of one byte", bytes(made)


def of_json(value: Any, rng: random.Random, count: int) -> Made:
    """Values of the wrong type or size, missing and unknown entries, text that is not JSON of this world."""
    text = dumped(value)
    fixed = [
        ("deep", b"[" * 200_000), ("deep objects", b'{"a":' * 200_000), ("list", b"[]"), ("null", b"null"),
        ("number", b"9" * 6000), ("byte order mark", b"\xef\xbb\xbf" + text),
        ("utf-16", text.decode().encode("utf-16")), ("unfinished", text[:-2]),
        ("empty objects", b"[" + b"{}," * 3_000_000 + b"1]"), ("spaces", b" " * 3_000_000 + text),
    ]  # fmt: skip
    yield from fixed[: count // 2]
    for _ in range(count - min(len(fixed), count // 2)):
        label, changed = json_change(value, rng)
        yield label, dumped(changed)


def json_change(value: Any, rng: random.Random) -> tuple[str, Any]:
    """A copy of a JSON value with one entry changed."""
    made = copy.deepcopy(value)
    places = list(_places(made))
    if not places:
        return "replaced", rng.choice(list(ODD_VALUES.values()))
    # Shallow places are few and matter most.
    shallow = [p for p in places if p[2] <= 3]
    holder, key, _ = rng.choice(shallow if shallow and rng.random() < 0.8 else places)
    if rng.random() < 0.15:
        del holder[key]
        return f"without {key}", made
    if rng.random() < 0.05 and isinstance(holder, dict):
        holder["unknown\nentry"] = 1
        return "unknown entry", made
    name = rng.choice(list(ODD_VALUES))
    holder[key] = ODD_VALUES[name]
    return f"{key} is {name}", made


def _places(value: Any, depth: int = 0) -> Iterator[tuple[Any, Any, int]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in list(entries):
        yield value, key, depth
        if depth < 6:
            yield from _places(entry, depth + 1)


def of_tensors(data: bytes, rng: random.Random, count: int) -> Made:
    """A safetensors file with a header that lies, numbers that are not finite, tensors missing or of another form."""
    length = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    for _ in range(count):
        kind = rng.random()
        if kind < 0.3:
            yield _reshaped(header, body, rng)
        elif kind < 0.65 and header.get("__metadata__"):
            yield _metadata(header, body, rng)
        elif kind < 0.8:
            label, changed = json_change(header, rng)
            yield f"header: {label}", packed(changed, body)
        elif kind < 0.9:
            made, value = (
                bytearray(body),
                rng.choice([b"\xff\xff\xff\xff", b"\x00\x00\x80\x7f", b"\xff\x7b", b"\0\x7c"]),
            )
            at = rng.randrange(max(1, len(made) - 4)) // 4 * 4
            made[at : at + 4 * 200] = (value * 400)[: len(made[at : at + 4 * 200])]
            yield "odd numbers", packed(header, bytes(made))
        else:
            size = rng.choice([0, 2, len(data) + 1, 2**31, 2**63, 2**64 - 1])
            yield "header length", struct.pack("<Q", size) + data[8:]


def packed(header: Any, body: bytes) -> bytes:
    """A safetensors file of these parts."""
    text = dumped(header)
    return struct.pack("<Q", len(text)) + text + body


def _reshaped(header: dict, body: bytes, rng: random.Random) -> tuple[str, bytes]:
    made = copy.deepcopy(header)
    name = rng.choice([key for key in made if key != "__metadata__"])
    entry = made[name]
    size = entry["data_offsets"][1] - entry["data_offsets"][0]
    kind = rng.randrange(9)
    if kind == 0:
        entry["shape"] = [size // 4 if entry["dtype"] == "F32" else size]
    elif kind == 1:
        entry["shape"] = [*entry["shape"], 1]
    elif kind == 2:
        entry["shape"] = entry["shape"][::-1]
    elif kind == 3:
        entry["shape"] = rng.choice([[2**32, 2**32], [1] * 70, [0, 2**62, 2**62], [-1], [size, True], [1e3]])
    elif kind == 4:
        entry["dtype"] = rng.choice(["I32", "U8", "BOOL", "F64", "BF16", "F8_E4M3", "I16", "F16"])
        itemsize = {"I32": 4, "U8": 1, "BOOL": 1, "F64": 8, "I16": 2, "F16": 2}.get(entry["dtype"], 1)
        entry["shape"] = [size // itemsize]
    elif kind == 5:
        other = rng.choice([key for key in made if key != "__metadata__"])
        made[name] = made[other]
    elif kind == 6:
        del made[name]
    elif kind == 7:
        made["extra\n.tensor.9"] = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    else:
        entry["data_offsets"] = rng.choice([[0, Raw("Infinity")], [-4, size], [2**63, 2**63 + size], [0], "x"])
    return f"{name}: form {kind}", packed(made, body)


def _metadata(header: dict, body: bytes, rng: random.Random) -> tuple[str, bytes]:
    made = copy.deepcopy(header)
    metadata = made["__metadata__"]
    if rng.random() < 0.2:
        made["__metadata__"] = rng.choice([[1], 7, None, {"format": 1}, {}, {"a": {"b": 1}}])
        return "metadata of another type", packed(made, body)
    key = rng.choice(list(metadata))
    try:
        value = json.loads(metadata[key])
    except ValueError:
        value = None
    if isinstance(value, dict | list) and rng.random() < 0.85:
        label, changed = json_change(value, rng)
        metadata[key] = dumped(changed).decode("utf-8", "surrogatepass")
        return f"metadata {key}: {label}", packed(made, body)
    name = rng.choice(list(ODD_VALUES))
    metadata[key] = dumped(ODD_VALUES[name]).decode("utf-8", "surrogatepass")
    return f"metadata {key} is {name}", packed(made, body)


def of_zip(data: bytes, rng: random.Random, count: int) -> Made:
    """An archive with members exchanged, encrypted, of another method, changed, or a list that lies."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    makers: list[Callable[[], tuple[str, bytes]]] = [
        lambda: ("method 99", _flag(data, 10, 99)), lambda: ("encrypted", _flag(data, 8, 1)),
        lambda: ("huge list", data[:-10] + b"\xff\xff\xff\x7f" + data[-6:]),
        lambda: ("lzma", zipped(members, zipfile.ZIP_LZMA)),
    ]  # fmt: skip
    for k in range(count):
        if k < len(makers):
            yield makers[k]()
            continue
        name = rng.choice(list(members))
        if rng.random() < 0.2:
            yield f"without {name}", zipped({n: d for n, d in members.items() if n != name})
        else:
            label, changed = _changed(members[name], rng) if members[name] else ("text", b"x")
            yield f"{name}: {label}", zipped(members | {name: changed})


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """An archive of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _flag(data: bytes, place: int, value: int) -> bytes:
    """The archive with a field of the first member changed, in the list and at the member itself."""
    made, central = bytearray(data), data.index(b"PK\1\2")
    struct.pack_into("<H", made, central + place, value)
    struct.pack_into("<H", made, data.index(b"PK\3\4") + place - 2, value)
    return bytes(made)


def of_table(data: bytes, rng: random.Random, count: int) -> Made:
    """A CSV with odd cells, ragged and missing rows, columns without end."""
    lines = data.decode("utf-8").splitlines()
    cells = ["", "x", "NaN", "inf", "-inf", "1e400", "9" * 5000, "1" + "0" * 400, "-1", "0x10", "a\0b", "٣", '"', "1,5"]
    fixed = [
        ("header alone", lines[0]), ("no header", "\n".join(lines[1:])), ("many columns", "a," * 500_000 + "\n1"),
        ("long cell", lines[0] + "\n" + "9" * 3_000_000), ("open quote", lines[0] + '\n"' + "\n".join(lines[1:])),
        ("many rows", lines[0] + ("\n" + lines[1]) * 60_000),
        ("separators", lines[0].replace(",", ";") + "\n" + lines[1]),
        ("same column twice", lines[0].replace(lines[0].split(",")[-1], lines[0].split(",")[0]) + "\n" + lines[1]),
    ]  # fmt: skip
    yield from ((label, text.encode()) for label, text in fixed[: count // 2])
    for _ in range(count - min(len(fixed), count // 2)):
        made = [line.split(",") for line in lines]
        row = rng.randrange(len(made))
        column = rng.randrange(len(made[row]))
        kind = rng.randrange(4)
        if kind == 0:
            del made[row][column]
        elif kind == 1:
            made[row].append(rng.choice(cells))
        else:
            for line in made[1:] if kind == 2 else [made[row]]:
                line[min(column, len(line) - 1)] = rng.choice(cells)
        yield f"cell {row}, {column}", "\n".join(",".join(line) for line in made).encode("utf-8", "surrogatepass")
