// SPDX-License-Identifier: Apache-2.0
// NumPy's files as parts: a pair of .npy files, or the arrays of one .npz; `x` and `y`, or other usual names, alone or
// with the name of a part (x_train, train_images). Numbers called `target` or `targets` are to be predicted, as a table's.
#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "data/array_part.h"
#include "data/formats.h"
#include "data/npy.h"
#include "data/zip.h"

namespace hone {

namespace {
const char* const kSamples[] = {"x", "data", "images", "inputs", "features", "samples"};
const char* const kAnswers[] = {"y", "labels", "label", "targets", "target", "classes"};

struct ArrayName {
    std::optional<Role> role;
    bool samples = false, answers = false, target = false;
};

/// "X_train" -> samples of the training part; neither samples nor answers for other names.
ArrayName read_name(std::string_view name) {
    std::vector<std::string> words(1);
    for (const char c : name) {
        if (c == '_' || c == '-' || c == '.')
            words.emplace_back();
        else
            words.back() += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    ArrayName out;
    if (words.size() > 2) return out;
    for (size_t i = 0; i < words.size(); ++i)
        if (const auto role = role_of(words[i]); role && words.size() == 2) {
            out.role = role;
            words.erase(words.begin() + static_cast<long>(i));
            break;
        }
    if (words.size() != 1) return out;
    out.samples = std::find(std::begin(kSamples), std::end(kSamples), words[0]) != std::end(kSamples);
    out.answers = std::find(std::begin(kAnswers), std::end(kAnswers), words[0]) != std::end(kAnswers);
    out.target = words[0] == "target" || words[0] == "targets";
    return out;
}

struct ArrayPair {
    std::optional<Role> role;
    size_t samples, answers;
};

/// Pairs among `names`; each of them an index into it. Throws data.absent where one of a pair is missing.
std::vector<ArrayPair> find_pairs(const std::vector<std::string>& names, const std::string& where) {
    std::vector<ArrayPair> pairs;
    for (size_t i = 0; i < names.size(); ++i) {
        const ArrayName x = read_name(names[i]);
        if (!x.samples) continue;
        std::vector<size_t> answers;
        for (size_t k = 0; k < names.size(); ++k)
            if (const ArrayName y = read_name(names[k]); y.answers && y.role == x.role) answers.push_back(k);
        if (answers.empty())
            fail(ErrorKind::data, "data.absent", cat("the labels of `", names[i], "` are missing"),
                 "Name the samples x and the labels y, or x_train and y_train.", where);
        const bool again = std::any_of(pairs.begin(), pairs.end(), [&](const ArrayPair& p) { return p.role == x.role; });
        if (again || answers.size() > 1)
            fail(ErrorKind::data, "data.format", cat("more than one pair of arrays for one part: ", join(names, ", ")),
                 "Keep one of samples and one of labels.", where);
        pairs.push_back({x.role, i, answers[0]});
    }
    return pairs;
}

/// Named arrays of a listing's .npy files, or of its one .npz.
class Arrays {
  public:
    Arrays(const FileTree& tree, const Listing& listing) : tree_(tree) {
        for (const size_t f : listing.files) {
            const std::string name(last_name(tree.files()[f].path));
            if (has_ending(name, ".npz")) zips_.push_back(f);
            if (!has_ending(name, ".npy")) continue;
            names_.push_back(name.substr(0, name.size() - 4));
            files_.push_back(f);
        }
        where_ = tree.name();
        if (files_.empty() && zips_.size() == 1) open_zip();
    }
    const std::string& where() const { return where_; }
    bool zipped() const { return !entries_.empty(); }
    std::vector<ArrayPair> pairs() const { return find_pairs(names_, where_); }
    /// Of an archive that has none.
    std::string listed() const { return join(names_, ", "); }
    RawPart read(const ArrayPair& p) const {
        NamedArray answers = array(p.answers);
        answers.target = read_name(names_[p.answers]).target;
        return part_of_arrays(array(p.samples), answers, "npy");
    }

  private:
    void open_zip() {
        where_ = tree_.where(zips_[0]);
        zip_ = tree_.read(zips_[0]);
        for (ZipEntry& e : read_zip_index(bytes(zip_), zip_.size, where_)) {
            if (!has_ending(e.name, ".npy")) continue;
            names_.push_back(e.name.substr(0, e.name.size() - 4));
            entries_.push_back(std::move(e));
        }
    }
    static const uint8_t* bytes(const MappedFile& m) { return reinterpret_cast<const uint8_t*>(m.data); }
    NamedArray array(size_t i) const {
        if (zipped()) {
            const std::string where = cat(where_, ":", entries_[i].name);
            ZipReader in(bytes(zip_), zip_.size, entries_[i], where);
            return {read_npy(in, where), where};
        }
        const MappedFile file = tree_.read(files_[i]);
        MemorySource in(bytes(file), file.size);
        return {read_npy(in, tree_.where(files_[i])), tree_.where(files_[i])};
    }

    const FileTree& tree_;
    std::string where_;
    std::vector<std::string> names_;
    std::vector<size_t> files_, zips_;
    MappedFile zip_;
    std::vector<ZipEntry> entries_;
};
}  // namespace

bool npy_matches(const FileTree& tree, const std::string&, const Listing& listing) {
    size_t zips = 0, samples = 0;
    for (const size_t f : listing.files) {
        const std::string_view name = last_name(tree.files()[f].path);
        zips += has_ending(name, ".npz");
        samples += has_ending(name, ".npy") && read_name(name.substr(0, name.size() - 4)).samples;
    }
    return samples > 0 || zips == 1;
}

RawPart read_npy_part(const FileTree& tree, const std::string&, const Listing& listing) {
    const Arrays arrays(tree, listing);
    const std::vector<ArrayPair> pairs = arrays.pairs();
    if (pairs.size() != 1)
        fail(ErrorKind::data, "data.format",
             cat("no arrays `x` and `y`", arrays.listed().empty() ? "" : cat(" among ", arrays.listed().substr(0, 200))),
             "Save them as np.savez(file, x=samples, y=labels), or target=numbers of a regression.", arrays.where());
    return arrays.read(pairs[0]);
}

std::vector<RolePart> npy_parts(const FileTree& tree, const std::string& prefix, const Listing& listing) {
    std::vector<RolePart> out;
    if (!npy_matches(tree, prefix, listing)) return out;
    const Arrays arrays(tree, listing);
    const std::vector<ArrayPair> pairs = arrays.pairs();
    if (std::any_of(pairs.begin(), pairs.end(), [](const ArrayPair& p) { return !p.role; })) return out;
    for (const ArrayPair& p : pairs) out.push_back({*p.role, arrays.read(p)});
    return out;
}

std::vector<std::string> npy_companions(const std::string& name, const std::vector<std::string>& beside) {
    std::vector<std::string> out{name};
    const ArrayName x = read_name(std::string_view(name).substr(0, name.size() - 4));
    for (const std::string& other : beside) {
        if (other == name || !has_ending(other, ".npy")) continue;
        const ArrayName y = read_name(std::string_view(other).substr(0, other.size() - 4));
        if (x.samples && y.answers && y.role == x.role) out.push_back(other);
    }
    return out;
}

}  // namespace hone
