"""Damaged and hostile variants of a file: of its bytes, and of what its bytes mean.

Every mutation takes the file's bytes, a source of chance and the bytes of other files, and gives other bytes. Those of
the second kind know a format well enough to keep what is around the change right: an archive's checksums, a header's
length.
"""

import io
import itertools
import pickletools
import re
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from random import Random

Others = Sequence[bytes]
Mutation = Callable[[bytes, Random, Others], bytes]

CANARY = "secateur_canary"
"""A module that does not exist: whoever tries to import it has run what a file says."""
EXTREMES = (0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1, -1, -2, -8)
_PAYLOADS = (
    b"c%s\nrun\n)R" % CANARY.encode(),
    b"c__builtin__\n__import__\n(V%s\ntR" % CANARY.encode(),
    b"cbuiltins\nexec\n(Vimport %s\ntR" % CANARY.encode(),
    b"cos\nsystem\n(Vtrue\ntR",
    b"csubprocess\nPopen\n(Vtrue\ntR",
    b"i%s\nrun\n" % CANARY.encode(),
)
ENDLESS = b")" + b"2\x86" * 60
"""A tuple of itself twice, 60 times over: 2^60 parts."""
LONG_NUMBER = b"\x8b\x00\x10\x00\x00" + b"\x7f" * 4096
_TRAPS = (
    *(ENDLESS, ENDLESS, LONG_NUMBER),
    b"]" + b"2\x86\x85" * 40 + b"a",
    b")" + b"\x85" * 3000,
    b"]" * 3000 + b"a" * 2999,
    b"X\x04\0\0\0\xed\xa0\x80a",
    b"X\xff\xff\xff\x7f",
    b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\x8b\xff\xff\xff\x7f",
    b"G\x7f\xf8\0\0\0\0\0\0",
    b"j\xff\xff\xff\xff",
    b"I" + b"9" * 5000 + b"\n",
)
_OPCODES = tuple(ord(one.code) for one in pickletools.opcodes)
_PUSHED = (b"N", b")", b"]", b"}", b"(", b"\x88", b"h\0", b"K\xff", b"X\x01\0\0\0a", b"C\x01a", b"\x8f", b"(\x91")
_TAKING = (b"R", b"\x81", b"\x92", b"b", b"Q", b"s", b"(u", b"a", b"e", b"t", b"0", b"1", b"2", b".", b"\x94", b"o")
_VALUES = (
    *(str(number).encode() for number in (*EXTREMES, 10**30, 10**400, 1.5, "1e999", "-0.0")),
    *(b'"F32"', b'""', b'"\\ud800"', b'"a/../b"', b"null", b"true", b"NaN", b"Infinity", b"[]", b"{}", b"[[1],[2]]"),
    b"[" * 5000,
    b"[" * 500 + b"]" * 500,
    b'"' + b"x" * 3000 + b'"',
)
_LITERALS = (b"None", b"True", b"1.0", b"-1", b"2**70", b"(" * 300, b"'|O'", b"'>f4'", b"'<f4'", b"'<V9'", b"'<U3'",
             b"[('a','<f4')]", b"3L", b"b''", b"(1,)*3", b"1j", b"99999999999999999999", b"(2,3,)", b"()")  # fmt: skip
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|\'[^\']*\'|-?\d+(?:\.\d+)?|\w+|[\[\]{}(),:]')
_KEY = re.compile(rb'"(?:[^"\\]|\\.)*"\s*:')


def mutant(data: bytes, chance: Random, others: Others) -> bytes:
    """The file with one to three mutations, of its bytes or of what they mean."""
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        data = chance.choice((of_bytes, of_meaning))(data, chance, others)
    return data


def of_bytes(data: bytes, chance: Random, others: Others) -> bytes:
    """The bytes changed without regard to what they mean."""
    return chance.choice(_OF_BYTES)(data, chance, others)


def of_meaning(data: bytes, chance: Random, others: Others) -> bytes:
    """A change inside what the bytes mean, in whatever they hold: archives in archives too."""
    if data.startswith(b"PK\x03\x04"):
        return chance.choice((_zip_field, _zip_entry, _zip_entry))(data, chance, others)
    if data[257:262] == b"ustar":
        return chance.choice((_tar_field, _tar_member, _tar_member))(data, chance, others)
    if data.startswith(b"\x93NUMPY"):
        return _npy_header(data, chance)
    if data[8:9] == b"{":
        return _safetensors_header(data, chance)
    if data[:1] in (b"{", b"["):
        return text(data, chance, _VALUES)
    if data[:1] == b"\x80":
        return _pickle(data, chance, others)
    return of_bytes(data, chance, others)


def _spot(data: bytes, chance: Random, longest: int = 64) -> tuple[int, int]:
    begin = chance.randrange(len(data) + 1)
    return begin, min(len(data), begin + chance.randint(1, chance.choice((1, 4, longest))))


def _flip(data: bytes, chance: Random, _: Others) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5, 20)) if data else 0):
        place = chance.randrange(len(changed))
        changed[place] = chance.choice((chance.randrange(256), changed[place] ^ 1 << chance.randrange(8)))
    return bytes(changed)


def _fill(data: bytes, chance: Random, _: Others) -> bytes:
    begin, end = _spot(data, chance)
    filling = chance.choice((b"\0", b"\xff", b"\x7f", None))
    return data[:begin] + (filling * (end - begin) if filling else chance.randbytes(end - begin)) + data[end:]


def _truncate(data: bytes, chance: Random, _: Others) -> bytes:
    return data[: chance.choice((chance.randrange(len(data) + 1), max(0, len(data) - chance.randint(1, 64))))]


def _insert(data: bytes, chance: Random, _: Others) -> bytes:
    begin, end = _spot(data, chance)
    return data[:begin] + chance.randbytes(end - begin) + data[begin:]


def _delete(data: bytes, chance: Random, _: Others) -> bytes:
    begin, end = _spot(data, chance)
    return data[:begin] + data[end:]


def _duplicate(data: bytes, chance: Random, _: Others) -> bytes:
    begin, end = _spot(data, chance, 512)
    return data[:end] + data[begin:]


def _swap(data: bytes, chance: Random, _: Others) -> bytes:
    a, b, c, d = sorted(chance.randrange(len(data) + 1) for _ in range(4))
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def _splice(data: bytes, chance: Random, others: Others) -> bytes:
    other = chance.choice((data, chance.choice(others)))
    cut = chance.randrange(len(data) + 1)
    return data[:cut] + other[chance.choice((min(cut, len(other)), chance.randrange(len(other) + 1))) :]


def _integer(data: bytes, chance: Random, _: Others) -> bytes:
    width = chance.choice((1, 2, 4, 8))
    return _written(data, chance.randrange(len(data) + 1), width, chance.choice(EXTREMES))


def _written(data: bytes, place: int, width: int, number: int) -> bytes:
    """The bytes with a little-endian integer at a place."""
    return data[:place] + (number % (1 << 8 * width)).to_bytes(width, "little") + data[place + width :]


_OF_BYTES: tuple[Mutation, ...] = (
    *(_flip, _flip, _fill, _truncate, _insert, _delete, _duplicate, _swap, _splice, _integer, _integer),
)


# What pickles mean


@lru_cache(256)
def operations(data: bytes) -> list[tuple[int, int]]:
    """Where each operation begins and ends, in all pickles that the data begin with."""
    places: list[int] = []
    stream = io.BytesIO(data)
    try:
        while data[stream.tell() :].startswith(b"\x80"):
            for _, _, place in pickletools.genops(stream):
                places.append(place or 0)
    except Exception:  # whatever is wrong with the last one, it is the last
        pass
    return [(begin, end) for begin, end in itertools.pairwise((*places, stream.tell())) if begin < end]


def _pickle(data: bytes, chance: Random, others: Others) -> bytes:
    """An operation replaced, inserted, dropped, repeated or exchanged, or its number or length changed."""
    places = operations(data)
    if not places:
        return of_bytes(data, chance, others)
    (begin, end), (first, last) = sorted((chance.choice(places), chance.choice(places)))
    made = chance.choice((*_PUSHED, *_TAKING, chance.choice(_PAYLOADS), chance.choice(_TRAPS)))
    if chance.random() < 0.3 and (numbers := [place for place in places if data[place[0]] in b"KMJ\x8a"]):
        begin, end = chance.choice(numbers)
        made = b"\x8a\x09" + chance.choice(EXTREMES).to_bytes(9, "little", signed=True)
    changes = (
        data[:begin] + made + data[end:],
        data[:begin] + made + data[end:],
        data[:begin] + made + data[begin:],
        data[:begin] + data[end:],
        data[:end] + data[begin:],
        data[:begin] + data[first:last] + data[end:first] + data[begin:end] + data[last:],
        data[:begin] + bytes([chance.choice(_OPCODES)]) + data[begin + 1 :],
        _written(data, begin + 1, chance.choice((1, 2, 4)), chance.choice(EXTREMES)),
    )
    return chance.choice(changes)


# What texts mean


@lru_cache(256)
def _tokens(data: bytes, pattern: re.Pattern[bytes]) -> list[tuple[int, int]]:
    return [match.span() for match in pattern.finditer(data)]


def text(data: bytes, chance: Random, values: Sequence[bytes]) -> bytes:
    """JSON, or a literal of Python's, with a value replaced, dropped or repeated, or a key set twice."""
    tokens = _tokens(data, _TOKEN)
    keys = _tokens(data, _KEY)
    if not tokens:
        return data + chance.choice(values)
    begin, end = chance.choice(tokens)
    _, last = chance.choice(tokens)
    changes = [
        data[:begin] + chance.choice(values) + data[end:],
        data[:begin] + chance.choice(values) + data[end:],
        data[:begin] + data[end:],
        data[:begin] + data[max(begin, last) :],
        data[: max(begin, last)] + data[begin:],
    ]
    if keys:
        begin, end = chance.choice(keys)
        changes.append(data[:begin] + data[begin:end] + chance.choice(values) + b"," + data[begin:])
        changes.append(data[:begin] + data[slice(*chance.choice(keys))] + data[end:])
    return chance.choice(changes)


def _safetensors_header(data: bytes, chance: Random) -> bytes:
    length = int.from_bytes(data[:8], "little")
    header = text(data[8 : 8 + length], chance, _VALUES)
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


def _npy_header(data: bytes, chance: Random) -> bytes:
    length = int.from_bytes(data[8:10], "little")
    header = text(data[10 : 10 + length], chance, _LITERALS)
    if chance.random() < 0.7:
        header = header[:length].ljust(length)
    return data[:8] + (len(header) % (1 << 16)).to_bytes(2, "little") + header + data[10 + length :]


# Archives

_RECORDS = {b"PK\x01\x02": (4, 6, 8, 10, 16, 20, 24, 28, 30, 32, 36, 42), b"PK\x03\x04": (4, 6, 8, 14, 18, 22, 26, 28),
            b"PK\x05\x06": (8, 10, 12, 16, 20), b"PK\x06\x06": (4, 24, 32, 40, 48), b"PK\x06\x07": (8, 16),
            b"PK\x07\x08": (4, 8, 12)}  # fmt: skip


@lru_cache(256)
def _records(data: bytes) -> list[int]:
    return [match.start() for match in re.finditer(b"|".join(map(re.escape, _RECORDS)), data)]


def _zip_field(data: bytes, chance: Random, _: Others) -> bytes:
    """A number in a header of the archive, or of one inside it, is another: extreme, or a little off."""
    begin = chance.choice(_records(data))
    place = begin + chance.choice(_RECORDS[data[begin : begin + 4]])
    width = chance.choice((2, 4, 8))
    near = int.from_bytes(data[place : place + width], "little") + chance.choice((-64, -1, 1, 8, 64))
    return _written(data, place, width, chance.choice((*EXTREMES, 8, near, near, near)))


@cache
def _zip_entries(data: bytes) -> tuple[tuple[str, bytes, int], ...]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return tuple((one.filename, archive.read(one), one.compress_type) for one in archive.infolist())
    except Exception:  # as above
        return ()


def _zip_entry(data: bytes, chance: Random, others: Others) -> bytes:
    """An entry's content, name or packing changes, or it is dropped or doubled; sizes and checksums follow."""
    entries = list(_zip_entries.__wrapped__(data) if data not in others else _zip_entries(data))
    if not entries:
        return of_bytes(data, chance, others)
    told = [place for place, one in enumerate(entries) if one[1][:1] in (b"\x80", b"{", b"P", b"\x93")]
    place = chance.choice(told if told and chance.random() < 0.8 else range(len(entries)))
    name, content, packing = entries[place]
    what = chance.random()
    if what < 0.85:
        entries[place] = (name, of_meaning(content, chance, others), packing)
    elif what < 0.9:
        del entries[place]
    elif what < 0.95:
        other = chance.choice(entries)[0]
        entries[place] = (chance.choice((other, f"../{name}", "/etc/x", name.upper(), f"{name}\\é")), content, packing)
    else:
        entries[place] = (name, content, zipfile.ZIP_STORED if packing else zipfile.ZIP_DEFLATED)
    made = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(made, "w") as archive:
        warnings.simplefilter("ignore")
        for name, content, packing in entries:
            archive.writestr(zipfile.ZipInfo(name), content, packing)
    return made.getvalue()


def _tar_field(data: bytes, chance: Random, _: Others) -> bytes:
    """A field of a member's header is another; the header's checksum follows as a rule."""
    begin = chance.choice([place for place in range(0, len(data), 512) if data[place + 257 : place + 262] == b"ustar"])
    header = bytearray(data[begin : begin + 512])
    place, width = chance.choice(((0, 100), (100, 8), (124, 12), (124, 12), (156, 1), (157, 100), (345, 155)))
    texts = (b"-1", b"storages", b"L", b"x", b"S", *(b"%o" % chance.randrange(5000) for _ in range(5)))
    filling = chance.choice(
        (b"7" * width, b"0" * width, b"\xff" * width, bytes(width), b"\x80" + b"\x7f" * width, *texts)
    )
    header[place : place + width] = filling[:width].ljust(width, b"\0")
    if chance.random() < 0.9:
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
    return data[:begin] + bytes(header) + data[begin + 512 :]


def _tar_member(data: bytes, chance: Random, others: Others) -> bytes:
    """A member's content changes; its header follows."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            members = [(one.name, archive.extractfile(one).read()) for one in archive if one.isfile()]
    except Exception:  # as above
        members = []
    if not members:
        return of_bytes(data, chance, others)
    changed = chance.randrange(len(members))
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:") as archive:
        for place, (name, content) in enumerate(members):
            content = of_meaning(content, chance, others) if place == changed else content
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()
