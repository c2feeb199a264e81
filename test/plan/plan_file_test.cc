// SPDX-License-Identifier: Apache-2.0
// Plan files: what comes back is the plan that went in; what is damaged, of another key or hostile is no plan.
#include "plan/plan_file.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "base/cpu.h"
#include "base/file.h"
#include "normal.h"
#include "record/fast_hash.h"
#include "run/session.h"
#include "shared_models.h"

using namespace hone;

namespace {

struct TempFile {
    std::string path;
    TempFile() : path(cat("/tmp/hone_plan_", static_cast<int>(::getpid()), "_", static_cast<long>(reinterpret_cast<intptr_t>(this)), ".plan")) {}
    ~TempFile() { ::unlink(path.c_str()); }
};

/// Two convolutions with a residual, a pool, a Concat, a Gemm: kernels with packed weights, views, reorders.
Graph small_net() {
    Graph g;
    Rng rng(7);
    auto op = [&](const char* name, std::vector<ValueId> in, Attributes a = {}) { return g.node(g.add_node("", name, std::move(in), 1, std::move(a), name)).out(); };
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {1, 8, 12, 12}));
    const Attribute same = std::vector<int64_t>{1, 1, 1, 1};
    ValueId a = op("Conv", {x, g.add_constant("w1", normal(rng, {8, 8, 3, 3})), g.add_constant("b1", normal(rng, {8}))}, {{"pads", same}});
    a = op("Relu", {op("Add", {a, x})});
    const ValueId b = op("Conv", {a, g.add_constant("w2", normal(rng, {8, 1, 3, 3}))}, {{"pads", same}, {"group", int64_t{8}}});
    ValueId c = op("Concat", {a, b}, {{"axis", int64_t{1}}});
    c = op("Flatten", {op("GlobalAveragePool", {c})});
    const ValueId w = g.add_constant("w3", normal(rng, {16, 10}));
    g.outputs = {op("Softmax", {op("Gemm", {c, w, g.add_constant("b3", normal(rng, {10}))})}), op("Identity", {w})};
    infer_graph(g);
    return g;
}

std::vector<Tensor> answers(const std::shared_ptr<const Plan>& p) {
    Rng rng(3);
    std::vector<Tensor> x;
    for (const Dims& d : p->input_dims) x.push_back(normal(rng, d));
    ThreadPool pool(p->threads);
    return Session(p, &pool).run(x);
}
bool same_bits(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Tensor& x, const Tensor& y) { return x.same_bits(y); });
}

std::shared_ptr<const Plan> expect_same(const Graph& g, const std::vector<Dims>& dims, const PlanOptions& o) {
    TempFile f;
    std::string why;
    const std::string key = plan_key("a graph", dims, o);
    const std::shared_ptr<const Plan> plan = make_plan(g, dims, o);
    const bool bodies = std::any_of(plan->steps.begin(), plan->steps.end(), [](const Step& s) { return s.op == "hone.Chain"; });
    const bool saved = save_plan(*plan, f.path, key, &why);
    EXPECT_TRUE(saved || bodies) << why;
    if (!saved) return nullptr;
    const std::shared_ptr<const Plan> again = load_plan(f.path, key, o, &why);
    EXPECT_TRUE(again) << why;
    if (!again) return again;
    EXPECT_EQ(to_text(*again), to_text(*plan));
    EXPECT_EQ(again->memory_bytes(), plan->memory_bytes());
    EXPECT_TRUE(same_bits(answers(again), answers(plan)));
    return again;
}

TEST(PlanFile, ComesBackTheSame) {
    if (usable_isa() < Isa::avx2) GTEST_SKIP() << "no fast kernels";
    for (int threads : {1, 2}) {
        const Graph g = small_net();
        const auto p = expect_same(g, {{1, 8, 12, 12}}, {.threads = threads});
        ASSERT_TRUE(p);
        const bool packed = std::any_of(p->steps.begin(), p->steps.end(), [](const Step& s) { return s.kernel && s.kernel->packed().data; });
        EXPECT_TRUE(packed) << "no kernel gave its weights";
    }
}

TEST(PlanFile, ATransposedConvolutionTakesItsPackedWeights) {
    if (usable_isa() < Isa::avx2) GTEST_SKIP() << "no fast kernels";
    Graph g;
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {1, 4, 5, 5}));
    Tensor w = Tensor::zeros(DType::f32, {4, 3, 3, 3});
    for (int64_t i = 0; i < w.count(); ++i) w.set(i, 0.01 * static_cast<double>(i % 13) - 0.05);
    g.outputs = {g.node(g.add_node("", "ConvTranspose", {x, g.add_constant("w", w)}, 1, {{"strides", std::vector<int64_t>{2, 2}}})).out()};
    infer_graph(g);
    const auto p = expect_same(g, {{1, 4, 5, 5}}, {.threads = 1});
    ASSERT_TRUE(p);
    EXPECT_TRUE(std::any_of(p->steps.begin(), p->steps.end(), [](const Step& s) { return s.kernel && s.kernel->packed().data; }));
}

TEST(PlanFile, SharedModelsComeBackTheSame) {
    HONE_REQUIRE(!shared_folder().empty(), "../shared");
    for (const std::string& name : shared_models()) {
        SCOPED_TRACE(name);
        const Graph g = shared_model(name);
        expect_same(g, input_dims(g, 1), {.threads = 2});
    }
    const Graph g = shared_model("fashion_resnet20");
    if (usable_isa() >= Isa::avx512_bf16) expect_same(g, input_dims(g, 4), {.precision = Precision::bf16});
}

TEST(PlanFile, AnotherKeyIsNoPlan) {
    TempFile f;
    const Graph g = small_net();
    const std::vector<Dims> dims = {{1, 8, 12, 12}};
    const PlanOptions o{.threads = 2};
    const std::string key = plan_key("m", dims, o);
    ASSERT_TRUE(save_plan(*make_plan(g, dims, o), f.path, key));
    EXPECT_TRUE(load_plan(f.path, key, o));
    PlanOptions other = o;
    other.precision = Precision::bf16;
    PlanOptions without = o;
    without.disabled_passes = {"fuse_epilogues"};
    for (const std::string& k : {plan_key("n", dims, o), plan_key("m", {{2, 8, 12, 12}}, o), plan_key("m", dims, {.threads = 1}), plan_key("m", dims, other), plan_key("m", dims, without)}) {
        EXPECT_NE(k, key);
        std::string why;
        EXPECT_FALSE(load_plan(f.path, k, o, &why));
        EXPECT_NE(why.find("belongs to another"), std::string::npos) << why;
    }
    std::string why;
    EXPECT_FALSE(load_plan(f.path + ".absent", key, o, &why));
    EXPECT_FALSE(why.empty());
}

struct Saved {
    TempFile f;
    PlanOptions o;
    std::string key, bytes;
    std::shared_ptr<const Plan> plan;
    Saved() {
        const std::vector<Dims> dims = {{1, 8, 12, 12}};
        key = plan_key("m", dims, o);
        plan = make_plan(small_net(), dims, o);
        HONE_CHECK(save_plan(*plan, f.path, key));
        bytes = read_file(f.path);
    }
    std::shared_ptr<const Plan> load(const std::string& changed, std::string* why = nullptr) {
        std::ofstream(f.path, std::ios::binary) << changed;
        return load_plan(f.path, key, o, why);
    }
    uint64_t structure_bytes() const {
        uint64_t n;
        std::memcpy(&n, bytes.data() + 16, 8);
        return n;
    }
    /// The file with the structure changed by `f` and a hash that fits.
    std::string forged(const std::function<void(std::string&)>& change) const {
        std::string b = bytes;
        std::string s = b.substr(64, structure_bytes());
        change(s);
        b.replace(64, s.size(), s);
        const uint64_t hash = record::fast_hash(s);
        std::memcpy(b.data() + 24, &hash, 8);
        return b;
    }
};

TEST(PlanFile, AnyCutOrDamageIsNoPlan) {
    Saved s;
    for (size_t cut : {size_t{0}, size_t{7}, size_t{63}, size_t{64}, size_t{100}, s.bytes.size() / 2, s.bytes.size() - 1}) EXPECT_FALSE(s.load(s.bytes.substr(0, cut))) << cut;
    EXPECT_FALSE(s.load(s.bytes + "x"));
    for (size_t at = 0; at < 64 + s.structure_bytes(); at += at < 40 ? 1 : 23) {
        std::string b = s.bytes;
        b[at] = static_cast<char>(b[at] ^ 0x40);
        EXPECT_FALSE(s.load(b)) << at;
    }
    EXPECT_TRUE(s.load(s.bytes));
    EXPECT_FALSE(s.load(s.forged([](std::string& x) { x[4] = '!'; })));  // the key's length
}

// The hash is no defence: whoever changes the file can make it fit. Whatever comes then is no plan or one that runs.
TEST(PlanFile, AHostileFileDoesNoHarm) {
    Saved s;
    Rng rng(11);
    int loaded = 0;
    const size_t keys = s.key.size() + 8;
    for (int round = 0; round < 1500; ++round) {
        const std::string b = s.forged([&](std::string& x) {
            const size_t at = keys + rng.below(x.size() - keys);
            const uint64_t kind = rng.below(4);
            if (kind == 0) x[at] = static_cast<char>(rng.below(256));
            else if (kind == 1) x[at] = static_cast<char>(x[at] + 1);
            else if (kind == 2) x[at] = static_cast<char>(x[at] ^ (1 << rng.below(8)));
            else if (at + 8 <= x.size()) {
                const int64_t odd[] = {-1, 0, 1, INT64_MAX, INT64_MIN, 1 << 20, 4096};
                std::memcpy(x.data() + at, &odd[rng.below(7)], 8);
            }
        });
        if (const auto p = s.load(b)) {
            ++loaded;
            if (p->memory_bytes() > (64u << 20)) continue;
            try {
                answers(p);
            } catch (const Error&) {
            }
        }
    }
    EXPECT_GT(loaded, 10);  // names and weights' tables may change without harm
    EXPECT_LT(loaded, 1500);
}

TEST(PlanFile, AnUnknownKernelIsChosenAgain) {
    if (usable_isa() < Isa::avx2) GTEST_SKIP() << "no fast kernels";
    Saved s;
    const std::string other = s.forged([&](std::string& x) {
        const size_t at = x.find("reduce_mean");
        ASSERT_NE(at, std::string::npos);
        x.replace(at, 11, "nobody_mean");
    });
    const auto p = s.load(other);
    ASSERT_TRUE(p);
    EXPECT_EQ(to_text(*p), to_text(*s.plan));
    std::string why;  // a kernel whose weights the file alone has cannot be chosen again from the file
    EXPECT_FALSE(s.load(s.forged([&](std::string& x) { x.replace(x.find("onednn_conv"), 11, "nobody_conv"); }), &why));
    EXPECT_NE(why.find("does not take the weights"), std::string::npos) << why;
}

TEST(PlanFile, ChoicesAreTaken) {
    if (usable_isa() < Isa::avx2) GTEST_SKIP() << "no fast kernels";
    const Graph g = small_net();
    PlanOptions o;
    o.threads = 2;
    o.choose = [](const Graph& lowered, NodeId id) -> std::optional<Choice> {
        if (lowered.node(id).op != "Conv") return std::nullopt;
        return Choice{"onednn_conv", 0, Layout::plain, 1};
    };
    const auto p = make_plan(g, {{1, 8, 12, 12}}, o);
    int plain = 0;
    for (const Step& s : p->steps) plain += s.op == "hone.Conv" && s.layout == Layout::plain && s.threads == 1;
    EXPECT_GE(plain, 1) << to_text(*p);
    o.choose = [](const Graph&, NodeId) -> std::optional<Choice> { return Choice{"nobody", 3, Layout::plain, 9}; };
    EXPECT_EQ(to_text(*make_plan(g, {{1, 8, 12, 12}}, o)), to_text(*make_plan(g, {{1, 8, 12, 12}}, {.threads = 2})));
}

TEST(FastHash, EveryByteCounts) {
    std::string s(1000, 'a');
    const std::string h = record::fast_hash_hex(s);
    for (size_t i = 0; i < s.size(); ++i) {
        std::string t = s;
        t[i] ^= 1;
        EXPECT_NE(record::fast_hash_hex(t), h) << i;
    }
    EXPECT_NE(record::fast_hash_hex(s + '\0'), h);
    EXPECT_NE(record::fast_hash("", 1), record::fast_hash("", 2));
    EXPECT_EQ(record::fast_hash_hex(std::string(1000, 'a')), h);
}

}  // namespace
