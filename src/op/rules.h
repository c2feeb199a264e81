// SPDX-License-Identifier: Apache-2.0
// The gradient rules of large families, which stand in a file of their own beside the family's: a list of names and rules
// that the family attaches to its declarations.
#pragma once
#include <vector>

#include "op/gradient.h"

namespace hone::ops {

struct Rule {
    const char* op;
    void (*gradient)(GradientContext&);  ///< null: the operator is flat (0 wherever there is a gradient)
};
/// Each rule's operator must be among the declarations.
void attach_rules(std::vector<OpDecl>& family, const std::vector<Rule>& rules);

std::vector<Rule> unary_rules();
std::vector<Rule> binary_rules();
std::vector<Rule> recurrent_rules();
std::vector<Rule> attention_rules();
std::vector<Rule> norm_rules();
std::vector<Rule> loss_rules();
std::vector<Rule> resize_rules();
std::vector<Rule> grid_sample_rules();
std::vector<Rule> signal_rules();
std::vector<Rule> conv_rules();
std::vector<Rule> conv_transpose_rules();
std::vector<Rule> pool_rules();
std::vector<Rule> batch_norm_rules();
std::vector<Rule> reduce_rules();
std::vector<Rule> concat_split_rules();
std::vector<Rule> slice_pad_rules();

}  // namespace hone::ops
