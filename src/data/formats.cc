// SPDX-License-Identifier: Apache-2.0
#include "data/formats.h"

#include <algorithm>
#include <cctype>

namespace hone {

namespace {
const PartFormat kFormats[] = {
    {"idx", "a pair *images-idx3-ubyte[.gz], *labels-idx1-ubyte[.gz]", idx_matches, read_idx_part,
     idx_parts},
    {"cifar", "CIFAR's data_batch_1.bin ... and test_batch.bin, or train.bin and test.bin", cifar_matches,
     read_cifar_part, cifar_parts},
    {"npy", "one .npz with arrays x and y (or, of a regression, target), or x.npy and y.npy (or x_train ..., x_test ...)", npy_matches, read_npy_part,
     npy_parts},
    {"image_folder", "one folder a class, JPEG or PNG pictures in them", image_folder_matches, read_image_folder,
     nullptr},
    {"csv", "one .csv with a header and a column `label` (or, of a regression, `target`), and numbers or a column `text`", csv_matches, read_csv_part,
     nullptr},
    {"text_folder", "one folder a class, .txt files in them, a text each", text_folder_matches, read_text_folder, nullptr},
    {"text", "one .tsv or .txt with lines `label<TAB>text`", text_matches, read_text_part, nullptr},
};
}  // namespace

std::span<const PartFormat> part_formats() { return kFormats; }

const char* role_name(Role role) {
    return role == Role::training ? "train" : role == Role::validation ? "validation" : "test";
}

std::optional<Role> role_of(std::string_view name) {
    if (name == "train" || name == "training") return Role::training;
    if (name == "validation" || name == "valid" || name == "val") return Role::validation;
    if (name == "test" || name == "testing" || name == "t10k") return Role::test;
    return std::nullopt;
}

std::string_view last_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool has_ending(std::string_view path, std::string_view ending) {
    if (path.size() < ending.size()) return false;
    const std::string_view tail = path.substr(path.size() - ending.size());
    return std::equal(tail.begin(), tail.end(), ending.begin(),
                      [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; });
}

bool is_picture_name(std::string_view path) {
    return has_ending(path, ".jpg") || has_ending(path, ".jpeg") || has_ending(path, ".png");
}

}  // namespace hone
