// SPDX-License-Identifier: Apache-2.0
// What is written comes back: every storage and attribute, names, origins, symbolic dims, metadata.
#include "onnx/writer.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "onnx/attack.h"
#include "onnx/reader.h"
#include "onnx/tensor.h"
#include "op/op.h"
#include "support.h"

using namespace hone;
using namespace wire_test;

namespace {
Graph identity_of(Tensor t) {
    Graph g;
    g.opsets[""] = 13;
    const ValueId c = g.add_constant("c", std::move(t));
    g.outputs = {g.node(g.add_node("", "Identity", {c}, 1)).out()};
    return g;
}
Tensor decode(const std::string& proto) {
    ModelSource source{"t", nullptr, SideFiles("")};
    return decode_tensor(wire::walk_tensor(proto, "t"), source);
}
}  // namespace

TEST(Writer, EveryElementType) {
    for (int d = 1; d <= 16; ++d) {
        const auto type = static_cast<DType>(d);
        Tensor t = Tensor::zeros(type, {3});
        if (type == DType::string) t = Tensor::of_strings({"a", "", "\xff\x00z"}, {3});
        else if (type != DType::c64 && type != DType::c128)
            for (int i = 0; i < 3; ++i) t.set(i, i == 2 ? 1 : i);
        const Graph g = read_model_bytes(model_bytes(identity_of(t)));
        EXPECT_TRUE(g.value(g.find_value("c")).constant.same_bits(t)) << dtype_name(type);
        EXPECT_TRUE(decode(tensor_bytes(t, "t")).same_bits(t)) << dtype_name(type);
    }
    EXPECT_EQ(read_model_bytes(model_bytes(identity_of(Tensor::zeros(DType::f32, {0, 4})))).value(0).constant.dims(), (Dims{0, 4}));
}

TEST(Writer, TypedFields) {
    const std::string packed = bytes(5, "\x01\x02"), loose = number(5, 1) + number(5, 2);
    for (int type : {2, 3, 4, 5, 6}) {
        EXPECT_EQ(decode(tensor("t", packed, type)).to_i64(), (std::vector<int64_t>{1, 2})) << type;
        EXPECT_EQ(decode(tensor("t", loose, type)).to_i64(), (std::vector<int64_t>{1, 2})) << type;
    }
    EXPECT_EQ(decode(tensor("t", bytes(5, "\x05") + number(5, 0), 9)).to_i64(), (std::vector<int64_t>{1, 0}));
    EXPECT_EQ(decode(tensor("t", number(5, 0x3f80) + number(5, 0xc000), 16)).to_f64(), (std::vector<double>{1, -2}));
    EXPECT_EQ(decode(tensor("t", number(7, ~uint64_t{0}) + number(7, 5), 7)).to_i64(), (std::vector<int64_t>{-1, 5}));
    EXPECT_EQ(decode(tensor("t", number(5, ~uint64_t{0}) + number(5, 5), 6)).to_i64(), (std::vector<int64_t>{-1, 5}));
    EXPECT_EQ(decode(tensor("t", number(11, 7) + number(11, 5), 12)).to_i64(), (std::vector<int64_t>{7, 5}));
    EXPECT_EQ(decode(tensor("t", bytes(10, std::string(16, '\0')), 11)).to_f64(), (std::vector<double>{0, 0}));
}

TEST(Writer, KeepsWhatAFileSays) {
    Graph g;
    g.name = "net";
    g.doc = "a doc";
    g.opsets[""] = 11;
    g.ir_version = 6;
    g.metadata = {{"hone.preprocess", "{}"}, {"other", "x"}};
    const ValueId x = g.add_input("image", TypeInfo::tensor(DType::f32, {Dim::named("N"), Dim(), 28}));
    g.add_constant("unused", Tensor::scalar_f32(1));
    const NodeId a = g.add_node("", "Identity", {x}, 1, {}, "a", {"conv + 1", "bn%2B", "relu"});
    const NodeId b = g.add_node("", "Identity", {g.node(a).out()}, 1, {}, "b", {"b"});
    g.outputs = {g.node(b).out()};
    g.rename_value(g.outputs[0], "logits");
    infer_graph(g);
    const std::string file = model_bytes(g);
    const Graph r = read_model_bytes(file);
    EXPECT_EQ(model_bytes(r), file);
    EXPECT_EQ(r.name, "net");
    EXPECT_EQ(r.doc, "a doc");
    EXPECT_EQ(r.opsets.at(""), 11);
    EXPECT_EQ(r.ir_version, 6);
    EXPECT_EQ(r.metadata, g.metadata);
    EXPECT_TRUE(r.producer.starts_with("hone "));
    EXPECT_EQ(to_text(r.value(r.inputs[0]).type), "f32[N,?,28]");
    EXPECT_EQ(to_text(r.value(r.outputs[0]).type), "f32[N,?,28]");
    EXPECT_EQ(r.value(r.outputs[0]).name, "logits");
    EXPECT_EQ(r.find_value("unused"), kNone);
    EXPECT_EQ(r.node(0).origins, g.node(a).origins);
    EXPECT_EQ(r.node(1).origins, g.node(b).origins);
}

TEST(Writer, Refuses) {
    Graph g = identity_of(Tensor::scalar_f32(1));
    EXPECT_EQ(error_id([&] { model_bytes(g, {.opset = 28}); }), "write.opset");
    EXPECT_EQ(error_id([&] { model_bytes(g, {.opset = 6}); }), "write.opset");
    EXPECT_EQ(read_model_bytes(model_bytes(g, {.opset = 17})).opsets.at(""), 17);
    g.node(0).domain = "hone";
    EXPECT_EQ(error_id([&] { model_bytes(g); }), "write.domain");
}

TEST(Writer, FilesAreMappedAndReplacedWhole) {
    char name[] = "/tmp/hone_writer_XXXXXX";
    const std::string folder = ::mkdtemp(name), path = cat(folder, "/m.onnx");
    Tensor t = Tensor::zeros(DType::f32, {4096});
    for (int i = 0; i < 4096; ++i) t.set(i, i);
    write_model(identity_of(t), path);
    EXPECT_EQ(read_file(path), model_bytes(identity_of(t)));
    const Graph g = read_model(path);
    write_model(identity_of(Tensor::scalar_f32(5)), path);
    EXPECT_TRUE(g.value(g.find_value("c")).constant.same_bits(t)) << "the old file stays mapped";
    EXPECT_EQ(error_id([&] { write_model(g, cat(folder, "/absent/m.onnx")); }), "file.write");
    ::unlink(path.c_str());
    ::rmdir(folder.c_str());
}
