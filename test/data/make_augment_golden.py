# SPDX-License-Identifier: Apache-2.0
"""What Pillow makes of a picture drawn here, for augment_golden_test.cc: python3 test/data/make_augment_golden.py.

Run by hand, with a Python that has Pillow (.venv/peers/bin/python), and only when a case is added; the results are
committed in test/data/golden: colour.png and grey.png, and of each OPERATION_VALUE.png what it makes of them."""
import os, random
from PIL import Image, ImageDraw, ImageEnhance, ImageOps
import io

W, H = 29, 23
OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")


def draw():
    """A gradient, a disc, a bar and a line, with a little noise: every channel and corner differs."""
    rng = random.Random(7)
    image = Image.new("RGB", (W, H))
    image.putdata([(8 * x, 11 * y, 255 - 4 * x - 5 * y) for y in range(H) for x in range(W)])
    pen = ImageDraw.Draw(image)
    pen.ellipse((3, 2, 14, 13), fill=(230, 40, 60))
    pen.rectangle((17, 9, 24, 20), fill=(30, 200, 120), outline=(255, 255, 255))
    pen.line((0, H - 1, W - 1, 0), fill=(0, 0, 0))
    image.putdata([tuple(min(255, max(0, v + rng.randint(-6, 6))) for v in p) for p in image.getdata()])
    return image


def affine(image, m):
    return image.transform(image.size, Image.Transform.AFFINE, m, Image.Resampling.BILINEAR, fillcolor=0)


def scaled(image, s):
    cx, cy = W / 2, H / 2
    return affine(image, (1 / s, 0, cx - 1 / s * cx, 0, 1 / s, cy - 1 / s * cy))


def compressed(image, quality):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(io.BytesIO(file.getvalue())).copy()


def cases(image):
    yield "flip_horizontal", image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    yield "flip_vertical", image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    for degrees in (10, -33.5, 90, 180, 271.25):
        yield f"rotate_{degrees}", image.rotate(degrees, Image.Resampling.BILINEAR)
    for factor in (0.8, 1.3):
        yield f"scale_{factor}", scaled(image, factor)
    for x, y in ((3, -2), (-5, 4)):
        yield f"shift_{x}_{y}", image.transform(image.size, Image.Transform.AFFINE, (1, 0, -x, 0, 1, -y), Image.Resampling.NEAREST, fillcolor=0)
    yield "affine_shear", affine(image, (1.05, 0.2, -3.25, -0.1, 0.93, 2.5))
    yield "crop_4_7_1", ImageOps.expand(image, 4, 0).crop((1, 7, 1 + W, 7 + H))
    yield "resized_crop_3_5_14_11", image.crop((5, 3, 5 + 11, 3 + 14)).resize((W, image.crop((5, 3, 16, 17)).height), Image.Resampling.BILINEAR).resize((W, H), Image.Resampling.BILINEAR)
    for quality in (10, 50, 95):
        yield f"jpeg_{quality}", compressed(image, quality)
    for name, kind in (("sharpness", ImageEnhance.Sharpness), ("saturation", ImageEnhance.Color),
                       ("brightness", ImageEnhance.Brightness), ("contrast", ImageEnhance.Contrast)):
        for factor in (0.3, 1.7):
            yield f"{name}_{factor}", kind(image).enhance(factor)


def main():
    os.makedirs(OUT, exist_ok=True)
    colour = draw()
    for ground, image in (("colour", colour), ("grey", colour.convert("L"))):
        image.save(f"{OUT}/{ground}.png", optimize=True)
        for name, result in cases(image):
            assert result.size == (W, H) and result.mode == image.mode, name
            result.save(f"{OUT}/{ground}_{name}.png", optimize=True)


main()
