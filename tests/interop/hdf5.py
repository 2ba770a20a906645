"""hdf5.py check FILE  -- h5py reads what `files write` wrote, by schemas/README.md
hdf5.py coded FILE  -- a line a coded tensor, as `files list` prints it
hdf5.py make FILE   -- a foreign file of many layouts and types
hdf5.py list FILE   -- a line a numeric dataset, as `files foreign` prints it
"""
import hashlib
import sys

import h5py
import numpy as np

STORED = {  # nyx_dtype -> how h5py must see it
    "f32": "<f4", "f64": "<f8", "f16": "<f2", "bf16": "<u2", "fp8-e4m3": "|u1", "fp8-e5m2": "|u1",
    "i8": "|i1", "u8": "|u1", "i16": "<i2", "u16": "<u2", "i32": "<i4", "u32": "<u4", "i64": "<i8", "u64": "<u8",
}


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def check_dataset(d):
    data = d[()].tobytes()
    kind = d.id.get_create_plist()
    assert d.chunks is None and d.compression is None and kind.get_nfilters() == 0, d.name
    assert kind.get_layout() == h5py.h5d.CONTIGUOUS and kind.get_external_count() == 0, d.name
    assert text(d.attrs["sha256"]) == hashlib.sha256(data).hexdigest(), d.name
    assert h5py.h5o.get_info(d.id).rc == 1, d.name
    if d.dtype.kind != "S":
        assert d.dtype.str == STORED[text(d.attrs["nyx_dtype"])], d.name
    return data


def check(path):
    f = h5py.File(path, "r")
    assert text(f.attrs["nyx_file"]) == "model/1.0"
    assert text(f.attrs["nyx_history"]) == "files 1.0 write"
    assert f["config"][()] == b'{"name":"sample","width":64}'
    assert f["state"].attrs["step"] == 12
    f.visititems(lambda name, o: check_dataset(o) and None if isinstance(o, h5py.Dataset) else None)
    for d, name in enumerate(STORED):  # the order of enum nyx_dtype
        t = f["tensors/plain." + name]
        assert t.shape == (2, 3, 5), t.name
        want = bytes((i * 37 + d) % 64 for i in range(t.size * t.dtype.itemsize))
        assert t[()].tobytes() == want, t.name

    print("ok")


# ---- coded tensors, by schemas/README.md and nothing else ------------------------

F = np.float32
BITS = {"int8": 8, "int4": 4, "int3": 3, "int2": 2, "nf4": 4, "mxfp4": 4, "nvfp4": 4,
        "mxfp8": 8, "fp8-e4m3": 8, "fp8-e5m2": 8}
NF4 = F([-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
         -0.18477343022823334, -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725,
         0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1])
E2M1 = F([0, 0.5, 1, 1.5, 2, 3, 4, 6])


def small_float(codes, exponent_bits, mantissa_bits, bias):
    codes = codes.astype("i4")
    m = codes & (1 << mantissa_bits) - 1
    e = codes >> mantissa_bits & (1 << exponent_bits) - 1
    value = np.where(e, (1 + m / 2**mantissa_bits) * 2.0**(e - bias), m / 2**mantissa_bits * 2.0**(1 - bias))
    return F(np.where(codes >> 7, -value, value))


def field(row, bits, cols):
    """Codes of one row of blocks of `bits` bits."""
    out = np.zeros(-(-cols // 32) * 32, "i4")
    for i in range(out.size):
        block, at = divmod(i, 32)
        k, j = divmod(at, 4 * bits)
        out[i] = row[block * 4 * bits + j] >> bits * k & (1 << bits) - 1
    assert not out[cols:].any()  # bits behind the last column
    return out[:cols]


def points(kind, codes):
    if kind == "int8":
        return F(codes.astype("u1").view("i1"))
    if kind.startswith("int"):
        return F(codes - (1 << BITS[kind] - 1))
    if kind == "nf4":
        return NF4[codes]
    if kind in ("mxfp4", "nvfp4"):
        return np.where(codes & 8, -E2M1[codes & 7], E2M1[codes & 7])
    return small_float(codes, *((5, 2, 15) if kind == "fp8-e5m2" else (4, 3, 7)))


def decode(group):
    kind, *options = text(group.attrs["format"]).split(":")
    shape = group.attrs["shape"]
    raw = group["codes"][()]
    cols, rows = int(shape[-1]), int(np.prod(shape[:-1]))
    if "scales" not in group:  # elements in order
        if kind == "f16":
            return F(raw.view("<f2")).reshape(shape)
        if kind == "bf16":
            return (raw.view("<u2").astype("u4") << 16).view("f4").reshape(shape)
        return points(kind, raw).reshape(shape)

    bits, blocks = BITS[kind], -(-cols // 32)
    size = {"mxfp4": 32, "mxfp8": 32, "nvfp4": 16}.get(kind)
    for option in options:
        if option[0] == "g" and option[1:].isdigit():
            size = int(option[1:])
    whole = "tensor" in options
    groups = 1 if whole or size is None else -(-cols // size)
    size = size or cols
    scales = group["scales"][()]
    if kind.startswith("mxfp"):
        scales = F(2.0**(scales.astype("f8") - 127))
    elif kind == "nvfp4":
        scales = F(group.attrs["global"]) * small_float(scales, 4, 3, 7)
    scales = F(scales)
    low = -(1 << bits - 1)
    zeros = group["zeros"][()] if "zeros" in group else None
    out = np.zeros((rows, cols), "f4")
    for r in range(rows):
        row = raw[r * blocks * 4 * bits:(r + 1) * blocks * 4 * bits]
        if bits == 3:
            codes = field(row, 2, cols) | field(row[blocks * 8:], 1, cols) << 2
        else:
            codes = field(row, bits, cols)
        q = points(kind, codes)
        for g in range(groups):
            at = slice(g * size, min((g + 1) * size, cols))
            i = 0 if whole else r * groups + g
            if zeros is None:
                out[r, at] = scales[i] * q[at]
            elif "zero=f16" in options:
                out[r, at] = scales[i] * (q[at] - low) + F(zeros[i])
            elif kind == "int8":
                out[r, at] = scales[i] * (q[at] - F(zeros[i:i + 1].view("i1")[0]))
            else:
                byte = zeros[(0 if whole else r) * -(-groups // 2) + g // 2]
                out[r, at] = scales[i] * (q[at] - F(int(byte >> 4 * (g % 2) & 15) + low))
    return out.reshape(shape)


def coded(path):
    f = h5py.File(path, "r")
    for name in sorted(n for n in f["tensors"] if n.startswith("coded.")):
        value = decode(f["tensors/" + name])
        assert np.isfinite(value).all() and value.any()
        print(f"/tensors/{name} coded {list(map(int, value.shape))} {hashlib.sha256(value.tobytes()).hexdigest()}")


SMALL = {"bf16": (2, 15, 7, 8, 0, 7, 127), "fp8-e4m3": (1, 7, 3, 4, 0, 3, 7), "fp8-e5m2": (1, 7, 2, 5, 0, 2, 15)}


def make(path):
    rng = np.random.default_rng(1)
    f = h5py.File(path, "w")
    for i, t in enumerate(["<f4", ">f4", "<f8", ">f8", "<f2", ">f2", "i1", "u1", "<i2", ">i2", "<u4", ">u4",
                           "<i8", ">i8", "<u8", ">u2"]):
        value = (rng.standard_normal((13, 7)) * 50).astype(t)
        f[f"plain/{i}"] = value
        f.create_dataset(f"deep/er/{i}", data=value, chunks=(5, 3), compression="gzip", shuffle=True, fletcher32=True)
        f.create_dataset(f"growing/{i}", data=value, chunks=(4, 7), maxshape=(None, 7))
    f["bool"] = np.array([True, False, True])
    f["scalar"] = np.float64(2.5)
    f["empty"] = np.zeros((0, 3), "f4")
    f.create_dataset("late", (50,), "f4", fillvalue=1.5)  # never written
    space = h5py.h5s.create_simple((6,))
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    h5py.h5d.create(f.id, b"compact", h5py.h5t.STD_I32LE, space, plist).write(
        h5py.h5s.ALL, h5py.h5s.ALL, np.arange(6, dtype="i4"))
    # The small floats that HDF5 2 predefines, described to an older library.
    for name, (size, *fields, bias) in SMALL.items():
        kind = h5py.h5t.IEEE_F32LE.copy()
        kind.set_fields(*fields)
        kind.set_size(size)
        kind.set_ebias(bias)
        raw = rng.integers(0, 60, 12 * size).astype("u1")
        d = h5py.h5d.create(f.id, name.encode(), kind, h5py.h5s.create_simple((12,)))
        d.write(h5py.h5s.ALL, h5py.h5s.ALL, raw, kind)
        print(f"/{name} {name} [12] {hashlib.sha256(raw.tobytes()).hexdigest()}")
    f["words"] = "not a number"
    f.attrs["names"] = ["one", "two"]
    f.close()


def list_all(path):
    names = {("f", 4): "f32", ("f", 8): "f64", ("f", 2): "f16", ("b", 1): "i8"}
    lines = []

    def visit(name, d):
        if name in SMALL or not isinstance(d, h5py.Dataset) or d.dtype.kind not in "iufb":
            return
        kind = names.get((d.dtype.kind, d.dtype.itemsize), f"{d.dtype.kind}{8 * d.dtype.itemsize}")
        data = np.ascontiguousarray(d[()]).astype(d.dtype.newbyteorder("<")).tobytes()
        shape = "[" + ", ".join(map(str, d.shape)) + "]"
        lines.append(("/" + name, f"{kind} {shape} {hashlib.sha256(data).hexdigest()}"))

    f = h5py.File(path, "r")
    f.visititems(visit)
    for line in sorted(lines):
        print(*line)


{"check": check, "coded": coded, "make": make, "list": list_all}[sys.argv[1]](sys.argv[2])
