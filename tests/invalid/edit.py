"""edit.py FILE NEW CODE -- write to NEW a copy of the HDF5 file FILE that CODE has
changed. CODE sees f, np and put(path, array): other data with the right digest;
text(path, function): JSON text changed by function."""
import hashlib
import shutil
import sys

import h5py
import numpy as np


def put(path, data, digest=None):
    if not digest:
        data = np.ascontiguousarray(data)
    kept = dict(f[path].attrs)
    del f[path]
    d = f.create_dataset(path, data=data, track_times=False)
    for name, value in kept.items():
        d.attrs[name] = value
    d.attrs["sha256"] = np.bytes_(digest or hashlib.sha256(data.tobytes()).hexdigest())


def text(path, change):
    new = change(f[path][()].decode()).encode()
    put(path, np.array(new, h5py.string_dtype("utf-8", len(new))), hashlib.sha256(new).hexdigest())


shutil.copyfile(sys.argv[1], sys.argv[2])
with h5py.File(sys.argv[2], "r+") as f:
    exec(sys.argv[3])
