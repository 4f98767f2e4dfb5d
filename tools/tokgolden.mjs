// Makes golden files for package tokenizer with @huggingface/tokenizers, the
// reference implementation in JavaScript.
//
//     mkdir ~/tok && cd ~/tok && npm install @huggingface/tokenizers@0.2.0
//     NODE_PATH=~/tok/node_modules node tools/tokgolden.mjs TOKENIZER.json INPUT... > GOLDEN.jsonl
//
// An INPUT is a .txt file, cut after the first line end past 4,000 characters;
// a .json file with a list of texts; a .jsonl file with one {"text": ...} a
// line; or fuzz:COUNT[:SEED], random texts of everything that tokenizers treat
// specially. A line of the output is {"text", "ids", "special", "decoded"}: the
// ids without and, where they differ, with the special tokens around, and what
// the ids decode to.

import { readFileSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(import.meta.url);
const module = require.resolve("@huggingface/tokenizers").replace(/\.cjs$/, ".mjs");
const { Tokenizer } = await import(pathToFileURL(module));

// Pieces of text whose borders matter, besides the added tokens of the file.
const pieces = [
  "a", "the", "Hello", "WORLD", "camelCase", "naïve", "n", "x1", "don't", "I'LL", "we'Ve", "'s", "'ſ", "'S", "'re", "'d", "'", "’s",
  "0", "7", "12", "345", "2024", "1234567", "٣", "½", "Ⅷ", "१२३",
  " ", "  ", "   ", "        ", "\t", "\n", "\n\n", "\r\n", "\r", " \n", "\n ", "\u00a0", "\u3000", "\u2028", "\u2029", "\u0085", "\u200b", "\u202f", "\ufeff", "\v", "\f",
  "!", "...", "?!", ",", ".", "-", "--", "_", "/", "//", "\\", "(", "){", "#", "$", "€", "+=", "<", ">", "<|", "|>", "`", "~", "^", "@", "*", "«", "»", "¿", "、", "。", "・", "゠", "％",
  "你好", "世界", "中", "文字", "龥", "龦", "鿿", "㐀", "𠀀", "日本語", "ひらがな", "カタカナ", "ー", "゛", "゙", "か゚", "한국어", "한", "한",
  "Привет", "ё", "й", "Ελλάδα", "ΐ", "שלום", "שָׁלוֹם", "مرحبا", "مَرْحَبًا", "हिन्दी", "ภาษาไทย", "កាន់តែ", "Việt", "Việt", "İ", "ß", "ﬁ", "Å", "Å", "Ω",
  "é", "ậ", "́", "̂̈", "q̣̇", "q̣̇", "️", "‍", "‌", "­", "\u0000", "\u0001", "\u007f", "\u009f", "\ue000", "\u0378", "\ufffd", "\uffff", "\u{10ffff}",
  "🚀", "👨‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇩🇪", "1️⃣", "😶‍🌫️", "∑", "→", "𝔘", "ꟺ", "ⓐ", "ª", "ǅ", "ʰ", "ː",
  "▁", "▁the", "Ġ", "Ċ", "<0x0A>", "<s>", "</s>", "<unk>", "<pad>", "<|endoftext|>", "<think>",
];

// random is mulberry32.
function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function* fuzz(count, seed, added) {
  const rnd = random(seed);
  const below = (n) => Math.floor(rnd() * n);
  const pick = (list) => list[below(list.length)];
  const codePoint = () => {
    for (;;) {
      const c = below(pick([0x80, 0x250, 0x3000, 0x10000, 0x110000]));
      if (c < 0xd800 || c > 0xdfff) return String.fromCodePoint(c);
    }
  };
  const some = Array.from({ length: 12 }, () => pick(added)).filter(Boolean);
  for (let i = 0; i < count; i++) {
    const n = 1 + below(pick([3, 8, 30]));
    let text = "";
    for (let j = 0; j < n; j++) {
      const kind = rnd();
      if (kind < 0.65) text += pick(pieces);
      else if (kind < 0.75) text += codePoint();
      else if (kind < 0.85) text += pick(pieces).repeat(1 + below(9));
      else if (some.length > 0 && kind < 0.92) text += pick(some);
      else text += String.fromCodePoint(97 + below(26));
    }
    yield text;
  }
}

function* texts(input, added) {
  if (input.startsWith("fuzz:")) {
    const [, count, seed] = input.split(":");
    yield* fuzz(Number(count), Number(seed ?? 1), added);
    return;
  }
  const data = readFileSync(input, "utf8");
  if (input.endsWith(".jsonl")) {
    for (const line of data.split("\n")) if (line) yield JSON.parse(line).text;
  } else if (input.endsWith(".json")) {
    for (const item of JSON.parse(data)) yield typeof item === "string" ? item : item.text;
  } else {
    for (let at = 0; at < data.length; ) {
      const end = data.indexOf("\n", at + 4000) + 1 || data.length;
      yield data.slice(at, end);
      at = end;
    }
  }
}

const [file, ...inputs] = process.argv.slice(2);
if (inputs.length === 0) {
  console.error("usage: node tokgolden.mjs TOKENIZER.json INPUT... > GOLDEN.jsonl");
  process.exit(2);
}
const definition = JSON.parse(readFileSync(file, "utf8"));
const tokenizer = new Tokenizer(definition, { clean_up_tokenization_spaces: false });
const added = definition.added_tokens.map((t) => t.content);

let lines = "";
const flush = () => {
  const bytes = Buffer.from(lines);
  for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
  lines = "";
};
for (const input of inputs) {
  for (const text of texts(input, added)) {
    const { ids } = tokenizer.encode(text, { add_special_tokens: false });
    const { ids: special } = tokenizer.encode(text, { add_special_tokens: true });
    const golden = { text, ids };
    if (String(special) !== String(ids)) golden.special = special;
    golden.decoded = ids.length === 0 ? "" : tokenizer.decode(ids);
    lines += JSON.stringify(golden) + "\n";
    if (lines.length > 1 << 20) flush();
  }
}
flush();
