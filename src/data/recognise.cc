// SPDX-License-Identifier: Apache-2.0
#include "data/recognise.h"

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "data/file_tree.h"
#include "data/formats.h"
#include "data/open.h"
#include "data/tar.h"

namespace hone {

namespace {
struct Known {
    const char* name;
    const char* package;
    int64_t training;         ///< samples the training file must hold
    int64_t validation_from;  ///< from here on they are validation
};
const Known kKnown[] = {{"fashion-mnist", "dataset-fashion-mnist", 60000, 55000}};
const char* const kDebianPlace = "/usr/share/datasets";

const Known* find_known(std::string_view name) {
    for (const Known& k : kKnown)
        if (k.name == name) return &k;
    return nullptr;
}

std::vector<std::string> data_path() {
    std::vector<std::string> out;
    if (const char* given = std::getenv("HONE_DATA_PATH")) {
        std::string_view rest = given;
        while (!rest.empty()) {
            const std::string_view one = rest.substr(0, rest.find(':'));
            if (!one.empty()) out.emplace_back(one);
            rest.remove_prefix(std::min(one.size() + 1, rest.size()));
        }
    }
    out.emplace_back(kDebianPlace);
    return out;
}

std::string folder_of(const Known& k) {
    const std::vector<std::string> places = data_path();
    for (const std::string& p : places)
        if (is_directory(p + "/" + k.name)) return p + "/" + k.name;
    fail(ErrorKind::data, "data.absent", cat("the data set `", k.name, "` is in none of ", join(places, ", ")),
         cat("apt-get install ", k.package, ", or set HONE_DATA_PATH to the folder that holds ", k.name, "/."), k.name);
}

/// A folder that is a part must hold more than bare pictures: a class may be called `train` (a vehicle).
bool holds_a_part(const FileTree& tree, const std::string& prefix) {
    const Listing l = list_under(tree, prefix);
    return std::none_of(l.files.begin(), l.files.end(),
                        [&](size_t f) { return is_picture_name(tree.files()[f].path); });
}

/// Before the last four letters.
bool has_part_name(std::string_view name) { return name.size() > 4 && role_of(name.substr(0, name.size() - 4)); }

struct PartPlace {
    Role role;
    std::string prefix;  ///< of a folder
    Listing listing;
};

std::vector<PartPlace> find_parts(const FileTree& tree, const std::string& prefix, const Listing& listing) {
    std::vector<PartPlace> out;
    for (const std::string& folder : listing.folders)
        if (const auto role = role_of(folder); role && holds_a_part(tree, prefix + folder + "/"))
            out.push_back({*role, prefix + folder + "/", list_under(tree, prefix + folder + "/")});
    for (const size_t f : listing.files) {
        const std::string_view name = last_name(tree.files()[f].path);
        if (!has_ending(name, ".csv") && !has_ending(name, ".npz") && !(has_part_name(name) && is_text_part(tree, f))) continue;
        if (const auto role = role_of(name.substr(0, name.size() - 4))) out.push_back({*role, prefix, {{}, {f}}});
    }
    return out;
}

std::optional<RawPart> read_part(const FileTree& tree, const std::string& prefix, const Listing& listing) {
    for (const PartFormat& f : part_formats())
        if (f.matches(tree, prefix, listing)) return f.read(tree, prefix, listing);
    return std::nullopt;
}

[[noreturn]] void no_format(const std::string& where) {
    std::vector<std::string> known;
    for (const PartFormat& f : part_formats()) known.emplace_back(f.looks_like);
    fail(ErrorKind::data, "data.format", "no data set is recognised here",
         cat("Expected ", join(known, "; or "), "; or folders or files of these named train, validation, test."),
         where);
}

void put(RawParts& raw, Role role, RawPart part, const std::string& where) {
    auto& slot = raw.parts[static_cast<size_t>(role)];
    if (slot)
        fail(ErrorKind::data, "data.format",
             cat("two parts are the ", role_name(role), " part: ", slot->where, " and ", part.where),
             "Keep one of them.", where);
    slot = std::move(part);
}

bool read_named_parts(const FileTree& tree, const std::string& prefix, const Listing& listing, RawParts& raw) {
    for (const PartFormat& f : part_formats()) {
        std::vector<RolePart> parts;
        if (f.parts) parts = f.parts(tree, prefix, listing);
        for (RolePart& p : parts) put(raw, p.role, std::move(p.part), tree.name());
        if (!parts.empty()) return true;
    }
    return false;
}

bool recognise_under(const FileTree& tree, const std::string& prefix, RawParts& raw) {
    const Listing listing = list_under(tree, prefix);
    for (PartPlace& p : find_parts(tree, prefix, listing)) {
        std::optional<RawPart> part = read_part(tree, p.prefix, p.listing);
        if (!part) no_format(tree.name() + "/" + p.prefix);
        put(raw, p.role, std::move(*part), tree.name());
    }
    if (raw.parts[0] || raw.parts[1] || raw.parts[2]) return true;
    if (read_named_parts(tree, prefix, listing, raw)) return true;
    const bool only_roles = !listing.folders.empty() && std::all_of(listing.folders.begin(), listing.folders.end(),
                                                                    [](const std::string& f) { return role_of(f); });
    if (only_roles)
        fail(ErrorKind::data, "data.format", "the parts hold pictures without classes",
             "Put them into one folder a class: train/CAT/1.png.", tree.name());
    raw.whole = read_part(tree, prefix, listing);
    return raw.whole.has_value();
}

RawParts recognise_tree(const FileTree& tree) {
    RawParts raw;
    if (recognise_under(tree, "", raw)) return raw;
    const Listing top = list_under(tree, "");
    if (top.folders.size() == 1 && recognise_under(tree, top.folders[0] + "/", raw)) return raw;
    no_format(tree.name());
}

/// One file: an archive, a table, arrays, CIFAR's records, or samples with their labels beside them.
std::shared_ptr<FileTree> tree_of_file(const std::string& path) {
    const std::string folder = parent_directory(path), name = base_name(path);
    if (has_ending(name, ".csv") || has_ending(name, ".npz") || has_ending(name, ".tsv") || has_ending(name, ".txt"))
        return pick_files(folder, {name});
    if (has_ending(name, ".npy")) return pick_files(folder, npy_companions(name, list_directory(folder)));
    if (has_ending(name, ".bin")) return pick_files(folder, {name, "batches.meta.txt", "fine_label_names.txt"});
    if (const std::string labels = idx_labels_name(name); !labels.empty()) {
        const bool zipped = has_ending(labels, ".gz");
        return pick_files(folder, {name, labels, zipped ? labels.substr(0, labels.size() - 3) : labels + ".gz"});
    }
    const MappedFile file = load_bytes(path);
    if (is_tar(file) || has_ending(name, ".tar")) return open_tree(path);
    if (has_ending(name, ".tar.gz") || has_ending(name, ".tgz"))
        fail(ErrorKind::data, "data.format", "compressed archives are not read",
             "gunzip it first: a plain .tar is read in place.", path);
    no_format(path);
}

[[noreturn]] void absent(const std::string& spec) {
    const std::vector<std::string> near = nearest(spec, known_datasets());
    fail(ErrorKind::data, "data.absent", "no such file, folder or known data set",
         near.empty() ? cat("Known names: ", join(known_datasets(), ", "), ".")
                      : cat("Did you mean ", join(near, ", "), "?"),
         spec);
}

RawParts recognise_known(const Known& k, const std::string& folder) {
    RawParts raw = recognise_tree(*open_tree(folder));
    const auto& training = raw.parts[static_cast<size_t>(Role::training)];
    const int64_t n = training ? static_cast<int64_t>(training->labels.size()) : 0;
    if (n != k.training)
        fail(ErrorKind::data, "data.known", cat("`", k.name, "` has ", k.training, " training samples; this has ", n),
             "The files are not the known ones; give another name to the folder.", folder);
    raw.validation_from = k.validation_from;
    return raw;
}
}  // namespace

std::vector<std::string> known_datasets() {
    std::vector<std::string> out;
    for (const Known& k : kKnown) out.emplace_back(k.name);
    return out;
}

RawParts recognise(const std::string& spec) {
    if (const Known* k = find_known(spec)) return recognise_known(*k, folder_of(*k));
    if (!file_exists(spec)) absent(spec);
    if (!is_directory(spec)) return recognise_tree(*tree_of_file(spec));
    // The known files given by their folder keep their known parts.
    std::string folder = spec;
    while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
    if (const Known* k = find_known(base_name(folder))) return recognise_known(*k, folder);
    return recognise_tree(*open_tree(folder));
}

}  // namespace hone
