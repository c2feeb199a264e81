// SPDX-License-Identifier: Apache-2.0
#include "plan/choices.h"

#include <cstdio>
#include <map>

namespace hone {

namespace {
constexpr const char* kLayouts[] = {"plain", "channels_last"};

std::optional<Choice> choice_from(const std::string& text) {
    Choice c;
    char layout[16];
    int end = 0;
    if (std::sscanf(text.c_str(), "%4d %4d %15s %n", &c.threads, &c.variant, layout, &end) != 3 || end == 0) return std::nullopt;
    if (c.threads < 1 || c.variant < 0) return std::nullopt;
    for (const Layout l : {Layout::plain, Layout::channels_last})
        if (std::string(layout) == kLayouts[static_cast<size_t>(l)]) {
            c.layout = l;
            c.candidate = text.substr(static_cast<size_t>(end));
            return c;
        }
    return std::nullopt;
}
}  // namespace

record::Texts choices_of(const Plan& plan) {
    record::Texts all;
    for (const Step& s : plan.steps)
        if (s.node != kNone && !s.candidate.empty())
            all.emplace_back(plan.graph.node(s.node).name, cat(s.threads, " ", s.variant, " ", kLayouts[static_cast<size_t>(s.layout)], " ", s.candidate));
    return all;
}

std::function<std::optional<Choice>(const Graph&, NodeId)> chosen_as(const record::Texts& choices) {
    std::map<std::string, Choice> by_node;
    for (const auto& [node, text] : choices)
        if (const std::optional<Choice> c = choice_from(text)) by_node[node] = *c;
    return [by_node](const Graph& g, NodeId id) -> std::optional<Choice> {
        const auto it = by_node.find(g.node(id).name);
        return it == by_node.end() ? std::nullopt : std::optional(it->second);
    };
}

}  // namespace hone
