"""Write TensorFlow's SSTable container (.index files) by hand, in ways its own writer no longer uses.

TensorFlow 2.21 writes uncompressed tables with 256 KiB blocks, so a small checkpoint has one raw data block.  Files
in the wild differ: older writers compressed blocks with Snappy, and large models have several blocks.  write_table()
makes both at any size.  Layout (all fixed integers little-endian):

    data block*  metaindex block  index block  footer
    block   = contents, type byte (0 raw, 1 Snappy), masked crc32c of contents and type
    entry   = varint shared, varint unshared, varint value length, key suffix, value;  restart points every 16 entries
    index   = one entry per data block: a short key between its last key and the next block's first, and its handle
    footer  = metaindex handle, index handle, zeros to 40 bytes, 8-byte magic
"""
import struct

MAGIC = 0xdb4775248b80fb57
RESTART_INTERVAL = 16

_CRC_TABLE = []
for _i in range(256):
    _c = _i
    for _ in range(8):
        _c = (_c >> 1) ^ (0x82F63B78 if _c & 1 else 0)
    _CRC_TABLE.append(_c)


def masked_crc32c(data):
    c = 0xFFFFFFFF
    for b in data:
        c = _CRC_TABLE[(c ^ b) & 255] ^ (c >> 8)
    c ^= 0xFFFFFFFF
    return (((c >> 15) | (c << 17)) + 0xa282ead8) & 0xFFFFFFFF


def varint(v):
    out = bytearray()
    while v >= 128:
        out.append(v & 127 | 128)
        v >>= 7
    out.append(v)
    return bytes(out)


def read_varint(data, at):
    v = shift = 0
    while True:
        b = data[at]
        at += 1
        v |= (b & 127) << shift
        shift += 7
        if b < 128:
            return v, at


# ---- Snappy

def _literal(chunk):
    n = len(chunk) - 1
    if n < 60:
        return bytes([n << 2]) + chunk
    size = (n.bit_length() + 7) // 8
    return bytes([(59 + size) << 2]) + n.to_bytes(size, 'little') + chunk


def _copy(offset, length):
    """Copy tags of every width: short ones where they fit, the 4-byte form only for far offsets."""
    out = b''
    while length:
        n = min(length, 64)
        if length - n in (1, 2, 3):                       # never leave a rest shorter than 4
            n -= 4 - (length - n)
        if 4 <= n <= 11 and offset < 2048:
            out += bytes([1 | (n - 4) << 2 | offset >> 8 << 5, offset & 255])
        elif offset < 65536:
            out += bytes([2 | (n - 1) << 2]) + struct.pack('<H', offset)
        else:
            out += bytes([3 | (n - 1) << 2]) + struct.pack('<I', offset)
        length -= n
    return out


def snappy_compress(data):
    """Greedy: at each place the latest earlier occurrence of the next four bytes, extended as far as it goes."""
    out, seen, at, literal_from = varint(len(data)), {}, 0, 0
    while at + 4 <= len(data):
        word = data[at:at + 4]
        before = seen.get(word)
        seen[word] = at
        if before is None:
            at += 1
            continue
        n = 4
        while at + n < len(data) and data[before + n] == data[at + n]:
            n += 1
        if at > literal_from:
            out += _literal(data[literal_from:at])
        out += _copy(at - before, n)
        at += n
        literal_from = at
    if literal_from < len(data):
        out += _literal(data[literal_from:])
    return out


# ---- tables

def block_contents(entries, interval):
    out, restarts, previous = bytearray(), [], b''
    for i, (key, value) in enumerate(entries):
        shared = 0
        if i % interval == 0:
            restarts.append(len(out))
        else:
            while shared < min(len(key), len(previous)) and key[shared] == previous[shared]:
                shared += 1
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        previous = key
    restarts = restarts or [0]
    return bytes(out) + struct.pack(f'<{len(restarts) + 1}I', *restarts, len(restarts))


def separator(last, following):
    """A short key >= last and < following; after the final block any key > last (following is None)."""
    if following is None:
        for i, b in enumerate(last):
            if b != 255:
                return last[:i] + bytes([b + 1])
        return last
    n = 0
    while n < min(len(last), len(following)) and last[n] == following[n]:
        n += 1
    if n < len(last) and n < len(following) and last[n] < 255 and last[n] + 1 < following[n]:
        return last[:n] + bytes([last[n] + 1])
    return last


def write_table(path, entries, block_size=256 * 1024, compress=False):
    """entries: (key, value) bytes pairs in key order.  Returns the number of data blocks."""
    out = bytearray()

    def put(contents):
        stored, kind = (snappy_compress(contents), 1) if compress else (contents, 0)
        handle = varint(len(out)) + varint(len(stored))
        body = stored + bytes([kind])
        out.extend(body + struct.pack('<I', masked_crc32c(body)))
        return handle

    groups, size = [[]], 0
    for key, value in entries:
        if size > block_size:
            groups.append([])
            size = 0
        groups[-1].append((key, value))
        size += len(key) + len(value)
    index = []
    for i, group in enumerate(groups):
        following = groups[i + 1][0][0] if i + 1 < len(groups) else None
        index.append((separator(group[-1][0], following), put(block_contents(group, RESTART_INTERVAL))))
    footer = put(block_contents([], 1)) + put(block_contents(index, 1))
    out += footer.ljust(40, b'\0') + struct.pack('<Q', MAGIC)
    with open(path, 'wb') as f:
        f.write(out)
    return len(groups)


def read_table(path):
    """The entries of an uncompressed table."""
    with open(path, 'rb') as f:
        data = f.read()
    assert struct.unpack('<Q', data[-8:])[0] == MAGIC, path
    _, at = read_varint(data, len(data) - 48)
    _, at = read_varint(data, at)
    offset, at = read_varint(data, at)
    size, _ = read_varint(data, at)
    entries = []
    for _, handle in _read_block(data, offset, size):
        offset, at = read_varint(handle, 0)
        entries += _read_block(data, offset, read_varint(handle, at)[0])
    return entries


def _read_block(data, offset, size):
    assert data[offset + size] == 0, 'only raw blocks are read here'
    block = data[offset:offset + size]
    stop = size - 4 * (struct.unpack('<I', block[-4:])[0] + 1)
    at, key, entries = 0, b'', []
    while at < stop:
        shared, at = read_varint(block, at)
        unshared, at = read_varint(block, at)
        length, at = read_varint(block, at)
        key = key[:shared] + block[at:at + unshared]
        at += unshared
        entries.append((key, block[at:at + length]))
        at += length
    return entries
