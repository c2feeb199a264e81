# SPDX-License-Identifier: Apache-2.0
"""What Pillow answers: python3 pillow.py OUT [glyphs.tar]. pillow_test.cc compares.

OUT/resize.bin: records of five int32 (height, width, channels, to height, to width), the input bytes, the result bytes.
OUT/filters.bin: likewise with the filter (0 nearest, 1 box, 2 bilinear, 3 hamming, 4 bicubic, 5 lanczos) before them.
OUT/jN.jpg with OUT/jN.rgb: int32 width, height and the bytes, exif_transpose'd and convert('RGB').
OUT/N.png with OUT/N.rgb and OUT/N.l: convert('RGB') and convert('L').
OUT/glyphs.bin: records of int32 path length, the path, int32 height, width, RGB bytes, 32x32 RGB bytes, and float32
[3,32,32] = (pixel/255 - 0.5)/0.5."""
import io, math, random, struct, sys, tarfile, warnings, zlib
from PIL import Image, ImageOps


def resize(image, w, h):
    """Width first, then height, as Image.resize does it before Pillow 13, which for tall pictures swaps the passes
    (python-pillow/Pillow#9549) and then differs by a step; existing models were trained with this order."""
    return image.resize((w, image.height), Image.BILINEAR).resize((w, h), Image.BILINEAR)


def resize_cases(out):
    rng = random.Random(1)
    with open(out + "/resize.bin", "wb") as f:
        for case in range(140):
            h, w, th, tw = (rng.choice([1, 2, 3, rng.randint(1, 40), rng.randint(1, 300)]) for _ in range(4))
            c = rng.choice([1, 3])
            if case % 10 == 0:
                th = h
            if case % 10 == 1:
                tw = w
            noise = rng.randbytes(h * w * c) if case % 3 else bytes(rng.choice([0, 255]) for _ in range(h * w * c))
            image = Image.frombytes("L" if c == 1 else "RGB", (w, h), noise)
            f.write(struct.pack("<5i", h, w, c, th, tw) + noise + resize(image, tw, th).tobytes())


def filter_cases(out):
    """Image.resize as it is, of each filter 100 odd sizes up and down, grey and colour."""
    rng = random.Random(3)
    filters = [Image.NEAREST, Image.BOX, Image.BILINEAR, Image.HAMMING, Image.BICUBIC, Image.LANCZOS]
    with open(out + "/filters.bin", "wb") as f:
        for case in range(100):
            h, w, th, tw = (2 * rng.randint(0, 110) + 1 for _ in range(4))
            c = 1 if case % 2 else 3
            noise = rng.randbytes(h * w * c) if case % 3 else bytes(rng.choice([0, 255]) for _ in range(h * w * c))
            image = Image.frombytes("L" if c == 1 else "RGB", (w, h), noise)
            for number, name in enumerate(filters):
                f.write(struct.pack("<6i", number, h, w, c, th, tw) + noise + image.resize((tw, th), name).tobytes())


def smooth(w, h, modes, rng):
    """Waves, so that a JPEG of it is small and its corners differ."""
    fx, fy = [[rng.uniform(0.05, 0.4) for _ in range(modes)] for _ in range(2)]
    return bytes(int(127 + 120 * math.sin(x * fx[k] + y * fy[k] + k)) for y in range(h) for x in range(w) for k in range(modes))


def jpeg_cases(out):
    rng, number = random.Random(4), 0
    cases = []
    for orientation in range(0, 10):
        for endian in "<>":
            exif = Image.Exif()
            exif.endian = endian
            exif[0x0112] = orientation
            exif[0x010F] = "a camera"
            w, h = rng.randint(9, 40), rng.randint(9, 40)
            mode = "RGB" if orientation % 2 else "L"
            image = Image.frombytes(mode, (w, h), smooth(w, h, len(mode), rng))
            cases.append((image, {"exif": exif.tobytes(), "quality": 90, "subsampling": 0}))
    for w, h in ((17, 13), (8, 30), (33, 32)):
        cases.append((Image.frombytes("CMYK", (w, h), smooth(w, h, 4, rng)), {"quality": 95}))
        cases.append((Image.frombytes("CMYK", (w, h), smooth(w, h, 4, rng)), {"quality": 95, "progressive": True}))
    for image, options in cases:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", **options)
        data = buffer.getvalue()
        variants = [data]
        if image.mode == "CMYK":  # Adobe's marker: transform 0 as written, 2 (YCCK), and none at all
            at = data.index(b"Adobe")
            variants.append(data[: at + 11] + bytes([2]) + data[at + 12 :])
            variants.append(data[: at - 4] + data[at + 12 :])
        for v in variants:
            with open(f"{out}/j{number}.jpg", "wb") as f:
                f.write(v)
            upright = ImageOps.exif_transpose(Image.open(io.BytesIO(v))).convert("RGB")
            with open(f"{out}/j{number}.rgb", "wb") as f:
                f.write(struct.pack("<2i", *upright.size) + upright.tobytes())
            number += 1


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(w, h, bits, colour, pixels, interlace, extra):
    """pixels(x, y) -> samples; Adam7 by hand because Pillow does not write it."""
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    raw = b""
    for x0, y0, dx, dy in passes if interlace else [(0, 0, 1, 1)]:
        if x0 >= w:
            continue
        for y in range(y0, h, dy):
            acc, n = 0, 0
            for x in range(x0, w, dx):
                for s in pixels(x, y):
                    acc, n = acc << bits | s, n + bits
            pad = -n % 8
            raw += b"\0" + (acc << pad).to_bytes((n + pad) // 8, "big")
    header = struct.pack(">IIBBBBB", w, h, bits, colour, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def png_cases(out):
    rng, number = random.Random(2), 0
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
    for colour, depths in {0: [1, 2, 4, 8], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16]}.items():
        for bits in depths:
            for interlace in (0, 1):
                for w, h in ((13, 7), (1, 1), (3, 18)):
                    extra = b""
                    if colour == 3:
                        extra = chunk(b"PLTE", rng.randbytes(3 << bits)) + (chunk(b"tRNS", rng.randbytes(2)) if w == 13 else b"")
                    if colour == 2 and w == 3:
                        extra = chunk(b"gAMA", struct.pack(">I", 100000)) + chunk(b"tRNS", b"\0\1\0\1\0\1")
                    grid = {}
                    data = png(w, h, bits, colour,
                               lambda x, y: grid.setdefault((x, y), [rng.getrandbits(bits) for _ in range(samples[colour])]),
                               interlace, extra)
                    with open(f"{out}/{number}.png", "wb") as f:
                        f.write(data)
                    for mode in ("RGB", "L"):
                        with open(f"{out}/{number}.{mode.lower()}", "wb") as f:
                            f.write(Image.open(io.BytesIO(data)).convert(mode).tobytes())
                    number += 1


def glyph_cases(out, archive):
    tar = tarfile.open(archive)
    with open(out + "/glyphs.bin", "wb") as f:
        for i, member in enumerate(m for m in tar if m.isfile()):
            if i % 7:
                continue
            image = Image.open(io.BytesIO(tar.extractfile(member).read())).convert("RGB")
            small = resize(image, 32, 32).tobytes()
            name = member.name.encode()
            f.write(struct.pack("<i", len(name)) + name + struct.pack("<2i", image.height, image.width) + image.tobytes() + small)
            f.write(struct.pack("<3072f", *((small[3 * p + c] / 255 - 0.5) / 0.5 for c in range(3) for p in range(1024))))


warnings.simplefilter("ignore")
resize_cases(sys.argv[1])
filter_cases(sys.argv[1])
jpeg_cases(sys.argv[1])
png_cases(sys.argv[1])
if len(sys.argv) > 2:
    glyph_cases(sys.argv[1], sys.argv[2])
