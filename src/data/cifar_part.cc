// SPDX-License-Identifier: Apache-2.0
// CIFAR's binary files as parts: data_batch_1.bin ... and test_batch.bin of CIFAR-10, train.bin and test.bin of
// CIFAR-100, with the class names of batches.meta.txt or fine_label_names.txt where they lie beside.
#include <algorithm>
#include <set>

#include "base/error.h"
#include "data/cifar.h"
#include "data/formats.h"
#include "data/hash.h"
#include "data/text_lines.h"

namespace hone {

namespace {
struct CifarName {
    Role role;
    int classes;
};

std::optional<CifarName> read_name(std::string_view name) {
    if (!has_ending(name, ".bin")) return std::nullopt;
    if (name.starts_with("data_batch")) return CifarName{Role::training, 10};
    if (name.starts_with("test_batch")) return CifarName{Role::test, 10};
    if (name == "train.bin") return CifarName{Role::training, 100};
    if (name == "test.bin") return CifarName{Role::test, 100};
    return std::nullopt;
}

class CifarImages : public ImageSource {
  public:
    void add(CifarFile file, const std::string& where) {
        for (size_t i = 0; i < file.labels.size(); ++i) places_.push_back({files_.size(), i});
        files_.push_back(std::move(file));
        names_.push_back(where);
    }
    int64_t size() const override { return static_cast<int64_t>(places_.size()); }
    ImageInfo info(int64_t) const override { return {kCifarSide, kCifarSide, 3}; }
    bool uniform() const override { return true; }
    const uint8_t* planar(int64_t i) const override {
        const auto& [file, record] = places_[static_cast<size_t>(i)];
        return files_[file].pixels(record);
    }
    Image decode(int64_t i) const override { return image_of_planes(planar(i), info(i)); }
    std::string where(int64_t i) const override {
        const auto& [file, record] = places_[static_cast<size_t>(i)];
        return cat(names_[file], ", record ", record);
    }
    uint64_t content(int64_t i) const override {
        Hasher h;
        h.add(planar(i), kCifarPixels);
        return h.value();
    }

  private:
    std::vector<CifarFile> files_;
    std::vector<std::string> names_;
    std::vector<std::pair<size_t, size_t>> places_;
};

/// Lines of the file of names; empty where there is none or it does not name each class once.
std::vector<std::string> class_names(const FileTree& tree, const Listing& listing, int classes) {
    std::vector<std::string> names;
    for (const size_t f : listing.files) {
        if (last_name(tree.files()[f].path) != (classes == 10 ? "batches.meta.txt" : "fine_label_names.txt")) continue;
        const MappedFile file = tree.read(f);
        const std::string where = tree.where(f);
        TextLines lines(file.text(), where);
        for (std::string_view line; names.size() <= static_cast<size_t>(classes) && lines.next(line);) {
            line = line.substr(0, line.find_last_not_of(' ') + 1);
            if (!line.empty()) names.emplace_back(line);
        }
    }
    const bool fits = names.size() == static_cast<size_t>(classes) &&
                      std::set<std::string>(names.begin(), names.end()).size() == names.size();
    return fits ? names : std::vector<std::string>();
}

RawPart read_files(const FileTree& tree, const Listing& listing, const std::vector<size_t>& files, int classes) {
    RawPart part;
    part.where = tree.where(files[0]);
    auto images = std::make_shared<CifarImages>();
    for (const size_t f : files) {
        CifarFile file = read_cifar(tree.read(f), classes, tree.where(f));
        part.labels.insert(part.labels.end(), file.labels.begin(), file.labels.end());
        images->add(std::move(file), tree.where(f));
    }
    part.images = std::move(images);
    part.names = class_names(tree, listing, classes);
    part.numbered = part.names.empty();
    if (part.numbered)
        for (int c = 0; c < classes; ++c) part.names.push_back(cat(c));
    return part;
}
}  // namespace

std::vector<RolePart> cifar_parts(const FileTree& tree, const std::string&, const Listing& listing) {
    std::vector<RolePart> out;
    for (const Role role : {Role::training, Role::test})
        for (const int classes : {10, 100}) {
            std::vector<size_t> files;
            for (const size_t f : listing.files)
                if (const auto n = read_name(last_name(tree.files()[f].path)); n && n->role == role && n->classes == classes)
                    files.push_back(f);
            if (!files.empty()) out.push_back({role, read_files(tree, listing, files, classes)});
        }
    return out;
}

bool cifar_matches(const FileTree& tree, const std::string& prefix, const Listing& listing) {
    (void)prefix;
    return std::any_of(listing.files.begin(), listing.files.end(),
                       [&](size_t f) { return read_name(last_name(tree.files()[f].path)).has_value(); });
}

RawPart read_cifar_part(const FileTree& tree, const std::string& prefix, const Listing& listing) {
    std::vector<RolePart> parts = cifar_parts(tree, prefix, listing);
    if (parts.size() != 1)
        fail(ErrorKind::data, "data.format", "CIFAR's training and test files in one part",
             "Give the folder that holds them all.", tree.name() + "/" + prefix);
    return std::move(parts[0].part);
}

}  // namespace hone
