"""Text to tokens: what is trained on, what is held out.

Every file is cut into pieces of about 20,000 characters at paragraph borders;
each 40th piece is held out. Novels, speeches and plays in the public domain
only; no WikiText."""

import json
import pathlib

import numpy as np
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

FILES = ["gutenberg/*.txt", "state_union.txt", "inaugural.txt", "tinyshakespeare.txt"]
PIECE, HELD_OUT = 20_000, 40
BOS, EOS = "<|begin|>", "<|end|>"
# The split pattern of Qwen2.
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def unwrap(text):
    """Joins the lines of a paragraph: Gutenberg's line ends mean nothing."""
    out = []
    for paragraph in text.replace("\r\n", "\n").split("\n\n"):
        lines = paragraph.split("\n")
        verse = len(lines) > 1 and sum(len(l) for l in lines[:-1]) / (len(lines) - 1) < 45
        out.append(paragraph if verse else " ".join(l.strip() for l in lines))
    return "\n\n".join(p for p in out if p.strip())


def pieces(folder):
    """(file name, training pieces, held-out pieces) of every file."""
    for pattern in FILES:
        for path in sorted(pathlib.Path(folder).glob(pattern)):
            train, held, piece, n = [], [], [], 0
            all_pieces = []
            for paragraph in unwrap(path.read_text("utf-8", errors="replace")).split("\n\n"):
                piece.append(paragraph)
                n += len(paragraph) + 2
                if n >= PIECE:
                    all_pieces.append("\n\n".join(piece))
                    piece, n = [], 0
            if piece:
                all_pieces.append("\n\n".join(piece))
            for i, p in enumerate(all_pieces):
                (held if i % HELD_OUT == HELD_OUT // 2 else train).append(p)
            yield path.name, train, held


def train_tokenizer(texts, vocab_size):
    t = Tokenizer(models.BPE(byte_fallback=False, fuse_unk=False))
    t.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    t.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[AddedToken(BOS, special=True), AddedToken(EOS, special=True)],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    t.train_from_iterator(texts, trainer)
    return t


def prepare(folder, out, vocab_size):
    """Writes tokenizer.json, train.npy and held.npz (an array a piece) to out."""
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    files = list(pieces(folder))
    tok = train_tokenizer((p for _, train, _ in files for p in train), vocab_size)
    tok.save(str(out / "tokenizer.json"))
    ids, held, stats = [], {}, {}
    for name, train, rest in files:
        mine = [0] + [i for e in tok.encode_batch(train) for i in e.ids] + [1]
        ids.append(np.array(mine, np.uint16))
        for k, e in enumerate(tok.encode_batch(rest)):
            held[f"{name}:{k}"] = np.array(e.ids, np.uint16)
        stats[name] = {"train_tokens": len(mine), "held_out_pieces": len(rest)}
    np.save(out / "train.npy", np.concatenate(ids))
    np.savez(out / "held.npz", **held)
    (out / "data.json").write_text(json.dumps(stats, indent=1))
    print({"train": sum(len(i) for i in ids), "held": sum(len(v) for v in held.values()), "pieces": len(held)})


if __name__ == "__main__":
    import argparse

    from config import CONFIG

    a = argparse.ArgumentParser()
    a.add_argument("--text", default="../shared/data/text")
    a.add_argument("--out", default="/tmp/nano")
    o = a.parse_args()
    prepare(o.text, o.out, CONFIG["vocab_size"])
