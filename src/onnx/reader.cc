// SPDX-License-Identifier: Apache-2.0
#include "onnx/reader.h"

#include <filesystem>
#include <new>
#include <set>

#include "base/file.h"
#include "base/limits.h"
#include "onnx/build.h"
#include "onnx/sniff.h"
#include "onnx/tensor.h"
#include "onnx/wire.h"

namespace hone {
namespace {

/// Runs `read` and sees to it that every error names the file.
template <class F>
auto naming(const std::string& name, F read) {
    try {
        return read();
    } catch (const Error& e) {
        if (e.where.find(name) != std::string::npos) throw;
        fail(e.kind, e.id, e.message, e.hint, e.where.empty() ? name : cat(name, ", ", e.where));
    } catch (const std::bad_alloc&) {
        fail(ErrorKind::budget, "memory.out", "out of memory", "", name);
    }
}

void check_size(size_t size, const std::string& name) {
    if (size > limits().model_bytes)
        fail(ErrorKind::model, "model.too_large",
             cat("the file has ", static_cast<unsigned long>(size), " bytes; an ONNX file holds at most ",
                 static_cast<unsigned long>(limits().model_bytes)),
             "Keep large weights in side files (external data).", name);
}

wire::Skeleton walk(std::string_view bytes, const std::string& name) {
    check_size(bytes.size(), name);
    refuse_other_formats(bytes, name);
    return wire::walk_model(bytes, name);
}

Graph read(std::string_view bytes, ModelSource source) { return build_graph(walk(bytes, source.name), source); }

}  // namespace

Graph read_model(const std::string& path) {
    return naming(path, [&] {
        const MappedFile file = map_file(path);
        return read(file.text(), {path, file.owner, SideFiles(parent_directory(path))});
    });
}

Graph read_model_bytes(std::string_view bytes, const std::string& name, const std::string& folder) {
    return naming(name, [&] { return read(bytes, {name, nullptr, SideFiles(folder)}); });
}

std::map<std::string, int> count_operators(const std::string& path) {
    return naming(path, [&] {
        const MappedFile file = map_file(path);
        return operators_in(walk(file.text(), path), path);
    });
}

int64_t count_parameters(const std::string& path) {
    return naming(path, [&] {
        const MappedFile file = map_file(path);
        return parameters_in(walk(file.text(), path), path);
    });
}

std::vector<std::string> model_files(const std::string& path) {
    return naming(path, [&] {
        std::set<std::string> side;
        const MappedFile file = map_file(path);
        for (const wire::TensorRecord& t : walk(file.text(), path).tensors)
            for (const auto& [key, value] : t.external_data)
                if (key == "location") side.insert(std::filesystem::path(value).lexically_normal().string());  // w.bin, ./w.bin
        std::vector<std::string> all = {path};
        for (const std::string& location : side) all.push_back(cat(parent_directory(path), "/", location));
        return all;
    });
}

int64_t model_file_bytes(const std::string& path) {
    int64_t bytes = 0;
    for (const std::string& file : model_files(path)) bytes += static_cast<int64_t>(map_file(file).size);
    return bytes;
}

Tensor read_tensor_file(const std::string& path, std::string* name) {
    return naming(path, [&] {
        const MappedFile file = map_file(path);
        check_size(file.size, path);
        const wire::TensorRecord t = wire::walk_tensor(file.text(), path);
        if (name) *name = t.name;
        ModelSource source{path, file.owner, SideFiles(parent_directory(path))};
        return decode_tensor(t, source);
    });
}

}  // namespace hone
