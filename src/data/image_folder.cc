// SPDX-License-Identifier: Apache-2.0
// A folder (or a folder in an archive) with one folder a class and pictures in them.
#include <algorithm>

#include "base/error.h"
#include "data/formats.h"
#include "data/hash.h"

namespace hone {

namespace {
/// Pictures as files of a tree. Keeps only what reading needs.
class FileImages : public ImageSource {
  public:
    FileImages(std::shared_ptr<const FileTree> tree, std::vector<size_t> files)
        : tree_(std::move(tree)), files_(std::move(files)) {}
    int64_t size() const override { return static_cast<int64_t>(files_.size()); }
    ImageInfo info(int64_t i) const override {
        const MappedFile m = tree_->read(file(i));
        return image_info(bytes(m), m.size, where(i));
    }
    Image decode(int64_t i) const override {
        const MappedFile m = tree_->read(file(i));
        return decode_image(bytes(m), m.size, where(i));
    }
    std::string where(int64_t i) const override { return tree_->where(file(i)); }
    /// Of the file's bytes alone: a copy under another name is the same.
    uint64_t content(int64_t i) const override {
        const MappedFile m = tree_->read(file(i));
        Hasher h;
        h.add(bytes(m), m.size);
        return h.value();
    }

  private:
    static const uint8_t* bytes(const MappedFile& m) { return reinterpret_cast<const uint8_t*>(m.data); }
    size_t file(int64_t i) const { return files_[static_cast<size_t>(i)]; }
    std::shared_ptr<const FileTree> tree_;
    std::vector<size_t> files_;
};

bool any_picture(const FileTree& tree, const std::vector<size_t>& files) {
    return std::any_of(files.begin(), files.end(), [&](size_t f) { return is_picture_name(tree.files()[f].path); });
}
}  // namespace

bool image_folder_matches(const FileTree& tree, const std::string& prefix, const Listing& listing) {
    return std::any_of(listing.folders.begin(), listing.folders.end(), [&](const std::string& folder) {
        return any_picture(tree, list_under(tree, prefix + folder + "/").files);
    });
}

RawPart read_image_folder(const FileTree& tree, const std::string& prefix, const Listing& listing) {
    RawPart part;
    part.where = prefix.empty() ? tree.name() : tree.name() + "/" + prefix.substr(0, prefix.size() - 1);
    std::vector<size_t> files;
    std::vector<std::string> labels;
    size_t left_out = listing.files.size();
    for (const std::string& folder : listing.folders)
        for (const size_t f : list_under(tree, prefix + folder + "/").files) {
            if (!is_picture_name(tree.files()[f].path)) {
                ++left_out;
                continue;
            }
            files.push_back(f);
            labels.push_back(folder);
        }
    if (left_out) part.notes.push_back(cat(part.where, ": ", left_out, " files that are no JPEG or PNG are left out"));
    set_labels(part, labels);
    part.images = std::make_shared<FileImages>(tree.shared_from_this(), std::move(files));
    return part;
}

}  // namespace hone
