// SPDX-License-Identifier: Apache-2.0
// Common subexpression elimination: nodes with the same operator, inputs and attributes become one.
#include <map>

#include "pass/list.h"

namespace hone::passes {

namespace {
template <class T>
void append_bytes(std::string& key, const T* data, size_t n) {
    key += cat(static_cast<unsigned long>(n), ":");
    key.append(reinterpret_cast<const char*>(data), n * sizeof(T));
}
/// Equal text for equal bits; false for what is not compared.
bool append_key(std::string& key, const Attribute& a) {
    key += cat(static_cast<unsigned long>(a.index()), "/");
    if (const auto* i = std::get_if<int64_t>(&a)) append_bytes(key, i, 1);
    else if (const auto* f = std::get_if<float>(&a)) append_bytes(key, f, 1);
    else if (const auto* s = std::get_if<std::string>(&a)) append_bytes(key, s->data(), s->size());
    else if (const auto* is = std::get_if<std::vector<int64_t>>(&a)) append_bytes(key, is->data(), is->size());
    else if (const auto* fs = std::get_if<std::vector<float>>(&a)) append_bytes(key, fs->data(), fs->size());
    else if (const auto* ss = std::get_if<std::vector<std::string>>(&a))
        for (const std::string& s : *ss) append_bytes(key, s.data(), s.size());
    else if (const auto* t = std::get_if<Tensor>(&a); t && t->count() <= 8 && t->dtype() != DType::string) {
        key += cat(dtype_name(t->dtype()), to_text(t->dims()));
        append_bytes(key, static_cast<const char*>(t->raw()), t->bytes());
    } else {
        return false;
    }
    return true;
}
}  // namespace

bool merge_duplicates(Graph& g, const PassOptions&) {
    bool any = false;
    std::map<std::string, NodeId> seen;
    for (NodeId id : g.order()) {
        const Node& n = g.node(id);
        const OpDecl* op = find_op(n.domain, n.op);
        if (op && op->random) continue;
        std::string key = n.domain + "." + n.op;
        bool comparable = true, is_output = false;
        for (ValueId v : n.inputs) key += cat(",", v);
        key += cat(";", static_cast<unsigned long>(n.outputs.size()));
        for (const auto& [k, a] : n.attributes) {
            key += cat(";", k, "=");
            comparable &= append_key(key, a);
        }
        for (ValueId v : n.outputs) is_output |= v == kNone || g.is_output(v);
        if (!comparable || is_output) continue;
        const auto [it, fresh] = seen.emplace(key, id);
        if (fresh) continue;
        const Node& first = g.node(it->second);
        for (size_t i = 0; i < n.outputs.size(); ++i) g.replace_uses(n.outputs[i], first.outputs[i]);
        g.node(it->second).origins = join_origins(g, {it->second, id});
        g.remove_node(id);
        any = true;
    }
    return any;
}

}  // namespace hone::passes
