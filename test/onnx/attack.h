// SPDX-License-Identifier: Apache-2.0
// Wire-format pieces to build models, good and hostile, without protobuf.
#pragma once
#include <functional>
#include <string>

#include "base/error.h"
#include "onnx/wire.h"

namespace wire_test {

inline std::string number(uint32_t field, uint64_t v) {
    std::string s;
    hone::wire::append_varint(s, field << 3);
    hone::wire::append_varint(s, v);
    return s;
}
inline std::string bytes(uint32_t field, const std::string& payload) {
    std::string s;
    hone::wire::append_varint(s, field << 3 | 2);
    hone::wire::append_varint(s, payload.size());
    return s + payload;
}
inline std::string entry(const std::string& key, const std::string& value) { return bytes(1, key) + bytes(2, value); }
inline std::string value_info(const std::string& name, int type = 1) {
    return bytes(1, name) + bytes(2, bytes(1, number(1, static_cast<uint64_t>(type)) + bytes(2, bytes(1, number(1, 2)))));
}
inline std::string node(const std::string& in, const std::string& out, const std::string& op = "Identity") {
    return bytes(1, in) + bytes(2, out) + bytes(4, op);
}
/// x -> Identity -> y, and whatever is added to the graph and to the model.
inline std::string model(const std::string& in_graph = "", const std::string& in_model = "") {
    const std::string graph = bytes(1, node("x", "y")) + bytes(2, "g") + bytes(11, value_info("x")) + bytes(12, value_info("y")) + in_graph;
    return number(1, 8) + bytes(2, "test") + bytes(7, graph) + bytes(8, bytes(1, "") + number(2, 13)) + in_model;
}
/// A graph of exactly this content.
inline std::string bare(const std::string& graph, int opset = 13, int ir = 8) {
    return number(1, static_cast<uint64_t>(ir)) + bytes(7, graph) + bytes(8, bytes(1, "") + number(2, static_cast<uint64_t>(opset)));
}
/// A float tensor of two elements with these further fields.
inline std::string tensor(const std::string& name, const std::string& data, int type = 1, uint64_t dim = 2) {
    return number(1, dim) + number(2, static_cast<uint64_t>(type)) + bytes(8, name) + data;
}
/// An initialiser whose data lie in a side file.
inline std::string external(const std::string& location, const std::string& offset = "", const std::string& length = "") {
    std::string s = bytes(13, entry("location", location));
    if (!offset.empty()) s += bytes(13, entry("offset", offset));
    if (!length.empty()) s += bytes(13, entry("length", length));
    return bytes(5, tensor("w", s + number(14, 1)));
}

/// The id of the error that `f` throws; "" when it throws none.
inline std::string error_id(const std::function<void()>& f) {
    try {
        f();
    } catch (const hone::Error& e) {
        return e.id;
    }
    return "";
}

}  // namespace wire_test
