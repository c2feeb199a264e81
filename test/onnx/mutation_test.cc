// SPDX-License-Identifier: Apache-2.0
// Damaged models: truncated at every byte, bits flipped, lengths changed. A file is read or refused with an Error that
// is no bug of ours.
#include "base/file.h"
#include "base/limits.h"
#include "base/rng.h"
#include "onnx/attack.h"
#include "onnx/reader.h"
#include "onnx/writer.h"
#include "support.h"

using namespace hone;
using namespace wire_test;

namespace {

struct SmallMemory {
    Limits before = limits();
    SmallMemory() { limits().memory_bytes = size_t{64} << 20; }
    ~SmallMemory() { limits() = before; }
};

/// True when it was read.
bool survives(const std::string& file) {
    try {
        read_model_bytes(file);
        return true;
    } catch (const Error& e) {
        EXPECT_NE(e.kind, ErrorKind::internal) << e.what();
        EXPECT_FALSE(e.id.empty());
        return false;
    }
}

std::string rich_model() {
    Graph g;
    g.opsets[""] = 13;
    g.metadata["key"] = "value";
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {Dim::named("N"), 3}));
    const ValueId w = g.add_constant("w", Tensor::of_f32({1, 2, 3}));
    const ValueId s = g.add_constant("s", Tensor::of_strings({"a", "b"}, {2}));
    for (ValueId v : {x, w, s}) g.outputs.push_back(g.node(g.add_node("", "Identity", {v}, 1, {}, "", {"one", "two"})).out());
    return model_bytes(g);
}

void flip(std::string file, uint64_t seed, int rounds) {
    Rng rng(seed);
    const std::string original = file;
    for (int i = 0; i < rounds; ++i) {
        const int edits = 1 + static_cast<int>(rng.below(3));
        for (int e = 0; e < edits; ++e) {
            const auto at = static_cast<size_t>(rng.below(file.size()));
            switch (rng.below(5)) {
                case 0: file[at] = static_cast<char>(file[at] ^ (1 << rng.below(8))); break;
                case 1: file[at] = static_cast<char>(rng.below(256)); break;
                case 2: file[at] = '\xff'; break;
                case 3: file.erase(at, 1 + static_cast<size_t>(rng.below(4))); break;
                default: file.insert(at, file.substr(static_cast<size_t>(rng.below(file.size())), static_cast<size_t>(rng.below(40)))); break;
            }
            if (file.empty()) break;
        }
        survives(file);
        file = original;
    }
}

}  // namespace

TEST(Mutation, TruncatedAtEveryByte) {
    const SmallMemory memory;
    const std::string file = rich_model();
    ASSERT_TRUE(survives(file));
    int read = 0;
    for (size_t n = 0; n < file.size(); ++n) read += survives(file.substr(0, n));
    EXPECT_EQ(read, 0) << "the graph comes last, so that no part of the file is a model";
}

TEST(Mutation, BitFlips) {
    const SmallMemory memory;
    flip(rich_model(), 1, 20000);
    flip(model(bytes(5, tensor("w", bytes(4, std::string(8, '\0')))) + external("f", "0", "8")), 2, 5000);
}

TEST(Mutation, SharedModels) {
    const std::string folder = cat(HONE_SOURCE_DIR, "/../shared/models");
    HONE_REQUIRE(is_directory(folder), "the shared folder");
    const SmallMemory memory;
    for (const char* name : {"letters_mlp.onnx", "fashion_gru.onnx"}) {
        const std::string file = read_file(cat(folder, "/", name));
        for (size_t i = 0; i < 500; ++i) survives(file.substr(0, file.size() * i / 500));
        flip(file, 3, 300);
    }
}
