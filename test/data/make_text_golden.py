# SPDX-License-Identifier: Apache-2.0
"""Vocabularies, encodings and augmentations of golden/texts.tsv, made by other code than hone's, for text_test.cc:
python3 test/data/make_text_golden.py. Run by hand, only when a case is added; writes golden/texts_expected.tsv:

vocabulary TAB unit size count TAB tokens       encode TAB unit length TAB text TAB ids
augment TAB list seed epoch index TAB text TAB tokens                 (tokens have '|' between them)"""
import math, os, re

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
M32, M64 = (1 << 32) - 1, (1 << 64) - 1
LETTER = "[A-Za-z0-9_\u0080-\U0010ffff]"
WORD = re.compile(rf"{LETTER}+(?:'{LETTER}+)*|[^ \t\n\v\f\r]")


def philox(c, k):
    c, k = list(c), list(k)
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & M32, (a >> 32) ^ c[3] ^ k[1], a & M32]
        k = [(k[0] + 0x9E3779B9) & M32, (k[1] + 0xBB67AE85) & M32]
    return c


def halves(v):
    return v & M32, v >> 32


def derive(seed, a, b):
    block = philox(halves(a) + halves(b), halves(seed))
    return block[0] | block[1] << 32


def name_hash(name):
    state = 0xCBF29CE484222325
    data = name.encode()
    words = [len(data)] + [int.from_bytes(data[i : i + 8], "little") for i in range(0, len(data), 8)]
    for w in words:
        state = ((state ^ w) * 0x9E3779B97F4A7C15) & M64
        state ^= state >> 32
    return state


class Rng:
    def __init__(self, seed, stream):
        self.seed, self.stream, self.counter, self.block = seed, stream, 0, []

    def u32(self):
        if not self.block:
            self.block = philox(halves(self.counter) + halves(self.stream), halves(self.seed))
            self.counter += 1
        return self.block.pop(0)

    def u64(self):
        low = self.u32()
        return low | self.u32() << 32

    def uniform(self):
        return (self.u64() >> 11) * 2.0**-53

    def below(self, n):
        reject = (1 << 64) % n
        while True:
            v = self.u64()
            if v >= reject:
                return v % n


def tokens(text, unit):
    return [re.sub("[A-Z]", lambda m: m[0].lower(), w) for w in WORD.findall(text)] if unit == "word" else list(text)


def vocabulary(texts, unit, size, least):
    counts = {}
    for text in texts:
        for t in tokens(text, unit):
            counts[t] = counts.get(t, 0) + 1
    ranked = sorted((t for t in counts if counts[t] >= least), key=lambda t: (-counts[t], t.encode()))
    return ranked[: size - 2]


def encode(words, vocab, length):
    ids = [vocab.index(w) + 2 if w in vocab else 1 for w in words[:length]]
    return ids + [0] * (length - len(ids))


STOP = set(open(__file__, encoding="utf-8").read().split("# stop words: ")[2].split()) - {"#", "main()"}


def insert(t, share, rng, vocab):
    for _ in range(max(1, math.floor(share * len(t) + 0.5)) if t else 0):
        word = vocab[rng.below(len(vocab))]
        t.insert(rng.below(len(t) + 1), word)
    return t


def delete(t, share, rng, _):
    kept = [w for w in t if rng.uniform() >= share]
    return kept if kept or not t else [t[rng.below(len(t))]]


def swap(t, share, rng, _):
    for _ in range(max(1, math.floor(share * len(t) + 0.5)) if len(t) > 1 else 0):
        a, b = rng.below(len(t)), rng.below(len(t))
        t[a], t[b] = t[b], t[a]
    return t


def replace(t, share, rng, vocab):
    return [vocab[rng.below(len(vocab))] if rng.uniform() < share else w for w in t]


def stop_words(t, share, rng, _):
    kept = [w for w in t if w not in STOP or rng.uniform() >= share]
    return kept or t


def augment(t, kinds, seed, epoch, index, vocab):
    for name, share, p in kinds:
        rng = Rng(derive(seed, name_hash(name), epoch), index)
        if rng.uniform() < p:
            t = globals()[name](t, share, rng, vocab)
    return t


def main():
    texts = [line.rstrip("\n").split("\t", 1)[1] for line in open(HERE + "/texts.tsv", encoding="utf-8")]
    with open(HERE + "/texts_expected.tsv", "w", encoding="utf-8") as out:
        for unit, size, least in (("word", 20000, 1), ("word", 14, 1), ("word", 20000, 2), ("char", 20000, 1), ("char", 12, 1)):
            out.write(f"vocabulary\t{unit} {size} {least}\t{'|'.join(vocabulary(texts, unit, size, least))}\n")
        for unit, length in (("word", 6), ("word", 30), ("char", 20)):
            vocab = vocabulary(texts, unit, 24, 1)
            for text in texts:
                out.write(f"encode\t{unit} {length}\t{text}\t{'|'.join(map(str, encode(tokens(text, unit), vocab, length)))}\n")
        vocab = vocabulary(texts, "word", 20000, 1)
        lists = [[("insert", 0.1, 1)], [("insert", 0.4, 1)], [("delete", 0.3, 1)], [("delete", 1, 1)], [("swap", 0.2, 1)], [("replace", 0.3, 1)],
                 [("stop_words", 1, 1)], [("stop_words", 0.5, 1)], [("stop_words", 0.7, 0.5), ("swap", 0.1, 0.5), ("replace", 0.1, 0.5), ("insert", 0.2, 0.5), ("delete", 0.1, 0.5)]]
        for kinds in lists:
            written = ",".join(f"{n}={s}:{p}" for n, s, p in kinds)
            for epoch, index in ((0, 0), (0, 3), (1, 3), (2, 7), (1 << 33, 1 << 40)):
                text = texts[index % len(texts)]
                result = augment(tokens(text, "word"), kinds, 11, epoch, index, vocab)
                out.write(f"augment\t{written} 11 {epoch} {index}\t{text}\t{'|'.join(result)}\n")
        out.write(f"augment\tstop_words=1:1 11 0 0\tThis is it\t{'|'.join(augment(tokens('This is it', 'word'), [('stop_words', 1, 1)], 11, 0, 0, vocab))}\n")


# stop words: a about after all also am an and any are as at be because been before being between both but by can could did
# do does doing during each for from had has have having he her here hers him his how i if in into is it its me more most my
# of on or other our ours she should so some such than that the their theirs them then there these they this those through to
# under until up us was we were what when where which while who whom why will with would you your yours
main()
