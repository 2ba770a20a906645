#!/usr/bin/env python3
"""Known answers of operations, from their formulas and Python's floats.

    python3 known.py > known.h

A second reading of graph.h that shares nothing with the kernels: straight
from the definitions, by index, without any of their rearrangements. Inputs
are simple fractions, element i of input k; an answer is one checksum for
each result, sum of y[i] (5 i mod 7 - 3), which moves with any exchange.
"""
from math import atan2, cos, exp, log, pi, prod, sin, sqrt, tanh

def real(shape, k): return [((i * 7 + k * 3) % 11 - 5) / 4 for i in range(prod(shape))]
def positive(shape, k): return [((i * 7 + k * 3) % 11 + 1) / 8 for i in range(prod(shape))]
def ids(shape, below): return [(3 * i + 1) % below for i in range(prod(shape))]
def checksum(y): return sum(v * (5 * i % 7 - 3) for i, v in enumerate(y))
def sigmoid(x): return 1 / (1 + exp(-x))
def text(kind, shape): return kind + '[' + ', '.join(map(str, shape)) + ']'

def row(op, inputs, ints, reals, *results):
    print('    { NYX_OP_%s, "%s", { %s }, { %s }, %d, { %s } },' % (
        op.upper(), ' '.join(inputs), ', '.join(map(str, ints or [0])), ', '.join(map(repr, reals or [0])),
        len(results), ', '.join(repr(checksum(y)) for y in results)))

def binary():
    a, shape = real([2, 3, 4], 0), [2, 3, 4]
    for kind, index in (([2, 3, 4], lambda i: i), ([], lambda i: 0), ([3, 4], lambda i: i % 12),
                        ([4], lambda i: i % 4), ([2], lambda i: i // 12), ([2, 3], lambda i: i // 4)):
        b = positive(kind, 1)
        inputs = [text('k', shape), text('K', kind)]
        row('add', inputs, [], [], [x + b[index(i)] for i, x in enumerate(a)])
        row('sub', inputs, [], [], [x - b[index(i)] for i, x in enumerate(a)])
        row('mul', inputs, [], [], [x * b[index(i)] for i, x in enumerate(a)])
        row('div', inputs, [], [], [x / b[index(i)] for i, x in enumerate(a)])
        row('min', inputs, [], [], [min(x, b[index(i)]) for i, x in enumerate(a)])
        row('max', inputs, [], [], [max(x, b[index(i)]) for i, x in enumerate(a)])
        row('compare', inputs, [2], [], [int(x >= b[index(i)]) for i, x in enumerate(a)])
    row('affine', [text('k', shape)], [], [0.75, -2.5], [0.75 * x - 2.5 for x in a])
    row('sigmoid', [text('k', shape)], [], [], [sigmoid(x) for x in a])
    row('sqrt', [text('K', shape)], [], [], [sqrt(x) for x in positive(shape, 0)])
    row('select', ['j2[2, 3]', text('k', [4]), text('k', shape)], [], [],
        [real([4], 1)[i % 4] if ids([6], 2)[i // 4] else real(shape, 2)[i] for i in range(24)])

def reductions():
    x = real([2, 3, 4], 0)
    def at(b, s, d): return x[(b * 3 + s) * 4 + d]
    for how, f in ((0, sum), (1, lambda v: sum(v) / len(v)), (2, max), (3, min), (4, lambda v: sum(t * t for t in v))):
        row('reduce', ['k[2, 3, 4]'], [how, 1, 0], [],
            [f([at(b, s, d) for d in range(4)]) for b in range(2) for s in range(3)])
        row('reduce', ['k[2, 3, 4]'], [how, 2, 1], [],
            [f([at(b, s, d) for b in range(2) for s in range(3)]) for d in range(4)])
    rows = [[at(b, s, d) for d in range(4)] for b in range(2) for s in range(3)]
    row('argmax', ['k[2, 3, 4]'], [], [], [r.index(max(r)) for r in rows])
    row('slice', ['k[2, 3, 4]'], [1, 1, 2], [], [at(b, s, d) for b in range(2) for s in (1, 2) for d in range(4)])
    row('pad', ['k[2, 3, 4]'], [1, 1, 0], [],
        [at(b, s - 1, d) if s else 0 for b in range(2) for s in range(4) for d in range(4)])
    row('concat', ['k[2, 3]', 'k[2, 2]'], [1], [],
        [(real([6], 0)[b * 3 + s] if s < 3 else real([4], 1)[b * 2 + s - 3]) for b in range(2) for s in range(5)])
    row('embedding', ['k[5, 3]', 'j5[2, 2]'], [], [], [real([15], 0)[i * 3 + j] for i in ids([4], 5) for j in range(3)])
    row('embedding_grad', ['j3[4]', 'k[4, 2]'], [3], [],
        [sum(real([8], 1)[i * 2 + j] for i in range(4) if ids([4], 3)[i] == v) for v in range(3) for j in range(2)])

def matmuls():
    x, w, bias = real([6], 0), real([12], 1), real([4], 2)
    row('matmul', ['k[2, 3]', 'k[4, 3]', 'k[4]'], [0], [],
        [sum(x[i * 3 + k] * w[j * 3 + k] for k in range(3)) + bias[j] for i in range(2) for j in range(4)])
    row('matmul', ['k[2, 3]', 'k[3, 4]'], [1], [],
        [sum(x[i * 3 + k] * w[k * 4 + j] for k in range(3)) for i in range(2) for j in range(4)])
    w = real([8], 1)
    row('matmul', ['k[2, 3]', 'k[2, 4]'], [2], [],
        [sum(x[k * 3 + i] * w[k * 4 + j] for k in range(2)) for i in range(3) for j in range(4)])

def norms():
    x, r = real([15], 0), real([15], 1)
    t = [[x[i * 5 + j] + r[i * 5 + j] for j in range(5)] for i in range(3)]
    rinv = [1 / sqrt(sum(v * v for v in u) / 5 + 0.01) for u in t]
    row('rmsnorm', ['k[3, 5]', 'k[3, 5]'], [], [0.01], [v * rinv[i] for i in range(3) for v in t[i]], rinv)
    x = real([15], 0)
    mean = [sum(x[i * 5:i * 5 + 5]) / 5 for i in range(3)]
    rinv = [1 / sqrt(sum((v - mean[i]) ** 2 for v in x[i * 5:i * 5 + 5]) / 5 + 0.01) for i in range(3)]
    row('layernorm', ['k[3, 5]'], [], [0.01], [(v - mean[i // 5]) * rinv[i // 5] for i, v in enumerate(x)], rinv)
    turns = [[p * 100.0 ** (-2 * i / 6) for i in range(3)] for p in range(4)]
    row('rope_table', ['o[4, 6]'], [], [100.0], [f(a) for p in turns for f in (cos, sin) for a in p])
    x, table = real([2, 3, 12], 0), real([3, 4], 1)
    for inverse in (0, 1):
        y = list(x)
        for b in range(2):
            for s in range(3):
                for h in range(2):
                    at = (b * 3 + s) * 12 + h * 4
                    for i in range(2):
                        z = complex(x[at + i], x[at + 2 + i]) * complex(table[s * 4 + i],
                                                                        table[s * 4 + 2 + i] * (-1) ** inverse)
                        y[at + i], y[at + 2 + i] = z.real, z.imag
        row('rope', ['k[2, 3, 12]', 'k[3, 4]'], [2, inverse], [], y)

def attentions():
    B, S, H, G, d = 2, 3, 4, 2, 2
    x = real([B, S, (H + 2 * G) * d], 0)
    def at(b, s, head, i): return x[(b * S + s) * (H + 2 * G) * d + head * d + i]
    for causal in (0, 1):
        o, lse = [0.0] * (B * S * H * d), []
        for b in range(B):
            for h in range(H):
                k, v = H + h * G // H, H + G + h * G // H
                for s in range(S):
                    w = [exp(sum(at(b, s, h, i) * at(b, t, k, i) for i in range(d)) / sqrt(d))
                         for t in range(s + 1 if causal else S)]
                    lse.append(log(sum(w)))
                    for i in range(d):
                        o[((b * S + s) * H + h) * d + i] = sum(p * at(b, t, v, i) for t, p in enumerate(w)) / sum(w)
        row('attention', ['k[2, 3, 16]'], [H, G, causal], [], o, lse)
    x = real([3, 8], 0)
    row('swiglu', ['k[3, 8]'], [], [],
        [x[i * 8 + j] * sigmoid(x[i * 8 + j]) * x[i * 8 + 4 + j] for i in range(3) for j in range(4)])

    row('gelu', ['k[3, 8]'], [], [], [v / 2 * (1 + tanh(sqrt(2 / pi) * (v + 0.044715 * v ** 3))) for v in x])

def losses():
    x, labels = real([5, 4], 0), ids([5], 4)
    def stable(v): return v + 1 if v >= 0 else 1 / (1 - v + 1e-30)
    for how, f in ((0, exp), (1, stable)):
        rows = [[f(v) for v in x[i * 4:i * 4 + 4]] for i in range(5)]
        row('cross_entropy', ['k[5, 4]', 'j4[5]'], [how, 2], [],
            [0 if y == 2 else -log(r[y] / sum(r)) for r, y in zip(rows, labels)])
    row('bce', ['k[7]', 'K[7]'], [], [],
        [-t * log(sigmoid(v)) - (1 - t) * log(1 - sigmoid(v)) for v, t in zip(real([7], 0), positive([7], 1))])

def steps():
    p, g, m, v = real([7], 0), real([7], 1), real([7], 2), positive([7], 3)
    decay, rate, second, scale = 0.9900000095367432, 0.10000000149011612, 1.5, 0.5 # of `a` and `c`, as f32 has them
    m = [0.9 * a + 0.1 * scale * b for a, b in zip(m, g)]
    v = [0.95 * a + 0.05 * (scale * b) ** 2 for a, b in zip(v, g)]
    inputs = ['k[7]', 'k[7]', 'k[7]', 'K[7]', 'a[4]', 'c[]']
    row('adam_atan2', inputs, [], [0.9, 0.95],
        [decay * a - rate * atan2(b, sqrt(c) * second) for a, b, c in zip(p, m, v)], m, v)
    row('adamw', inputs, [], [0.9, 0.95, 0.25],
        [decay * a - rate * b / (sqrt(c) * second + 0.25) for a, b, c in zip(p, m, v)], m, v)
    table, rows, grad = real([10], 0), ids([4], 4), real([8], 2)
    for r in set(rows):
        for j in range(2):
            total = sum(grad[i * 2 + j] for i in range(4) if rows[i] == r)
            table[r * 2 + j] = decay * table[r * 2 + j] - rate * ((total > 0) - (total < 0))
    row('sign_sgd', ['k[5, 2]', 'j4[4]', 'k[4, 2]', 'a[4]', 'c[]'], [], [], table)
    row('ema', ['k[7]', 'k[7]'], [], [0.75], [0.75 * a + 0.25 * b for a, b in zip(real([7], 0), real([7], 1))])

print('/* Written by known.py; do not edit. */')
for family in (binary, reductions, matmuls, norms, attentions, losses, steps):
    family()
