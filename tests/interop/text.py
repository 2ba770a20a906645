"""What Hugging Face's tokenizers makes of texts, beside libnyx/text.

    text.py patterns TEXT-TOOL TEXT VOCAB MERGES DIR   tokenizer.json files in DIR, one a pattern; compared on lines and all of TEXT
    text.py train TEXT-TOOL TEXT VOCABULARY  the same merges in the same order
    text.py noise FILE                       lines of odd characters

Prints ok, or what differs.
"""
import json
import random
import subprocess
import sys

import tokenizers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")


def split(regex):
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(tokenizers.Regex(regex), "isolated", invert=False),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


PATTERNS = {
    "gpt2": lambda: pre_tokenizers.ByteLevel(add_prefix_space=False),
    "gpt2-digits": lambda: pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]),
    "llama3": lambda: split(LLAMA3),
    "qwen2": lambda: split(QWEN2),
}


def noise(path):
    """Characters that patterns care about: assigned since long, so that versions of Unicode agree."""
    rng = random.Random(5)
    kinds = ["a", "B", "é", "ß", "Ω", "ж", "中", "あ", "한", "\U0001d400", "1", "2", "٣", "Ⅷ", "½", "²", " ", "  ", "\t",
             "\u00a0", "\u3000", "\u2028", "\r", ".", ",", "!", "-", "_", "€", "😀", "\u0301", "'", "'s", "'S", "'t",
             "'re", "'LL", "'ve", "'m", "'d", "'ſ", "’s", "<|endoftext|>", "<|endof", "\x00", "\x1f", "\x85"]
    with open(path, "w", encoding="utf-8", newline="") as file:
        for _ in range(1500):
            file.write("".join(rng.choice(kinds) for _ in range(rng.randrange(0, 24))) + "\n" * rng.randrange(1, 4))


def run(*args, text):
    return subprocess.run(args, input=text.encode(), stdout=subprocess.PIPE, check=True).stdout.decode()


def compare(tool, path, reference, text):
    wrong = 0
    lines = text.split("\n")[:-1]
    for line, got in zip(lines, run(tool, "lines", path, text=text).split("\n")):
        want = " ".join(map(str, reference.encode(line, add_special_tokens=False).ids))
        if want != got:
            wrong += 1
            print(f"{path}: {line!r}\n  want {want}\n  got  {got}")
        if wrong > 3:
            break
    want = reference.encode(text, add_special_tokens=False).ids
    got = list(map(int, run(tool, "encode", path, text=text).split()))
    if want != got:
        wrong += 1
        at = next((i for i, (a, b) in enumerate(zip(want, got)) if a != b), min(len(want), len(got)))
        print(f"{path}: whole text differs at token {at}: {reference.decode(want[at - 3:at + 3])!r} {want[at:at+5]} {got[at:at+5]}")
    return wrong


def patterns(tool, text, vocab, merges, folder):
    vocab = json.load(open(vocab, encoding="utf-8"))
    merges = [tuple(line.split()) for line in open(merges, encoding="utf-8").read().split("\n")
              if line and not line.startswith("#version")]
    wrong = 0
    for name, make in PATTERNS.items():
        for ignore in (False, True):
            reference = Tokenizer(models.BPE(vocab=vocab, merges=merges, ignore_merges=ignore))
            reference.pre_tokenizer = make()
            reference.decoder = decoders.ByteLevel()
            reference.add_special_tokens(["<|endoftext|>"])
            path = f"{folder}/{name}{'-ignore' if ignore else ''}.json"
            reference.save(path)
            wrong += compare(tool, path, reference, text)
    return wrong


def train(tool, text, vocabulary):
    wrong = 0
    for name in ("gpt2", "llama3"):
        reference = Tokenizer(models.BPE())
        reference.pre_tokenizer = PATTERNS[name]()
        reference.train_from_iterator([text], trainers.BpeTrainer(
            vocab_size=vocabulary - 1, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
        want = json.loads(reference.to_str())["model"]
        got = json.loads(run(tool, "train", name, str(vocabulary), text=text))
        tokens = got["vocabulary"]
        got = [[tokens[a], tokens[b]] for a, b in got["merges"]]
        if [list(m) for m in want["merges"]] != got:
            at = next((i for i, (a, b) in enumerate(zip(want["merges"], got)) if list(a) != b), min(len(got), len(want["merges"])))
            print(f"{name}: merge {at}: want {want['merges'][at:at+2]}, got {got[at:at+2]}")
            wrong += 1
    return wrong


def fallback(tool, text, path, folder):
    """byte_fallback: the file as it is, and with the stages that others write instead"""
    written = json.load(open(path, encoding="utf-8"))
    space = "\u2581"
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": space}
    metaspace = {"type": "Metaspace", "replacement": space, "prepend_scheme": "first", "split": False}
    stages = {"written": {}, "metaspace": {"normalizer": None, "pre_tokenizer": metaspace},
              "bare": {"normalizer": replace, "pre_tokenizer": None},
              "never": {"normalizer": None, "pre_tokenizer": dict(metaspace, prepend_scheme="never")}}
    wrong = 0
    for name, change in stages.items():
        path = f"{folder}/{name}.json"
        json.dump(dict(written, **change), open(path, "w", encoding="utf-8"), ensure_ascii=False)
        wrong += compare(tool, path, Tokenizer.from_file(path), text)
    return wrong


def main():
    verb, *args = sys.argv[1:]
    if verb == "noise":
        return noise(*args)
    tool, path, *args = args
    text = open(path, encoding="utf-8", newline="").read()
    wrong = {"patterns": patterns, "fallback": fallback}[verb](tool, text, *args) if verb != "train" else \
        train(tool, text, int(args[0]))
    print("ok" if not wrong else f"{wrong} differ")


main()
