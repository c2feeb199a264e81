// SPDX-License-Identifier: Apache-2.0
#include "data/open.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/limits.h"
#include "data/formats.h"
#include "data/parts.h"
#include "data/pixels.h"
#include "data/recognise.h"
#include "data/sample.h"
#include "data/split.h"

namespace hone {

namespace {
std::vector<RawPart*> all_parts(RawParts& raw) {
    std::vector<RawPart*> out;
    for (auto& p : raw.parts)
        if (p) out.push_back(&*p);
    if (raw.whole) out.push_back(&*raw.whole);
    return out;
}

// ---- classes

[[noreturn]] void class_mismatch(const RawPart& part, const std::string& name, const std::vector<std::string>& names,
                                 bool of_model) {
    const std::vector<std::string> near = nearest(name, names);
    fail(ErrorKind::data, "data.classes",
         cat("class `", name, "` is not among the ", names.size(), " classes of the ",
             of_model ? "model" : "training part"),
         near.empty()
             ? cat("They begin ",
                   join({names.begin(), names.begin() + std::min<long>(5, static_cast<long>(names.size()))}, ", "), ".")
             : cat("Nearest: ", join(near, ", "), "."),
         part.where);
}

/// Rewrites the part's labels so that they number `names`.
void renumber(RawPart& part, const std::vector<std::string>& names, bool of_model) {
    if (part.names == names) return;
    if (part.numbered && of_model && part.names.size() <= names.size() &&
        part.names.back() != names[part.names.size() - 1]) {
        part.names = names;  // bare numbers stand for the model's classes in their order
        return;
    }
    std::unordered_map<std::string, int> number;
    for (size_t i = 0; i < names.size(); ++i) number[names[i]] = static_cast<int>(i);
    std::vector<int> to;
    for (const std::string& n : part.names) {
        const auto found = number.find(n);
        if (found == number.end()) class_mismatch(part, n, names, of_model);
        to.push_back(found->second);
    }
    for (int& label : part.labels) label = to[static_cast<size_t>(label)];
    part.names = names;
}

std::vector<std::string> agree_on_classes(const std::vector<RawPart*>& parts, const std::vector<std::string>& model) {
    const std::vector<std::string> names = model.empty() ? parts.front()->names : model;
    for (RawPart* p : parts) renumber(*p, names, !model.empty());
    return names;
}

/// A label like 0.5 in one part makes numbers of all: whole ones elsewhere are targets too.
void agree_on_targets(const std::vector<RawPart*>& parts) {
    const auto regression = std::find_if(parts.begin(), parts.end(), [](const RawPart* p) { return p->targets.defined(); });
    if (regression == parts.end()) return;
    for (RawPart* p : parts) {
        if (!p->targets.defined() && !classes_to_targets(*p))
            fail(ErrorKind::data, "data.targets", cat("classes here, numbers to predict in ", (*regression)->where), {},
                 p->where);
        if (p->targets.dim(1) != (*regression)->targets.dim(1))
            fail(ErrorKind::data, "data.targets",
                 cat(p->targets.dim(1), " targets a sample; ", (*regression)->targets.dim(1), " in ", (*regression)->where),
                 {}, p->where);
    }
}

// ---- shapes

void agree_on_kind(const std::vector<RawPart*>& parts) {
    const RawPart& first = *parts.front();
    for (const RawPart* p : parts) {
        if (p->kind != first.kind)
            fail(ErrorKind::data, "data.format", cat("pictures, tables or texts mixed: ", first.where, " and ", p->where));
        if (p->kind != DataKind::table) continue;
        const auto missing =
            std::mismatch(first.columns.begin(), first.columns.end(), p->columns.begin(), p->columns.end());
        const bool same_rows = std::equal(first.rows.dims().begin() + 1, first.rows.dims().end(),
                                          p->rows.dims().begin() + 1, p->rows.dims().end());
        if (missing.first != first.columns.end() || missing.second != p->columns.end() || !same_rows)
            fail(ErrorKind::data, "data.columns",
                 cat("the columns differ from those of ", first.where, ": ", p->columns.size(), " and ",
                     first.columns.size(),
                     missing.first != first.columns.end() ? cat("; `", *missing.first, "` is missing or elsewhere")
                                                          : ""),
                 "Parts need the same columns in the same order.", p->where);
    }
}

/// What the headers of all pictures say.
struct PictureSurvey {
    ImageInfo first;
    bool same_size = true, colour = false;
    std::string other;  ///< a picture of another size
};

void survey(const ImageSource& images, PictureSurvey& s) {
    const int64_t n = images.uniform() ? std::min<int64_t>(images.size(), 1) : images.size();
    for (int64_t i = 0; i < n; ++i) {
        check_interrupt();
        const ImageInfo info = images.info(i);
        if (s.first.width == 0) s.first = info;
        s.colour |= info.channels == 3;
        if (info.width == s.first.width && info.height == s.first.height) continue;
        s.same_size = false;
        s.other = images.where(i);
    }
}

ImageSize size_of(const ImageInfo& i) { return {i.height, i.width}; }

/// Size and channels of the result, decided from flags, the model and, where these leave it open, the pictures.
Preprocess resolve_pictures(const std::vector<RawPart*>& parts, const DataOptions& o, DataParts& out,
                            ImageSize& source) {
    PreprocessOptions p = o.preprocess;
    int channels = o.channels == 1 || o.channels == 3 ? o.channels : p.channels.value_or(0);
    const ImageSize model{o.height, o.width};
    PictureSurvey s;
    if (channels == 0 || (!p.resize && !p.crop))
        for (const RawPart* part : parts) survey(*part->images, s);
    if (channels == 0) channels = s.colour ? 3 : 1;
    if (!p.resize && !p.crop) {
        if (follow_model_size(p, model, s.same_size, size_of(s.first))) {
            out.notes.push_back(cat("pictures are resized to ", to_text(model), ", the model's input"));
        } else if (!s.same_size) {
            fail(ErrorKind::data, "data.image.size",
                 cat("the pictures differ in size: the first is ", to_text(size_of(s.first))), "Give --resize HxW.",
                 s.other);
        }
        source = size_of(s.first);
    }
    return resolve(p, DataKind::image, channels);
}

/// Arrays [N,H,W] of a model that takes [N,1,H,W].
void add_channel(RawPart& p, const DataOptions& o) {
    if (p.kind != DataKind::table || p.rows.rank() != 3 || o.channels != 1) return;
    const Dims d = p.rows.dims();
    if (d[1] == o.height && d[2] == o.width) p.rows = p.rows.reshaped({d[0], 1, d[1], d[2]});
}

Preprocess resolve_rows(const RawPart& part, const DataOptions& o) {
    if (part.kind == DataKind::text) return resolve(o.preprocess, DataKind::text, 0);
    Preprocess p =
        resolve(o.preprocess, DataKind::table, static_cast<int>(std::min<int64_t>(part.rows.dim(1), 1 << 30)));
    return p;
}

// ---- roles

std::vector<int64_t> range(int64_t begin, int64_t end) {
    std::vector<int64_t> v(static_cast<size_t>(std::max<int64_t>(end - begin, 0)));
    std::iota(v.begin(), v.end(), begin);
    return v;
}

/// What a training part gives to the parts that are missing.
Split split_missing(const std::vector<int>& labels, size_t classes, bool has_validation, bool has_test, const DataOptions& o) {
    const SplitShares s = o.split.value_or(SplitShares());
    return split_stratified(labels, classes, has_validation ? 0 : s.validation, has_test ? 0 : s.test, o.seed);
}

/// The texts that stay for training: no others make the vocabulary.
std::vector<std::string_view> training_texts(const RawParts& raw, size_t classes, const DataOptions& o) {
    const std::optional<RawPart>& given = raw.whole ? raw.whole : raw.parts[static_cast<size_t>(Role::training)];
    const bool has_validation = raw.parts[static_cast<size_t>(Role::validation)].has_value();
    const bool has_test = raw.parts[static_cast<size_t>(Role::test)].has_value();
    std::vector<std::string_view> out;
    if (!given) return out;
    for (const int64_t i : split_missing(given->labels, classes, has_validation, has_test, o).training)
        out.emplace_back(given->texts[static_cast<size_t>(i)]);
    return out;
}

/// Under options that say how: as the model that carries `made_split` learnt from these very samples, or as asked.
DataOptions split_options(DataParts& out, DataOptions o) {
    const MadeSplit made = o.made_split.value_or(MadeSplit());
    if (o.made_split && made.of == out.training->hash()) {
        const auto other = [&](const SplitShares& s) { return std::abs(s.validation - made.shares.validation) > 1e-9 || std::abs(s.test - made.shares.test) > 1e-9; };
        if (!o.split || !other(*o.split)) {
            o.split = made.shares, o.seed = made.seed;
            out.split_as_made = true;
            out.notes.push_back("the parts are those of the model's training");
        } else {
            out.notes.push_back("this is another split than that of the model's training: it has learnt from samples of the other parts, and figures on them are too good");
        }
    }
    out.split_from = out.training;
    out.split = {o.split.value_or(SplitShares()), o.seed, ""};
    return o;
}

void split_training(DataParts& out, const DataOptions& asked) {
    if (!out.training || (out.validation && out.test)) {
        if (asked.split) out.notes.push_back("the data set has its own parts: they stay as they are, nothing is split");
        return;
    }
    const DataOptions o = split_options(out, asked);
    const DatasetPtr all = out.training;
    const bool no_parts = !out.validation && !out.test;
    const Split s =
        split_missing(all->labels(), all->class_names().size(), out.validation != nullptr, out.test != nullptr, o);
    out.training = subset(all, s.training, cat(out.name, " train"));
    const auto size = [](const DatasetPtr& part) { return part ? part->size() : 0; };
    const auto take = [&](DatasetPtr& part, double share, const std::vector<int64_t>& indices, const char* role) {
        if (part || share == 0) return;
        if (indices.empty())
            out.notes.push_back(cat("too few samples for a ", role, " part: there is none"));
        else
            part = subset(all, indices, cat(out.name, " ", role));
    };
    const SplitShares& shares = out.split.shares;
    take(out.validation, shares.validation, s.validation, "validation");
    take(out.test, shares.test, s.test, "test");
    const std::string sizes = cat(out.training->size(), "/", size(out.validation), "/", size(out.test));
    if (no_parts)
        out.notes.push_back(
            cat("no parts: split into training/validation/test ", sizes, " (stratified, seed ", o.seed, ")"));
    else
        out.notes.push_back(cat("parts are missing; taken from training (stratified, seed ", o.seed, "): now ", sizes));
}

class Builder {
  public:
    Builder(const DataOptions& o, DataParts& out) : o_(o), out_(out) {}
    void build(RawParts& raw) {
        const std::vector<RawPart*> parts = all_parts(raw);
        agree_on_kind(parts);
        out_.kind = parts.front()->kind;
        agree_on_targets(parts);
        const bool regression = parts.front()->targets.defined();
        out_.class_names = agree_on_classes(parts, regression ? std::vector<std::string>() : o_.class_names);
        for (RawPart* p : parts) add_channel(*p, o_);
        out_.preprocess = out_.kind == DataKind::image ? resolve_pictures(parts, o_, out_, source_)
                                                       : resolve_rows(*parts.front(), o_);
        for (RawPart* p : parts) out_.notes.insert(out_.notes.end(), p->notes.begin(), p->notes.end());
    }
    /// Fills the parts.
    void assign(RawParts& raw) {
        if (out_.kind == DataKind::text) make_encoder(training_texts(raw, out_.class_names.size(), o_));
        assign(raw, all_parts(raw).size() == 1);
    }
    void assign_whole(RawParts& raw) {
        if (out_.kind == DataKind::text) make_encoder({});
        out_.whole = make(*raw.whole, "");
    }

  private:
    void make_encoder(const std::vector<std::string_view>& training) {
        if (training.empty() && !o_.text.stored)
            fail(ErrorKind::data, "data.text.vocabulary", "no training part here to make a vocabulary of",
                 "Give the model that carries one, or data with a training part.", out_.name);
        out_.encoder = std::make_shared<const TextEncoder>(make_text_encoder(training, o_.text));
        const TextEncoder& e = *out_.encoder;
        out_.notes.push_back(cat("vocabulary of ", e.vocabulary.size(), " ", to_text(e.unit), "s ",
                                 o_.text.stored ? std::string("of the model") : cat("from ", training.size(), " training texts"), "; length ", e.length));
    }
    DatasetPtr make(RawPart& part, const std::string& role) const {
        Labelled l{cat(out_.name, role), out_.class_names, std::move(part.labels), std::move(part.targets)};
        if (part.kind == DataKind::text) return make_text_dataset(std::move(l), std::move(part.texts), out_.encoder, part.where);
        if (part.kind == DataKind::table)
            return make_row_dataset(std::move(l), std::move(part.rows), out_.preprocess, part.where);
        const size_t cache = o_.cache_bytes ? o_.cache_bytes : limits().memory_bytes / 8;
        return make_pixel_dataset(std::move(l), part.images, out_.preprocess, source_, cache);
    }
    void assign(RawParts& raw, bool single) {
        std::array<DatasetPtr, 3> made;
        for (size_t r = 0; r < 3; ++r)
            if (raw.parts[r]) made[r] = make(*raw.parts[r], cat(" ", role_name(static_cast<Role>(r))));
        if (raw.whole) made[0] = make(*raw.whole, "");
        if (single) out_.whole = made[0] ? made[0] : made[1] ? made[1] : made[2];
        out_.gave_training = made[0] && !raw.whole;
        out_.gave_validation = made[1] != nullptr;
        out_.gave_test = made[2] != nullptr;
        out_.training = made[0];
        out_.validation = made[1];
        out_.test = made[2];
        if (raw.validation_from > 0 && !out_.validation) {
            const int64_t from = raw.validation_from, n = made[0]->size();
            out_.training = subset(made[0], range(0, from), cat(out_.name, " train"));
            out_.validation = subset(made[0], range(from, n), cat(out_.name, " validation"));
            out_.gave_validation = true;
        }
        split_training(out_, o_);
    }
    const DataOptions& o_;
    DataParts& out_;
    ImageSize source_;
};
}  // namespace

DataParts open_data(const std::string& spec, const DataOptions& options) {
    RawParts raw = recognise(spec);
    DataParts out;
    out.name = spec;
    Builder builder(options, out);
    builder.build(raw);
    builder.assign(raw);
    return out;
}

DataParts open_samples(RawPart part, const std::string& name, const DataOptions& options) {
    RawParts raw;
    raw.whole = std::move(part);
    DataParts out;
    out.name = name;
    Builder builder(options, out);
    builder.build(raw);
    builder.assign_whole(raw);
    return out;
}

Tensor load_picture(const std::string& path, const Preprocess& preprocess, int channels) {
    const MappedFile file = load_bytes(path);
    Image image = decode_image(reinterpret_cast<const uint8_t*>(file.data), file.size, path);
    Preprocess p = preprocess;
    if (channels == 1 || channels == 3) p.channels = channels;
    if (p.channels == 0) p.channels = image.channels;
    check(p, p.channels);
    const PixelPipeline pipeline(p, {image.height, image.width});
    std::vector<uint8_t> planar(pipeline.count());
    pipeline.prepare(std::move(image), planar.data(), path);
    Dims dims = pipeline.dims();
    dims.insert(dims.begin(), 1);
    Tensor t = Tensor::zeros(DType::f32, std::move(dims));
    pipeline.normalise(planar.data(), t.data<float>());
    return t;
}

}  // namespace hone
