// SPDX-License-Identifier: Apache-2.0
#include "cli/text_input.h"

#include <algorithm>

#include "base/error.h"

namespace hone::cli {

namespace {
/// Rows of the tables that `ids` pick from: the least; 0 where there is none.
int64_t embeddings(const Graph& g, ValueId ids) {
    int64_t rows = 0;
    for (const NodeId user : g.value(ids).users) {
        const Node& n = g.node(user);
        if (!n.is("Gather") || n.in(1) != ids || !g.value(n.in(0)).is_constant() || g.value(n.in(0)).constant.rank() != 2) continue;
        const int64_t here = g.value(n.in(0)).constant.dim(0);
        rows = rows ? std::min(rows, here) : here;
    }
    return rows;
}
}  // namespace

void follow_text_input(const Graph& g, const TextOptions& flags, TextOptions& to, Call& call) {
    const std::shared_ptr<const TextEncoder> stored = to.stored;
    to = flags;
    to.stored = stored;
    if (stored && (flags.max_size || flags.min_count)) call.warn("the model carries a vocabulary: --vocabulary and --min-count are not used");
    if (g.inputs.empty()) return;
    const TypeInfo& t = g.value(g.inputs[0]).type;
    if (t.dtype != DType::i64 || !t.rank_known || t.shape.size() != 2) return;
    if (t.shape[1].known()) {
        if (to.length && *to.length != t.shape[1].value)
            fail(ErrorKind::usage, "usage.text", cat("--text-length is ", *to.length, "; the model takes texts of ", t.shape[1].value, " tokens"), "Leave it out.");
        to.length = t.shape[1].value;
    }
    const int64_t rows = embeddings(g, g.inputs[0]);
    if (rows == 0) return;
    if (to.max_size && *to.max_size > rows)
        fail(ErrorKind::usage, "usage.text", cat("--vocabulary is ", *to.max_size, "; the model embeds ", rows, " ids"), cat("Give at most ", rows, "."));
    if (stored && stored->vocabulary.size() > rows)
        fail(ErrorKind::model, "text.map", cat("the model's vocabulary has ", stored->vocabulary.size(), " ids, its embeddings ", rows, " rows"), "Its metadata is of another network.");
    if (!to.max_size) to.max_size = rows;
}

}  // namespace hone::cli
