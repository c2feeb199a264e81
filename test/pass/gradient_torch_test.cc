// SPDX-License-Identifier: Apache-2.0
// Recurrent cells and attention, their outputs and gradients, against PyTorch in double (make_recurrent_torch.py).
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>

#include "op/builder.h"
#include "pass/autodiff.h"
#include "support.h"

namespace hone {
namespace {

struct Case {
    std::string op, direction, function;
    std::map<std::string, Tensor> arrays;
};
std::vector<Case> cases() {
    std::vector<Case> out;
    std::ifstream file(source_path("test/pass/recurrent_torch.txt"));
    for (std::string line, name; std::getline(file, line);) {
        std::istringstream words(line);
        words >> name;
        if (name == "case") {
            int directions = 0;
            Case& c = out.emplace_back();
            words >> c.op >> directions >> c.function;
            c.direction = directions == 2 ? "bidirectional" : "forward";
            continue;
        }
        size_t rank = 0;
        words >> rank;
        Dims dims(rank);
        for (int64_t& d : dims) words >> d;
        Tensor t = Tensor::zeros(DType::f64, dims);
        double v = 0;
        for (int64_t i = 0; i < t.count(); ++i) {
            words >> v;
            t.set(i, v);
        }
        EXPECT_TRUE(words) << name;
        out.back().arrays[name] = t;
    }
    return out;
}

void expect_close(const Tensor& got, const Tensor& want, const std::string& what) {
    ASSERT_EQ(got.dims(), want.dims()) << what;
    double difference = 0, size = 0;
    for (int64_t i = 0; i < got.count(); ++i) {
        difference += std::pow(got.at(i) - want.at(i), 2);
        size += std::pow(want.at(i), 2);
    }
    EXPECT_LE(std::sqrt(difference), 1e-12 * std::sqrt(size)) << what;
    EXPECT_GT(size, 0) << what;
}

TEST(GradientTorch, RecurrentCellsAndAttentionAgree) {
    const std::vector<Case> all = cases();
    ASSERT_EQ(all.size(), 7u);
    for (const Case& c : all) {
        SCOPED_TRACE(c.op + " " + c.direction + " " + c.function);
        Graph g;
        Builder b(g);
        std::vector<Tensor> inputs;
        std::vector<ValueId> in, variables;
        std::vector<std::string> want;
        const auto input = [&](const std::string& name) {
            inputs.push_back(c.arrays.at(name));
            return g.add_input(name, TypeInfo::of(inputs.back()));
        };
        for (int i = 0; i < 8; ++i) {
            const std::string name = cat("x", i);
            in.push_back(c.arrays.contains(name) ? input(name) : kNone);
            if (in.back() == kNone) continue;
            variables.push_back(in.back());
            want.push_back("d" + name);
        }
        while (in.back() == kNone) in.pop_back();
        Attributes a;
        if (c.op == "Attention") {
            a["scale"] = 0.5f;
        } else {
            a["direction"] = c.direction;
            if (c.op == "GRU") a["linear_before_reset"] = int64_t{1};
            if (c.function == "relu") a["activations"] = std::vector<std::string>{"Relu"};
        }
        const int outputs = c.op == "Attention" ? 1 : c.op == "LSTM" ? 3 : 2;
        std::vector<Seed> seeds;
        for (ValueId y : b.nodes(c.op, in, outputs, a)) {
            const std::string i = cat(static_cast<unsigned long>(seeds.size()));
            g.outputs.push_back(y);
            want.insert(want.begin() + static_cast<long>(seeds.size()), "y" + i);
            seeds.push_back({y, input("seed" + i)});
        }
        for (ValueId d : add_gradients(g, seeds, variables)) g.outputs.push_back(d);
        const std::vector<Tensor> got = interpret_graph(g, inputs);
        ASSERT_EQ(got.size(), want.size());
        for (size_t i = 0; i < got.size(); ++i) expect_close(got[i], c.arrays.at(want[i]), want[i]);
    }
}

}  // namespace
}  // namespace hone
