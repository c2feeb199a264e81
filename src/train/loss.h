// SPDX-License-Identifier: Apache-2.0
// Losses as graphs: each declares how many of the model's outputs it reads, which targets it takes, and how it is built
// from them with operators that have gradient rules. Definitions are PyTorch's.
//
//   const std::vector<ValueId> targets = add_targets(g, {"cross_entropy"}, g.outputs);    // new inputs of the graph
//   const ValueId loss = add_loss(g, {"cross_entropy", {{"label_smoothing", 0.1}}}, g.outputs, targets);
#pragma once
#include <string>
#include <vector>

#include "op/builder.h"
#include "train/hyper.h"

namespace hone::train {

enum class Reduction { mean, sum, none };

/// What a loss compares the model's answers with.
struct TargetDecl {
    enum class Kind {
        labels,  ///< i64 class numbers: the dims of the answers [N,C,...] without C
        alike,   ///< the type and dims of the answers
        rows,    ///< a number a row, of the answers' type: [N]
    };
    const char* name;
    Kind kind;
};

struct LossSpec {
    std::string name;
    HyperValues hyper{};
    Reduction reduction = Reduction::mean;
};

struct LossContext {
    Builder& b;
    std::vector<ValueId> answers, targets;
    HyperValues hyper;
    Reduction reduction;
    double at(const char* name) const { return hyper.at(name); }
    /// A loss an element or row to one number, or as it is for Reduction::none.
    ValueId reduce(ValueId each) const;
};

struct LossDecl {
    const char* name;
    const char* summary;
    size_t answers;  ///< outputs of the model that it reads, the first ones
    size_t least_rank, most_rank;  ///< of each
    std::vector<TargetDecl> targets;
    std::vector<Hyper> hyper;
    ValueId (*build)(LossContext&);
};
const std::vector<LossDecl>& losses();
/// Throws usage "train.name".
const LossDecl& find_loss(const std::string& name);

/// The graph inputs that the loss takes beside these answers, whose types must be known.
std::vector<ValueId> add_targets(Graph& g, const LossSpec& spec, const std::vector<ValueId>& answers);
/// A scalar of the answers' type (with Reduction::none one an element or row). Throws usage "train.name", "train.hyper",
/// "train.answers" when the answers are too few or of another rank than the loss takes.
ValueId add_loss(Graph& g, const LossSpec& spec, const std::vector<ValueId>& answers, const std::vector<ValueId>& targets);

}  // namespace hone::train
