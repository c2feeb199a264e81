# SPDX-License-Identifier: Apache-2.0
"""Narrow convolutional networks in the manner of the papers named, as one writes them in PyTorch."""
import torch
from torch import nn
from torch.nn import functional as F


def conv_bn(i, o, kernel, stride=1, groups=1, activation=None):
    layers = [nn.Conv2d(i, o, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(o)]
    return nn.Sequential(*layers, *([activation()] if activation else []))


class SqueezeExcite(nn.Module):
    def __init__(self, channels, inner, activation, gate):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.reduce, self.expand = nn.Conv2d(channels, inner, 1), nn.Conv2d(inner, channels, 1)
        self.activation, self.gate = activation(), gate()

    def forward(self, x):
        return x * self.gate(self.expand(self.activation(self.reduce(self.pool(x)))))


class InvertedResidual(nn.Module):
    def __init__(self, i, o, expand, kernel, stride, activation, squeeze=None):
        super().__init__()
        inner = i * expand
        layers = [conv_bn(i, inner, 1, activation=activation)] if expand > 1 else []
        layers.append(conv_bn(inner, inner, kernel, stride, inner, activation))
        if squeeze:
            layers.append(SqueezeExcite(inner, max(4, inner // 4), *squeeze))
        self.body = nn.Sequential(*layers, conv_bn(inner, o, 1))
        self.residual = i == o and stride == 1

    def forward(self, x):
        return x + self.body(x) if self.residual else self.body(x)


class Inverted(nn.Module):
    """Blocks of (out, expand, kernel, stride, activation, squeeze) between a stem and a classifier."""

    def __init__(self, blocks, activation, head):
        super().__init__()
        layers, width = [conv_bn(3, 8, 3, 2, activation=activation)], 8
        for o, *rest in blocks:
            layers.append(InvertedResidual(width, o, *rest))
            width = o
        self.features = nn.Sequential(*layers, conv_bn(width, head, 1, activation=activation))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(head, 10))

    def forward(self, image):
        return self.classifier(self.features(image).mean([2, 3]))


def mobilenet_v2():
    """Sandler et al. 2018."""
    a = nn.ReLU6
    return Inverted([(8, 1, 3, 1, a), (12, 4, 3, 2, a), (12, 4, 3, 1, a), (16, 4, 3, 2, a), (16, 4, 3, 1, a)], a, 48)


class MobileNetV3(Inverted):
    """Howard et al. 2019; flattens and has two linear layers, as torchvision's."""

    def __init__(self):
        r, h, se = nn.ReLU, nn.Hardswish, (nn.ReLU, nn.Hardsigmoid)
        super().__init__([(8, 1, 3, 2, r, se), (12, 3, 3, 2, r), (12, 3, 3, 1, r), (16, 4, 5, 1, h, se), (16, 4, 5, 1, h, se)], h, 48)
        self.classifier = nn.Sequential(nn.Linear(48, 32), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(32, 10))
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, image):
        return self.classifier(torch.flatten(self.pool(self.features(image)), 1))


def efficientnet():
    """Tan and Le 2019."""
    a, se = nn.SiLU, (nn.SiLU, nn.Sigmoid)
    return Inverted([(8, 1, 3, 1, a, se), (12, 4, 3, 2, a, se), (12, 4, 3, 1, a, se), (16, 4, 5, 2, a, se), (16, 4, 5, 1, a, se)], a, 48)


class ChannelsFirstNorm(nn.Module):
    """Layer normalisation over the channels of NCHW, spelled out."""

    def __init__(self, channels):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        mean = x.mean(1, keepdim=True)
        var = (x - mean).pow(2).mean(1, keepdim=True)
        x = (x - mean) / torch.sqrt(var + 1e-6)
        return self.weight[:, None, None] * x + self.bias[:, None, None]


class ConvNextBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm, self.up, self.down = nn.LayerNorm(width, 1e-6), nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.scale = nn.Parameter(torch.full((width,), 0.5))

    def forward(self, x):
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.scale * self.down(F.gelu(self.up(y)))
        return x + y.permute(0, 3, 1, 2)


class ConvNext(nn.Module):
    """Liu et al. 2022."""

    def __init__(self):
        super().__init__()
        layers = [nn.Conv2d(3, 16, 4, 4), ChannelsFirstNorm(16), ConvNextBlock(16), ConvNextBlock(16)]
        layers += [ChannelsFirstNorm(16), nn.Conv2d(16, 32, 2, 2), ConvNextBlock(32), ConvNextBlock(32)]
        self.features = nn.Sequential(*layers)
        self.norm, self.head = nn.LayerNorm(32, 1e-6), nn.Linear(32, 10)

    def forward(self, image):
        return self.head(self.norm(self.features(image).mean((-2, -1))))


class ShuffleUnit(nn.Module):
    """Ma et al. 2018: half of the channels pass by, then all are shuffled."""

    def __init__(self, width):
        super().__init__()
        half = width // 2
        self.branch = nn.Sequential(conv_bn(half, half, 1, activation=nn.ReLU), conv_bn(half, half, 3, groups=half), conv_bn(half, half, 1, activation=nn.ReLU))

    def forward(self, x):
        kept, changed = x.chunk(2, dim=1)
        x = torch.cat((kept, self.branch(changed)), 1)
        n, c, h, w = x.size()
        return x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)


class DenseLayer(nn.Module):
    """Huang et al. 2017: normalisation first, the result beside all earlier ones."""

    def __init__(self, i, growth):
        super().__init__()
        self.norm, self.conv = nn.BatchNorm2d(i), nn.Conv2d(i, growth, 3, padding=1, bias=False)

    def forward(self, x):
        return torch.cat([x, self.conv(F.relu(self.norm(x)))], 1)


class ShuffleDense(nn.Module):
    def __init__(self):
        super().__init__()
        layers = [conv_bn(3, 16, 3, 2, activation=nn.ReLU), nn.MaxPool2d(3, 2, 1), ShuffleUnit(16), ShuffleUnit(16)]
        width = 16
        for _ in range(3):
            layers.append(DenseLayer(width, 8))
            width += 8
        layers += [nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, 20, 1), nn.AvgPool2d(2, ceil_mode=True)]
        layers += [nn.Conv2d(20, 20, 3, padding=1, groups=4), nn.PReLU(20), nn.AvgPool2d(3, 2)]
        self.features, self.head = nn.Sequential(*layers), nn.Linear(80, 10)

    def forward(self, image):
        return F.log_softmax(self.head(self.features(image).flatten(1)), dim=1)


class Down(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(i, o, 3, padding=1), nn.Conv2d(o, o, 3, padding=2, dilation=2)
        self.norm1, self.norm2 = nn.GroupNorm(4, o), nn.InstanceNorm2d(o, affine=True)

    def forward(self, x):
        return F.leaky_relu(self.norm2(self.conv2(F.elu(self.norm1(self.conv1(x))))), 0.1)


class UNet(nn.Module):
    """Ronneberger et al. 2015; one step up by transposed convolution, one bilinear, one nearest."""

    def __init__(self):
        super().__init__()
        self.down1, self.down2, self.down3, self.bottom = Down(3, 8), Down(8, 12), Down(12, 16), Down(16, 16)
        self.up3 = nn.ConvTranspose2d(16, 16, 2, 2)
        self.merge3, self.merge2, self.merge1 = Down(32, 12), Down(24, 8), Down(16, 8)
        self.head = nn.Conv2d(8, 2, 1)

    def forward(self, image):
        a = self.down1(image)
        b = self.down2(F.max_pool2d(a, 2))
        c = self.down3(F.avg_pool2d(b, 3, 2, 1, count_include_pad=False))
        d = self.up3(self.bottom(F.max_pool2d(c, 2)))
        c = self.merge3(torch.cat([c, d], 1))
        c = F.interpolate(c, size=b.shape[-2:], mode="bilinear", align_corners=False)
        b = self.merge2(torch.cat([b, c], 1))
        b = F.interpolate(b, scale_factor=2.0, mode="nearest")
        b = F.pad(b, (1, 1, 1, 1), mode="reflect")[:, :, 1:-1, 1:-1]
        return torch.sigmoid(self.head(self.merge1(torch.cat([a, b], 1))))
