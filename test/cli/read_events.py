# SPDX-License-Identifier: Apache-2.0
"""What TensorBoard reads in a folder of event files: python3 read_events.py FOLDER prints
{"scalars": [{"tag", "steps", "values"}], "histograms": [{"tag", "steps", "min", "max", "num", "sum", "buckets"}],
"images": [{"tag", "width", "height", "pixels"}]}; of histograms the last step's. train_log_test.cc compares."""
import io, json, sys
from PIL import Image
from tensorboard.backend.event_processing import event_accumulator

events = event_accumulator.EventAccumulator(sys.argv[1], size_guidance={k: 0 for k in ("scalars", "histograms", "images", "tensors")})
events.Reload()
out = {"scalars": [], "histograms": [], "images": []}
for tag in events.Tags()["scalars"]:
    points = events.Scalars(tag)
    out["scalars"].append({"tag": tag, "steps": [p.step for p in points], "values": [p.value for p in points]})
for tag in events.Tags()["histograms"]:
    points = events.Histograms(tag)
    h = points[-1].histogram_value
    out["histograms"].append({"tag": tag, "steps": [p.step for p in points], "min": h.min, "max": h.max, "num": h.num, "sum": h.sum,
                              "limits": list(h.bucket_limit), "buckets": list(h.bucket)})
for tag in events.Tags()["images"]:
    for p in events.Images(tag):
        picture = Image.open(io.BytesIO(p.encoded_image_string))
        out["images"].append({"tag": tag, "step": p.step, "width": p.width, "height": p.height, "pixels": picture.tobytes().hex()})
json.dump(out, sys.stdout)
