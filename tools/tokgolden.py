"""Makes the small vocabularies of tokenizer/testdata, and golden files with the
Rust implementation of Hugging Face tokenizers, which is the reference for the
format of tokenizer.json.

    python3 -m venv ~/tok && ~/tok/bin/pip install tokenizers==0.23.3
    ~/tok/bin/python tools/tokgolden.py train tokenizer/testdata TEXT...
    ~/tok/bin/python tools/tokgolden.py golden TOKENIZER.json INPUT... > GOLDEN.jsonl

train needs some hundred kilobytes of text. An INPUT of golden is a .txt file,
taken as one text, or a .jsonl file with one {"text": ...} a line, such as a
golden file of tokgolden.mjs. A line of the output is as tokgolden.mjs makes it.
"""

import json
import os
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
SPACE = r"\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACE
QWEN35 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|" + SPACE
LLAMA3 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACE
CAPITALS, SMALLS = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
CASED = r"[^\r\n\p{L}\p{N}]?%s*%s+{0}|[^\r\n\p{L}\p{N}]?%s+%s*{0}" % (CAPITALS, SMALLS, CAPITALS, SMALLS)
O200K = CASED.replace("{0}", CONTRACTIONS + "?") + r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + SPACE
TEKKEN = CASED.replace("{0}", "") + r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + SPACE
DEEPSEEK = [
    r"\p{N}{1,3}",
    "[一-龥\u3040-ゟ゠-ヿ]+",
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|""" + SPACE,
]


def bytelevel(*patterns):
    splits = [pre_tokenizers.Split(Regex(p), "isolated") for p in patterns]
    return pre_tokenizers.Sequence(splits + [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def special(*contents):
    return [AddedToken(c, special=True, normalized=False) for c in contents]


def template(bos, eos=None):
    single = f"{bos} $A" + (f" {eos}" if eos else "")
    return lambda t: processors.TemplateProcessing(
        single=single, pair=f"{single} $B", special_tokens=[(x, t.token_to_id(x)) for x in (bos, eos) if x]
    )


BYTES = [f"<0x{b:02X}>" for b in range(256)]
ODD = [  # one token for each rule about added tokens
    AddedToken("<mask>", lstrip=True, special=True, normalized=False),
    AddedToken("<sep>", rstrip=True, special=True, normalized=False),
    AddedToken("<both>", lstrip=True, rstrip=True, special=True, normalized=False),
    AddedToken("word", single_word=True, normalized=False),
    AddedToken("words", single_word=True, normalized=True),
    AddedToken("é", normalized=True),
    AddedToken("кафе", normalized=False),
    AddedToken("  ", normalized=False),
    AddedToken("\n\n", normalized=False),
    AddedToken("<ma", normalized=False),
    AddedToken("Hello World", normalized=True),
]


def build(name):
    """Returns the untrained tokenizer, its special tokens and further added ones, and what follows the training."""
    t = Tokenizer(models.BPE())
    t.decoder = decoders.ByteLevel()
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    if name == "qwen2":
        t.normalizer = normalizers.NFC()
        t.pre_tokenizer = bytelevel(QWEN2)
        return t, [], special("<|endoftext|>", "<|im_start|>", "<|im_end|>"), None
    if name == "qwen35":
        t.normalizer = normalizers.NFC()
        t.pre_tokenizer = bytelevel(QWEN35)
        return t, [], special("<|endoftext|>"), None
    if name == "deepseek":
        t.normalizer = normalizers.Sequence([])
        t.pre_tokenizer = bytelevel(*DEEPSEEK)
        first = [AddedToken("<｜begin▁of▁sentence｜>", special=True, normalized=True), AddedToken("<｜end▁of▁sentence｜>", special=True, normalized=True)]
        return t, first, [AddedToken("<think>", normalized=False), AddedToken("</think>", normalized=False)], None
    if name == "llama3":
        t.pre_tokenizer = bytelevel(LLAMA3)
        both = lambda t: processors.Sequence([processors.ByteLevel(trim_offsets=True), template("<|begin_of_text|>")(t)])
        return t, [], special("<|begin_of_text|>", "<|eot_id|>"), both
    if name == "gpt2":
        t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        return t, special("<|endoftext|>"), [], None
    if name == "o200k":
        t.pre_tokenizer = bytelevel(O200K)
        return t, [], special("<|endoftext|>"), None
    if name == "tekken":
        t.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Split(Regex(TEKKEN), "removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ])
        return t, special("<unk>", "<s>", "</s>"), [], template("<s>", "</s>")
    if name == "digits":
        t.normalizer = normalizers.NFKC()
        t.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Split("e", "merged_with_next"),
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ])
        return t, [], ODD, None

    t.model = models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    llama = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    t.decoder = decoders.Sequence(llama + [decoders.Strip(" ", 1, 0)])
    t.post_processor = None
    first = special("<unk>", "<s>", "</s>")
    if name == "llama2":
        t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        return t, first + BYTES, [], template("<s>")
    if name == "metaspace":
        t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
        return t, first + BYTES, [], template("<s>", "</s>")
    if name == "words":  # cut at spaces, characters without a token are unknown
        t.model = models.BPE(unk_token="<unk>")
        t.pre_tokenizer = pre_tokenizers.Metaspace()
        t.decoder = decoders.Metaspace()
        return t, first, ODD, None
    if name == "gemma":
        t.normalizer = normalizers.Replace(" ", "▁")
        t.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
        t.decoder = decoders.Sequence(llama)
        return t, first + BYTES, [AddedToken("\n" * n, normalized=False) for n in (2, 3, 4)] + ODD, template("<s>")
    raise SystemExit(f"no vocabulary {name}")


NAMES = ["qwen2", "qwen35", "deepseek", "llama3", "gpt2", "o200k", "tekken", "digits", "llama2", "metaspace", "words", "gemma"]


def train(folder, files):
    for name in NAMES:
        t, first, added, after = build(name)
        level = isinstance(t.decoder, decoders.ByteLevel)
        alphabet = pre_tokenizers.ByteLevel.alphabet() if level else []
        size = 256 + 200 if level else len(first) + 250
        trainer = trainers.BpeTrainer(
            vocab_size=size, special_tokens=first, initial_alphabet=alphabet, limit_alphabet=1000 if level else 90, show_progress=False
        )
        t.train(files, trainer)
        t.add_tokens(added)
        if after:
            t.post_processor = after(t)
        definition = json.loads(t.to_str())
        # What SentencePiece's byte tokens are not is special.
        definition["added_tokens"] = [a for a in definition["added_tokens"] if a["content"] not in BYTES]
        if name == "llama3":
            definition["model"]["ignore_merges"] = True
        if name in ("qwen2", "llama2", "gpt2"):  # the older of the two formats
            definition["model"]["merges"] = [" ".join(m) for m in definition["model"]["merges"]]
        with open(os.path.join(folder, name + ".json"), "w", encoding="utf8") as f:
            json.dump(definition, f, ensure_ascii=False, separators=(",", ":"))
            f.write("\n")


def texts(path):
    with open(path, encoding="utf8", newline="") as f:
        if not path.endswith(".jsonl"):
            yield f.read()
            return
        for line in f:
            yield json.loads(line)["text"]


def golden(file, inputs):
    t = Tokenizer.from_file(file)
    t.no_truncation()
    t.no_padding()
    for path in inputs:
        for text in texts(path):
            ids = t.encode(text, add_special_tokens=False).ids
            with_special = t.encode(text).ids
            line = {"text": text, "ids": ids}
            if with_special != ids:
                line["special"] = with_special
            line["decoded"] = t.decode(ids, skip_special_tokens=False)
            print(json.dumps(line, ensure_ascii=False, separators=(",", ":")))


if __name__ == "__main__":
    if len(sys.argv) < 4 or sys.argv[1] not in ("train", "golden"):
        sys.exit(__doc__)
    sys.stdout.reconfigure(encoding="utf8")
    {"train": train, "golden": golden}[sys.argv[1]](sys.argv[2], sys.argv[3:])
