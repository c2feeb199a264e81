// SPDX-License-Identifier: Apache-2.0
// Each known attack on a reader of models, refused with its own id.
#include "onnx/attack.h"

#include <sys/resource.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "onnx/reader.h"
#include "onnx/writer.h"
#include "support.h"

using namespace hone;
using namespace wire_test;

namespace {
std::string id_of(const std::string& file, const std::string& folder = "") {
    return error_id([&] { read_model_bytes(file, "attack.onnx", folder); });
}
std::string with_tensor(const std::string& data, int type = 1, uint64_t dim = 2) {
    return model(bytes(5, tensor("w", data, type, dim)));
}
const std::string kTwoFloats(8, '\0');

long peak_kb() {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss;
}
}  // namespace

TEST(Attack, TheModelThatTheOthersVary) {
    const Graph g = read_model_bytes(model(bytes(5, tensor("w", bytes(9, kTwoFloats)))));
    EXPECT_EQ(g.alive_count(), 1);
    EXPECT_EQ(g.opsets.at(""), 13);
    EXPECT_EQ(g.node(0).name, "Identity_0");
    EXPECT_EQ(g.node(0).origins, std::vector<std::string>{"Identity_0"});
}

TEST(Attack, OtherFormats) {
    const std::string zeros(300, '\0');
    for (const std::string& file : {std::string(), std::string("<!DOCTYPE html><html></html>"), "PK\x03\x04" + zeros,
                                    "PK\x03\x04" + zeros + "archive/data.pkl", "\x80\x02" + zeros, std::string("\x1c\0\0\0TFL3", 8) + zeros,
                                    "\x89HDF\r\n\x1a\n" + zeros, std::string("{\"a\": 1}"), std::string("version https://git-lfs.github.com/spec/v1"),
                                    zeros, std::string("hello world, this is text"), std::string("\xff\xff\xff\xff"), std::string("\x08"),
                                    number(1, 8), bytes(2, "only a producer")})
        EXPECT_EQ(id_of(file), "model.not_onnx") << file.substr(0, 20);
    try {
        read_model_bytes("PK\x03\x04" + zeros + "archive/data.pkl", "net.pt");
        FAIL();
    } catch (const Error& e) {
        EXPECT_NE(e.message.find("PyTorch"), std::string::npos);
        EXPECT_NE(e.hint.find("torch.onnx.export"), std::string::npos);
        EXPECT_EQ(e.where, "net.pt");
        EXPECT_EQ(e.exit_code(), 3);
    }
    EXPECT_EQ(error_id([] { read_model("/nowhere/net.onnx"); }), "file.absent");
}

TEST(Attack, Wire) {
    const std::string good = model();
    EXPECT_EQ(id_of(good.substr(0, good.size() - 1)), "model.truncated");
    EXPECT_EQ(id_of(good.substr(0, 20)), "model.truncated");
    EXPECT_EQ(id_of(model("", std::string(11, '\xff'))), "model.wire") << "endless varint";
    EXPECT_EQ(id_of(model("", "\x03")), "model.wire") << "group";
    EXPECT_EQ(id_of(model("", std::string("\x00\x01", 2))), "model.wire") << "field 0";
    EXPECT_EQ(id_of(model(bytes(1, "\x0a\x7f"))), "model.wire") << "past the message";
    EXPECT_EQ(id_of(model(number(1, 5))), "model.wire") << "a node that is a number";
    EXPECT_EQ(id_of(model("", bytes(7, ""))), "model.duplicate_field") << "two graphs";
    EXPECT_EQ(id_of(model("", number(900, 5) + bytes(901, "newer"))), "") << "unknown fields are carried";
    EXPECT_EQ(id_of(model(bytes(1, node("x", "\xff")))), "model.utf8");
    EXPECT_EQ(id_of(model(bytes(1, node("x", std::string("a\0b", 3))))), "model.utf8");
}

TEST(Attack, Nesting) {
    std::string graph;
    for (int i = 0; i < 40; ++i) graph = bytes(1, bytes(4, "If") + bytes(5, bytes(1, "then_branch") + number(20, 5) + bytes(6, graph)));
    EXPECT_EQ(id_of(model(graph)), "model.nesting");
    std::string type;
    for (int i = 0; i < 2000; ++i) type = bytes(4, bytes(1, type));
    EXPECT_EQ(id_of(model(bytes(11, bytes(1, "s") + bytes(2, type)))), "model.nesting");
}

TEST(Attack, ManyEmptyNodesCostNothing) {
    std::string nodes;
    nodes.reserve(10 << 20);
    while (nodes.size() < 10u << 20) nodes += std::string("\x0a\x00", 2);
    const std::string file = model(nodes);
    const long before = peak_kb();
    EXPECT_EQ(id_of(file), "model.too_many_nodes");
    EXPECT_LT(peak_kb() - before, 100 << 10);
    std::string attributes;
    for (size_t i = 0; i < 3u << 20; ++i) attributes += std::string("\x2a\x00", 2);
    EXPECT_EQ(id_of(model(bytes(1, attributes))), "model.too_many_records");
    EXPECT_LT(peak_kb() - before, 200 << 10);
}

TEST(Attack, MemoryLimit) {
    struct Restore {
        Limits before = limits();
        ~Restore() { limits() = before; }
    } restore;
    limits().memory_bytes = 1 << 20;
    std::string inputs;
    for (int i = 0; i < 1 << 16; ++i) inputs += bytes(1, "");
    EXPECT_EQ(id_of(model(bytes(1, inputs))), "memory.limit");
    limits().model_bytes = 100;
    EXPECT_EQ(id_of(model("", bytes(6, std::string(200, 'a')))), "model.too_large");
}

TEST(Attack, TensorData) {
    EXPECT_EQ(id_of(with_tensor(bytes(9, kTwoFloats) + bytes(9, kTwoFloats))), "model.duplicate_data");
    EXPECT_EQ(id_of(with_tensor(bytes(9, kTwoFloats) + bytes(4, kTwoFloats))), "model.duplicate_data");
    EXPECT_EQ(id_of(with_tensor(bytes(4, kTwoFloats) + bytes(9, kTwoFloats))), "model.duplicate_data");
    EXPECT_EQ(id_of(with_tensor(bytes(4, kTwoFloats) + bytes(7, "\x01"))), "model.duplicate_data");
    EXPECT_EQ(id_of(with_tensor(bytes(9, kTwoFloats) + bytes(13, entry("location", "w")) + number(14, 1))), "model.duplicate_data");
    EXPECT_EQ(id_of(with_tensor(bytes(9, "\0\0\0"))), "model.tensor.size");
    EXPECT_EQ(id_of(with_tensor("")), "model.tensor.size");
    EXPECT_EQ(id_of(with_tensor(bytes(4, std::string(12, '\0')))), "model.tensor.size");
    EXPECT_EQ(id_of(with_tensor(bytes(7, "\x01\x02\x03"), 7)), "model.tensor.size");
    EXPECT_EQ(id_of(with_tensor(bytes(7, "\x01\x02"), 1)), "model.tensor.value");
    EXPECT_EQ(id_of(with_tensor(bytes(9, kTwoFloats), 1, uint64_t{1} << 40)), "model.tensor.size");
    EXPECT_EQ(id_of(with_tensor(bytes(9, kTwoFloats), 1, ~uint64_t{0})), "model.tensor.dims");
    EXPECT_EQ(id_of(with_tensor(number(1, uint64_t{1} << 61) + bytes(9, kTwoFloats), 1, 8)), "size.overflow");
    EXPECT_EQ(id_of(with_tensor(number(1, uint64_t{1} << 60) + bytes(9, kTwoFloats), 1, 4)), "size.overflow");
    EXPECT_EQ(id_of(with_tensor(number(1, 0) + bytes(9, ""), 1, uint64_t{1} << 61)), "") << "an empty tensor";
    EXPECT_EQ(id_of(with_tensor(bytes(9, kTwoFloats), 99)), "model.tensor.dtype");
    EXPECT_EQ(id_of(with_tensor(bytes(9, "\0\0"), 17)), "model.tensor.type");
    EXPECT_EQ(id_of(with_tensor(bytes(3, number(1, 0)) + bytes(9, kTwoFloats))), "model.tensor.segment");
    std::string dims;
    for (int i = 0; i < 65; ++i) dims += number(1, 1);
    EXPECT_EQ(id_of(with_tensor(dims + bytes(9, kTwoFloats))), "model.tensor.rank");
}

TEST(Attack, Graph) {
    const std::string x = bytes(11, value_info("x")), y = bytes(12, value_info("y"));
    EXPECT_EQ(id_of(bare(x + y + bytes(1, node("nothing", "y")))), "graph.undefined");
    EXPECT_EQ(id_of(bare(x + y + bytes(1, node("x", "z")))), "graph.undefined");
    EXPECT_EQ(id_of(bare(x + y + bytes(1, node("x", "y")) + bytes(1, node("x", "y")))), "graph.duplicate_value");
    EXPECT_EQ(id_of(bare(x + x + y + bytes(1, node("x", "y")))), "graph.duplicate_value");
    EXPECT_EQ(id_of(bare(x + y + bytes(1, node("x", "x")))), "graph.duplicate_value");
    EXPECT_EQ(id_of(bare(x + y + bytes(1, node("z", "y")) + bytes(1, node("y", "z")))), "graph.cycle");
    EXPECT_EQ(id_of(bare(x + y + bytes(1, node("y", "y")))), "graph.cycle");
    EXPECT_EQ(id_of(bare(x + y + bytes(1, node("x", "y") + bytes(3, "n")) + bytes(1, node("x", "z") + bytes(3, "n")))), "graph.duplicate_node");
    EXPECT_EQ(id_of(bare(x + y + y + bytes(1, node("x", "y")))), "graph.duplicate_output");
    EXPECT_EQ(id_of(bare(x + bytes(1, node("x", "y")))), "graph.no_outputs");
    EXPECT_EQ(id_of(bare(bytes(11, bytes(1, "x")) + y + bytes(1, node("x", "y")))), "graph.input_type");
    EXPECT_EQ(id_of(bare(x + y + bytes(1, node("x", "y", "")))), "node.op_type");
    EXPECT_EQ(id_of(bare(x + y + bytes(1, node("x", "y") + bytes(5, bytes(1, "a") + number(20, 2)) + bytes(5, bytes(1, "a") + number(20, 2))))),
              "node.duplicate_attribute");
    EXPECT_EQ(id_of(bare(x + y + bytes(1, node("x", "y") + bytes(5, bytes(1, "a"))))), "node.attribute");
    EXPECT_EQ(id_of(bare(x + bytes(12, value_info("y", 7)) + bytes(1, node("x", "y")))), "graph.type");
}

TEST(Attack, Versions) {
    const std::string g = bytes(11, value_info("x")) + bytes(12, value_info("y")) + bytes(1, node("x", "y"));
    EXPECT_EQ(id_of(bare(g, 0)), "model.opset");
    EXPECT_EQ(id_of(bare(g, 1)), "");
    EXPECT_EQ(id_of(bare(g, 27)), "");
    EXPECT_EQ(id_of(bare(g, 28)), "model.opset");
    EXPECT_EQ(id_of(bare(g, 13, 99)), "model.ir_version");
    EXPECT_EQ(id_of(bare(g, 13, 0)), "model.ir_version");
    EXPECT_EQ(id_of(number(1, 8) + bytes(7, g)), "model.opset");
    EXPECT_EQ(id_of(model("", bytes(25, bytes(1, "f")))), "model.functions");
    const std::string hone = bytes(1, node("x", "z") + bytes(7, "hone"));
    EXPECT_EQ(id_of(model(hone)), "model.domain");
    try {
        read_model_bytes(model(bytes(1, node("x", "a", "Nope")) + bytes(1, node("x", "b", "Nope")) + bytes(1, node("x", "c", "Never"))));
        FAIL();
    } catch (const Error& e) {
        EXPECT_EQ(e.id, "op.unknown");
        EXPECT_EQ(e.exit_code(), 4);
        EXPECT_NE(e.message.find("Nope x2"), std::string::npos) << e.message;
        EXPECT_NE(e.message.find("Never x1"), std::string::npos) << e.message;
    }
}

TEST(Utf8, Forms) {
    for (const char* good : {"", "abc", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"}) EXPECT_TRUE(is_utf8(good)) << good;
    for (const char* bad : {"\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xe2\x82"})
        EXPECT_FALSE(is_utf8(bad)) << bad;
}
