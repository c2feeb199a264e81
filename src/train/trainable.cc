// SPDX-License-Identifier: Apache-2.0
#include "train/trainable.h"

#include <fnmatch.h>

#include <algorithm>
#include <set>

#include "op/builder.h"

namespace hone::train {

bool matches(const std::string& pattern, const std::string& text) { return ::fnmatch(pattern.c_str(), text.c_str(), FNM_NOESCAPE) == 0; }

void bind_state(Graph& g, const std::string& name, ValueId value, ValueId next) {
    const auto in = std::find(g.inputs.begin(), g.inputs.end(), value);
    HONE_CHECK(in != g.inputs.end() && g.value(value).type == g.value(next).type, name, " is ", to_text(g.value(value).type),
               " and becomes ", to_text(g.value(next).type));
    if (!g.is_output(next) && g.value(next).producer != kNone) g.rename_value(next, g.unique_name(name + ".next"));
    g.states.push_back({name, static_cast<size_t>(in - g.inputs.begin()), g.outputs.size()});
    g.outputs.push_back(next);
}

namespace {

/// An input of the constant's type that takes over its name; uses stay.
ValueId input_for(Graph& g, ValueId constant) {
    const Value old = g.value(constant);
    g.rename_value(constant, g.unique_name(old.name + ".before"));
    return g.add_input(old.name, old.type);
}

/// The names that some pattern matches; a pattern without any is refused.
std::set<std::string> chosen(const std::vector<std::string>& patterns, const std::vector<std::string>& names, const char* what) {
    std::set<std::string> out;
    for (const std::string& p : patterns) {
        bool any = false;
        for (const std::string& n : names)
            if (matches(p, n)) any = out.insert(n).second || any || out.contains(n);
        if (any) continue;
        const std::vector<std::string> near = nearest(p, names, 1);
        fail(ErrorKind::usage, "train.pattern", cat("no ", what, " is named '", p, "'"),
             near.empty() ? "" : cat("The nearest is '", near[0], "'; * stands for any text."));
    }
    return out;
}

std::vector<Parameter> all_parameters(const Graph& g, const std::vector<std::string>& also) {
    std::vector<Parameter> out = find_parameters(g);
    if (also.empty()) return out;
    std::set<std::string> known;
    for (const Parameter& p : out) known.insert(p.name);
    std::vector<std::string> names;
    for (ValueId v = 0; v < g.value_count(); ++v)
        if (g.value(v).is_constant() && is_float(g.value(v).type.dtype)) names.push_back(g.value(v).name);
    for (const std::string& name : chosen(also, names, "float constant")) {
        const ValueId v = g.find_value(name);
        if (!known.contains(name)) out.push_back({name, v, g.value(v).constant, ParameterKind::weight, 0});
    }
    return out;
}

std::set<std::string> frozen_names(const std::vector<Parameter>& parameters, const TrainableOptions& o) {
    std::vector<std::string> names;
    int64_t layers = 0;
    for (const Parameter& p : parameters) {
        names.push_back(p.name);
        layers = std::max(layers, p.layer + 1);
    }
    if (o.freeze_layers > layers || -o.freeze_layers > layers)
        fail(ErrorKind::usage, "train.freeze", cat("the network has ", layers, " layers with weights; got ", o.freeze_layers, " to freeze"),
             "Negative numbers freeze all but the last so many.");
    const int64_t until = o.freeze_layers < 0 ? layers + o.freeze_layers : o.freeze_layers;
    std::set<std::string> out = chosen(o.freeze, names, "parameter");
    for (const Parameter& p : parameters)
        if (p.layer < until) out.insert(p.name);
    return out;
}

/// Running statistics as states, updated node after node where several share them. From here on the node normalises by
/// its batch.
class Statistics {
  public:
    Statistics(Graph& g, const TrainableOptions& o) : g_(g), unbiased_(o.unbiased_variance), ranks_(o.ranks) {}

    void train(NodeId id) {
        const int64_t n = values_a_channel(id);
        if (n < 2)  // it would be normalised to 0, whatever it is
            fail(ErrorKind::usage, "train.batch_norm", cat("it normalises ", to_text(g_.value(g_.node(id).in(0)).type), " by the batch: ", n, " value a channel; expected more"),
                 "Give a larger --batch. Of several ranks each has its share of it; --sync-batch-norm normalises these as one.", cat("node '", g_.node(id).name, "'"));
        g_.node(id).attributes["training_mode"] = int64_t{1};
        size_t state[2];
        ValueId old[2], next[2];
        for (size_t i : {0, 1}) {
            state[i] = state_of(id, g_.node(id).in(3 + i));
            old[i] = all_[state[i]].now;
            g_.set_input(id, 3 + i, old[i]);
            next[i] = g_.add_node_output(id, 1 + i);
        }
        infer_outputs(g_, id);
        if (unbiased_) next[1] = unbiased(id, n, old[1], next[1]);
        for (size_t i : {0, 1}) all_[state[i]].now = next[i];
    }
    void bind(std::map<std::string, Tensor>& initial) {
        for (const State& s : all_) {
            bind_state(g_, s.name, s.input, s.now);
            initial[s.name] = s.initial.clone();
        }
    }

  private:
    struct State {
        ValueId constant, input, now;  ///< now: as the nodes so far leave it
        std::string name;
        Tensor initial;
    };
    size_t state_of(NodeId id, ValueId v) {
        for (size_t i = 0; i < all_.size(); ++i)
            if (all_[i].constant == v) return i;
        const Value constant = g_.value(v);
        if (!constant.is_constant())
            fail(ErrorKind::unsupported, "train.statistics", cat("the running statistics '", constant.name, "' are computed; expected a constant"),
                 "", cat("node '", g_.node(id).name, "'"));
        const ValueId input = input_for(g_, v);
        all_.push_back({v, input, input, constant.name, constant.constant});
        return all_.size() - 1;
    }
    int64_t values_a_channel(NodeId id) const {
        const Dims d = dims_of(g_.value(g_.node(id).in(0)).type.shape);
        return ranks_ * count_of(d) / (d.size() < 2 ? 1 : std::max<int64_t>(1, d[1]));
    }
    /// m old + (1 - m) n / (n - 1) batch from m old + (1 - m) batch.
    ValueId unbiased(NodeId id, int64_t n, ValueId old, ValueId next) {
        const Node node = g_.node(id);
        Builder b(g_, node.name + ".statistics", node.origins);
        const auto momentum = node.attributes.find("momentum");
        const double m = static_cast<double>(momentum == node.attributes.end() ? 0.9f : std::get<float>(momentum->second));
        const double rest = 1 / static_cast<double>(n - 1);
        return b.sub(b.scale(next, 1 + rest), b.scale(old, m * rest));
    }

    Graph& g_;
    bool unbiased_;
    int64_t ranks_;
    std::vector<State> all_;
};

}  // namespace

Trainable make_trainable(const Graph& from, const TrainableOptions& options) {
    Trainable t{from.compacted(), {}, {}, {}};
    Graph& g = t.graph;
    const std::vector<Parameter> all = all_parameters(g, options.also);
    const std::set<std::string> frozen = frozen_names(all, options);
    std::set<ValueId> trained;
    for (const Parameter& p : all) (frozen.contains(p.name) ? t.frozen : t.parameters).push_back(p);
    if (t.parameters.empty())
        fail(ErrorKind::usage, "train.nothing", all.empty() ? "the network has no parameters" : "all parameters are frozen",
             all.empty() ? "" : "Freeze fewer: at least one must be trained.");
    for (Parameter& p : t.parameters) {
        const ValueId input = input_for(g, p.value);
        g.replace_uses(p.value, input);
        p.value = input;
        trained.insert(input);
    }
    if (options.batch_statistics) {
        Statistics statistics(g, options);
        for (NodeId id : g.order()) {
            const Node& n = g.node(id);
            if (n.is("BatchNormalization") && (trained.contains(n.in(1)) || trained.contains(n.in(2)))) statistics.train(id);
        }
        statistics.bind(t.initial);
    }
    train_dropout(g, options.dropout, t.initial);
    // Compacting renumbers the values; parameters are found again by name.
    g = g.compacted();
    for (Parameter& p : t.parameters) p.value = g.find_value(p.name);
    for (Parameter& p : t.frozen) p.value = g.find_value(p.name);
    return t;
}

Graph with_values(const Graph& model, const std::map<std::string, Tensor>& values) {
    Graph g = model;
    for (const auto& [name, t] : values) {
        const ValueId v = g.find_value(name);
        if (v == kNone || !g.value(v).is_constant()) {
            std::vector<std::string> names;
            for (ValueId c = 0; c < g.value_count(); ++c)
                if (g.value(c).is_constant()) names.push_back(g.value(c).name);
            const std::vector<std::string> near = nearest(name, names, 1);
            fail(ErrorKind::model, "train.weight", cat("the network has no constant '", name, "'"), near.empty() ? "" : cat("The nearest is '", near[0], "'."));
        }
        Value& value = g.value(v);
        if (t.dims() != value.constant.dims())
            fail(ErrorKind::model, "train.weight", cat("'", name, "' has dims ", to_text(t.dims()), "; the network's is ", to_text(value.constant.dims())));
        value.constant = t.dtype() == value.constant.dtype() ? t : t.cast(value.constant.dtype());
    }
    return g;
}

}  // namespace hone::train
