"""A transformers cache in real bytes: python transformers_cache.py"""

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from kakeya_kv.transformers import KakeyaCache

config = LlamaConfig(vocab_size=500, hidden_size=256, intermediate_size=512, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2)
model = LlamaForCausalLM(config).bfloat16().eval()  # or any model of yours
cache = KakeyaCache("e8-gs:delta=0.09", window=32, sinks=4)
model.generate(torch.randint(0, 500, (1, 300)), past_key_values=cache, max_new_tokens=20)
print(f"{cache.get_seq_length()} tokens: {cache.nbytes} bytes, {cache.exact_nbytes} in bfloat16")
