# SPDX-License-Identifier: Apache-2.0
"""Narrow networks over sequences in the manner of the papers named, as one writes them in PyTorch."""
import math

import torch
from torch import nn
from torch.nn import functional as F

WIDTH, HEADS, WORDS = 32, 4, 96


def attend(q, k, v, mask=None):
    """Scaled dot-product attention (Vaswani et al. 2017); `mask` is added to the scores."""
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
    if mask is not None:
        scores = scores + mask
    return scores.softmax(dim=-1) @ v


def split_heads(x):
    return x.view(x.size(0), x.size(1), HEADS, WIDTH // HEADS).transpose(1, 2)


def join_heads(x):
    return x.transpose(1, 2).reshape(x.size(0), -1, WIDTH)


class SelfAttention(nn.Module):
    """Queries, keys and values from one linear layer, as in vision transformers."""

    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        n, t, _ = x.shape
        q, k, v = self.qkv(x).reshape(n, t, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4).unbind(0)
        return self.out(join_heads(attend(q, k, v)))


class VitBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.attention, self.norm2 = nn.LayerNorm(WIDTH), SelfAttention(), nn.LayerNorm(WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Dropout(0.1), nn.Linear(2 * WIDTH, WIDTH))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Vit(nn.Module):
    """Dosovitskiy et al. 2021."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, WIDTH, 8, 8)
        self.token, self.position = nn.Parameter(torch.randn(1, 1, WIDTH)), nn.Parameter(torch.randn(1, 17, WIDTH))
        self.blocks, self.norm, self.head = nn.Sequential(VitBlock(), VitBlock()), nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 10)

    def forward(self, image):
        x = self.patch(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.size(0), -1, -1), x], 1) + self.position
        return self.head(self.norm(self.blocks(x))[:, 0])


class BertLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH, 1e-12), nn.LayerNorm(WIDTH, 1e-12)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x, mask):
        y = attend(split_heads(self.query(x)), split_heads(self.key(x)), split_heads(self.value(x)), mask)
        x = self.norm1(x + self.out(join_heads(y)))
        return self.norm2(x + self.down(F.gelu(self.up(x))))


class Bert(nn.Module):
    """Devlin et al. 2019: words, segments and positions; the mask keeps padding out; the first word's answer pooled."""

    def __init__(self):
        super().__init__()
        self.words, self.segments, self.positions = nn.Embedding(WORDS, WIDTH), nn.Embedding(2, WIDTH), nn.Embedding(32, WIDTH)
        self.norm, self.layers = nn.LayerNorm(WIDTH, 1e-12), nn.ModuleList([BertLayer(), BertLayer()])
        self.pooler, self.head = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 3)

    def forward(self, input_ids, attention_mask, token_type_ids):
        position = torch.arange(input_ids.size(1), device=input_ids.device)[None, :]
        x = self.norm(self.words(input_ids) + self.segments(token_type_ids) + self.positions(position))
        mask = (1.0 - attention_mask[:, None, None, :].to(x.dtype)) * -10000.0
        for layer in self.layers:
            x = layer(x, mask)
        return x, self.head(torch.tanh(self.pooler(x[:, 0])))


class Lstm(nn.Module):
    """Hochreiter and Schmidhuber 1997: two layers, both directions."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(12, 24, num_layers=2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(48, 6)

    def forward(self, series):
        y, (h, _) = self.lstm(series)
        return self.head(y[:, -1, :]), self.head(y.mean(1)), h


class Gru(nn.Module):
    """Cho et al. 2014, on embedded words, with its first state given."""

    def __init__(self):
        super().__init__()
        self.words, self.gru = nn.Embedding(WORDS, 16), nn.GRU(16, 32, num_layers=2)
        self.head = nn.Linear(32, WORDS)

    def forward(self, words, state):
        y, state = self.gru(self.words(words), state)
        return F.softmax(self.head(y), dim=-1), state


class RmsNorm(nn.Module):
    """Zhang and Sennrich 2019, spelled out."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(WIDTH))

    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5))


def rotate(x, cos, sin):
    """Rotary positions (Su et al. 2021)."""
    half = x.size(-1) // 2
    return x * cos + torch.cat((-x[..., half:], x[..., :half]), -1) * sin


class DecoderLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2, self.norm3 = RmsNorm(), RmsNorm(), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH, bias=False), nn.Linear(WIDTH, WIDTH, bias=False)
        self.query, self.memory, self.cross = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.gate, self.up, self.down = nn.Linear(WIDTH, 48), nn.Linear(WIDTH, 48), nn.Linear(48, WIDTH)

    def forward(self, x, memory, mask, cos, sin):
        q, k, v = (split_heads(p) for p in self.qkv(self.norm1(x)).chunk(3, dim=-1))
        x = x + self.out(join_heads(attend(rotate(q, cos, sin), rotate(k, cos, sin), v, mask)))
        k, v = (split_heads(p) for p in self.memory(memory).split(WIDTH, dim=-1))
        x = x + self.cross(join_heads(attend(split_heads(self.query(self.norm2(x))), k, v)))
        y = self.norm3(x)
        return x + self.down(F.gelu(self.gate(y), approximate="tanh") * self.up(y))


class Decoder(nn.Module):
    """A causal decoder with cross attention (Vaswani et al. 2017), gated by GELU (Shazeer 2020)."""

    def __init__(self):
        super().__init__()
        self.words, self.layers, self.norm = nn.Embedding(WORDS, WIDTH), nn.ModuleList([DecoderLayer(), DecoderLayer()]), RmsNorm()
        half = WIDTH // HEADS // 2
        self.register_buffer("frequency", 10000.0 ** (-torch.arange(half, dtype=torch.float32) / half))

    def forward(self, words, memory):
        t = words.size(1)
        angle = torch.arange(t, device=words.device).to(torch.float32)[:, None] * self.frequency
        angle = torch.cat((angle, angle), -1)
        mask = torch.zeros(t, t, device=words.device).masked_fill(torch.ones(t, t, device=words.device).triu(1) > 0, -1e9)
        x = self.words(words) * math.sqrt(WIDTH)
        for layer in self.layers:
            x = layer(x, memory, mask, angle.cos(), angle.sin())
        return F.linear(self.norm(x), self.words.weight)
