// SPDX-License-Identifier: Apache-2.0
// The search: the original at its precisions, then int8 in every way worth trying, layers going back to float where
// int8 is slower or too dear, until the goal is met. Everything judged and timed stays in Search::trials.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/rng.h"
#include "optimize/search.h"
#include "optimize/words.h"

namespace hone {

using namespace words;

namespace {

constexpr double worth_it = 0.98;  // of the time; less of a gain is not told from noise by quick times

std::set<std::string> joined(std::set<std::string> a, const std::set<std::string>& b) {
    a.insert(b.begin(), b.end());
    return a;
}

void open_quantizer(Search& s) {
    std::vector<int64_t> samples = Rng(s.request.seed, 33).permutation(s.parts.training->size());
    samples.resize(static_cast<size_t>(std::min<int64_t>(s.request.calibration_samples, s.parts.training->size())));
    std::sort(samples.begin(), samples.end());
    eval::EvalOptions o;
    o.threads = s.request.threads;
    const size_t count = samples.size();
    s.quantizer = std::make_unique<compress::Quantizer>(s.original, *s.parts.training, std::move(samples), o);
    s.decide("calibrated", cat("ranges of ", s.quantizer->calibration(false).size(), " values over ", count, " training samples"));
}

/// All recipes by their noise on some validation samples, which tells them apart sooner than top-1 does; the plain one
/// and the two best on all of them. The one that loses least there is it.
Trial best_recipe(Search& s) {
    const std::vector<compress::QuantizeOptions> all = compress::recipes(s.original);
    const std::vector<int64_t> some = s.some_validation(scored_samples, 44);
    eval::EvalOptions o;
    o.threads = s.request.threads;
    o.keep_logits = true;
    std::optional<eval::Answers> reference;
    std::vector<std::pair<double, size_t>> noise;
    for (size_t i = 0; i < all.size(); ++i) {
        if (i && s.spent(0.2, cat("recipe ", i))) break;
        noise.emplace_back(s.journal.number("noise|" + compress::recipe_name(all[i]), [&] {
            if (!reference) reference = eval::answer(s.original, *s.parts.validation, o, some);
            return compress::score_noise(*reference, eval::answer(s.quantizer->make(all[i]), *s.parts.validation, o, some));
        }), i);
    }
    record::Numbers figures;
    for (const auto& [value, i] : noise) figures.emplace_back(compress::recipe_name(all[i]), value);
    std::stable_sort(noise.begin(), noise.end());
    s.decide(cat("compared ", noise.size(), " ways of choosing ranges"), cat("least noise in the scores on ", some.size(), " validation samples: ", compress::recipe_name(all[noise[0].second])), figures);
    std::set<size_t> judged = {0};
    for (size_t k = 0; k < noise.size() && judged.size() < 3; ++k) judged.insert(noise[k].second);
    std::vector<Trial> tried;
    for (size_t i : judged) {
        tried.push_back(s.quantized_trial(all[i], s.bf16_asked() ? Precision::bf16 : Precision::fp32));
        s.judge(tried.back());
    }
    explain(s, tried.front());  // the plain one
    const auto least = std::min_element(tried.begin(), tried.end(), [](const Trial& a, const Trial& b) { return a.drop() < b.drop(); });
    std::vector<std::string> others;
    for (const Trial& t : tried)
        if (&t != &*least) {
            s.add_candidate(t, false, t.drop() == least->drop() ? "no better on validation than a simpler way" : "another way loses less on validation");
            others.push_back(cat(compress::recipe_name(t.options), " ", s.drop_text(t.drop())));
        }
    s.decide(cat("chose ", compress::recipe_name(least->options)), cat("drop on validation ", s.drop_text(least->drop()), others.empty() ? "" : ", against ", join(others, ", ")));
    return std::move(*least);
}

/// Past the bound on size, which `best` is not.
bool outgrows(const Search& s, const Trial& t, const Trial& best) { return !s.small_enough(t) && s.small_enough(best); }
void say_outgrown(const Search& s, const std::string& what, const Trial& t) { s.say(cat(what, ": ", bytes(t.bytes), ", where the bound is ", bytes(*s.max_bytes()))); }

/// Takes the variant where the whole is faster (or as fast and smaller), and no worse than the bound allows.
void consider(Search& s, Trial& best, const compress::QuantizeOptions& variant, const std::string& what, bool for_size) {
    Trial t = s.quantized_trial(variant, best.precision);
    if (outgrows(s, t, best)) return say_outgrown(s, what, t);
    if (for_size) {
        for (Trial* each : {&t, &best})
            if (each->bytes == 0) each->bytes = s.file_bytes(*each);
        if (static_cast<double>(t.bytes) > 0.99 * static_cast<double>(best.bytes)) return;
    }
    const auto [before, after] = s.quick_times(best, t);
    const bool faster = for_size ? after <= before / worth_it : after < worth_it * before;
    if (faster) s.judge(t);
    const bool better = faster && (s.promising(t) || t.drop() <= best.drop());
    s.decide(cat(better ? "took " : "left ", what), cat(milliseconds(after), " against ", milliseconds(before), for_size ? cat(", ", bytes(t.bytes), " against ", bytes(best.bytes)) : "",
                                                      faster ? cat(", drop ", s.drop_text(t.drop()), " against ", s.drop_text(best.drop())) : ""));
    if (better) best = std::move(t);
}

/// Curves such as SiLU in 8 bits: before layers go back to float, which pays between floats that need not be there.
Trial with_curves(Search& s, Trial best) {
    if (s.spent(0.4, "curves")) return best;
    for (const compress::Curved curved : {compress::Curved::table, compress::Curved::every_node}) {
        compress::QuantizeOptions o = best.options;
        o.curved = curved;
        if (quantized_values(s, o) == quantized_values(s, best.options)) continue;
        consider(s, best, o, curved == compress::Curved::table ? "curved activations as tables" : "every node of curved activations in 8 bits", false);
    }
    return best;
}

/// 8-bit weights of layers that compute in floats: where that is faster (recurrent layers), or else as fast and smaller.
Trial with_stored_weights(Search& s, Trial best) {
    if (s.spent(0.5, "stored weights")) return best;
    compress::QuantizeOptions o = best.options;
    if (!compress::recurrent_layers(s.original).empty()) {
        o.weight_only = compress::WeightOnly::dequantize;
        consider(s, best, o, "8-bit weights of the recurrent layers", false);
        if (best.options.weight_only != compress::WeightOnly::float32) return best;
    }
    o.weight_only = compress::WeightOnly::cast;
    consider(s, best, o, "8-bit storage of the float layers' weights", true);
    return best;
}

/// Groups of layers return to float where the whole is faster then.
Trial return_slow_layers(Search& s, Trial best) {
    if (s.runtime->profiles()) {
        s.fp32_layer_ms = s.layer_times(s.original_trial(Precision::fp32));
        s.int8_layer_ms = s.layer_times(best);
    }
    for (const LayerGroup& group : layer_groups(s)) {
        if (s.spent(0.5, "group " + group.name)) break;
        compress::QuantizeOptions o = best.options;
        o.keep_float = joined(o.keep_float, group.layers);
        if (o.keep_float == best.options.keep_float || o.keep_float.size() == s.layers.size()) continue;
        Trial t = s.quantized_trial(o, best.precision);
        if (outgrows(s, t, best)) {
            say_outgrown(s, group.name + " in float", t);
            continue;
        }
        const auto [with, without] = s.quick_times(best, t);
        if (without >= worth_it * with) {
            s.say(cat(group.name, " in float: ", milliseconds(without), " against ", milliseconds(with), ", no gain"));
            continue;
        }
        s.judge(t);
        const bool better = s.promising(t) || t.drop() <= best.drop();
        s.decide(cat(better ? "returned to float: " : "considered returning to float: ", group.name),
                 cat(milliseconds(without), " against ", milliseconds(with), ", drop ", s.drop_text(t.drop()), " against ", s.drop_text(best.drop())));
        s.add_candidate(better ? best : t, false, better ? cat("faster with float for ", group.name) : "loses more");
        if (!better) continue;
        for (const std::string& l : group.layers)
            if (!best.options.keep_float.contains(l)) s.why_float[l] = cat("slower in int8 in ", s.runtime->name(), " (", group.name, ": ", milliseconds(with), " with, ", milliseconds(without), " without)");
        best = std::move(t);
    }
    return best;
}

/// The same with the `count` most sensitive layers in float.
Trial with_float(Search& s, const Trial& t, size_t count) {
    compress::QuantizeOptions o = t.options;
    for (size_t i = 0; i < count; ++i) o.keep_float.insert(s.sensitivity[i].layer);
    return s.quantized_trial(o, t.precision);
}
void note_sensitive(Search& s, const Trial& before, const Trial& after) {
    for (const std::string& l : after.options.keep_float)
        if (!before.options.keep_float.contains(l)) s.why_float[l] = "too sensitive: int8 costs more accuracy here than the goal leaves";
}

/// Layers return to float, most sensitive first, until validation promises the bound: binary search over how many.
Trial return_sensitive_layers(Search& s, Trial trial) {
    const size_t n = s.sensitivity.size();
    size_t low = 0, high = n;  // low fails; high (nothing in int8) holds
    std::optional<Trial> found;
    while (high - low > 1) {
        if (found && s.spent(0.7, cat("sensitive ", low, " ", high))) break;
        const size_t middle = low + std::max<size_t>(1, (high - low) / (found ? 2 : 4));
        if (middle >= n) break;
        Trial t = with_float(s, trial, middle);
        s.judge(t);
        const bool good = s.promising(t);
        s.decide(cat("tried ", middle, " of ", n, " layers in float"), cat("drop on validation ", s.drop_text(t.drop()), good ? ", which promises the bound" : ", still too much"));
        s.add_candidate(t, false, good ? "promises the bound" : "drops too much");
        if (good) found = std::move(t);
        (good ? high : low) = middle;
    }
    if (!found) return trial;
    note_sensitive(s, trial, *found);
    return std::move(*found);
}

/// As many sensitive layers in float as the latency bound leaves time for.
Trial spend_latency(Search& s, Trial trial) {
    const size_t n = s.sensitivity.size();
    size_t low = 0, high = n;  // low meets the bound
    Trial best = trial;
    while (high - low > 1) {
        if (s.spent(0.7, cat("latency ", low, " ", high))) break;
        const size_t middle = low + (high - low) / 2;
        Trial t = with_float(s, trial, middle);
        s.time(t);
        const bool good = s.fast_enough(t) && s.small_enough(t);
        if (good) {
            s.judge(t);
            s.trials.push_back(t);
        }
        s.decide(cat("tried ", middle, " of ", n, " layers in float"), cat(percent(t.latency), " of the original's time", good ? cat(", drop on validation ", s.drop_text(t.drop())) : ", too slow for the bound with a margin for noise"));
        s.add_candidate(t, false, !good ? "too slow for the bound with a margin for noise" : "fast enough; the most accurate on validation is taken");
        if (good) best = std::move(t);
        (good ? low : high) = middle;
    }
    note_sensitive(s, trial, best);
    return best;
}

/// What stayed float, in bf16.
void try_bf16_rest(Search& s, const Trial& fp32) {
    Trial t = s.quantized_trial(fp32.options, Precision::bf16);
    const auto [before, after] = s.quick_times(fp32, t);
    if (after >= worth_it * before) {
        s.decide("the float rest stays fp32", cat(milliseconds(after), " in bf16 against ", milliseconds(before)));
        return;
    }
    s.judge(t);
    s.decide(s.promising(t) ? "the float rest may run in bf16" : "the float rest stays fp32", cat(milliseconds(after), " against ", milliseconds(before), ", drop ", s.drop_text(t.drop())));
    s.time(t);
    s.trials.push_back(t);
}

}  // namespace

size_t quantized_values(const Search& s, const compress::QuantizeOptions& o) {
    std::set<NodeId> in_int8;
    for (const compress::Layer& l : s.layers)
        if (!o.keep_float.contains(l.name)) in_int8.insert(l.node);
    return compress::values_to_quantize(s.original, in_int8, o.curved, o.keep_float_values).size();
}

void try_original(Search& s) {
    Trial fp32 = s.original_trial(Precision::fp32);
    s.judge(fp32);
    s.original_ms = s.quick_times(fp32, fp32).first;
    s.time(fp32);
    if (std::isnan(fp32.metric))
        fail(ErrorKind::data, "optimize.metric", cat("the original has no ", s.metric_name(), " on the validation samples"), "The area under the ROC curve needs samples of two classes at least.");
    s.decide("judged the original", cat(s.metric_name(), " ", s.metric_text(fp32.metric), " on ", s.parts.validation->size(), " validation samples, ", milliseconds(s.original_ms), " in ", s.runtime->name()));
    s.trials.push_back(fp32);
}

void try_precisions(Search& s) {
    if (!s.bf16_permitted()) {
        s.decide("floats stay fp32", s.request.precision == PrecisionPolicy::fp32 ? "as asked" : cat("no bf16 in ", s.runtime->name(), " on this processor"));
        return;
    }
    Trial bf16 = s.original_trial(Precision::bf16);
    s.judge(bf16);
    s.time(bf16);
    const bool right = s.promising(bf16), fast = bf16.latency < 0.97;
    s.add_candidate(bf16, fast && right, !right ? cat("loses ", s.drop_text(bf16.drop()), " on validation") : !fast ? "not faster than fp32 here" : "faster than fp32 at hardly any loss: what int8 has to beat");
    s.decide(fast && right ? "bf16 is the original's best precision" : "fp32 is the original's best precision",
             cat("bf16 takes ", percent(bf16.latency), " of the time and drops ", s.drop_text(bf16.drop()), " on validation"));
    if (fast || s.bf16_asked()) s.trials.push_back(bf16);
}

void try_int8(Search& s) {
    if (s.layers.empty()) {
        s.decide("no int8", "the model has no convolution or matrix product with constant weights");
        return;
    }
    open_quantizer(s);
    Trial best = with_stored_weights(s, return_slow_layers(s, with_curves(s, best_recipe(s))));
    const bool dear = !s.promising(best), slack = s.request.goal.max_latency.has_value();
    if (dear || slack || !s.spent(0.4, "sensitivity")) s.measure_sensitivity(best.options);
    if (dear) {
        s.time(best);
        s.trials.push_back(best);
        s.add_candidate(best, false, "drops too much on validation");
        best = return_sensitive_layers(s, std::move(best));
    }
    s.time(best);
    s.trials.push_back(best);
    if (slack && s.fast_enough(best)) best = spend_latency(s, std::move(best));
    if (s.bf16_permitted() && !s.bf16_asked()) try_bf16_rest(s, best);
}

std::vector<const Trial*> finalists(const Search& s) {
    std::vector<const Trial*> list;
    const bool most_accurate = s.request.goal.max_latency.has_value();
    for (const Trial& t : s.trials) {
        const bool change = t.quantized || t.precision != Precision::fp32;
        if (s.bf16_asked() && t.precision != Precision::bf16) continue;
        if (!s.promising(t) || !s.small_enough(t) || !s.fast_enough(t)) continue;
        if (!most_accurate && !change) continue;
        list.push_back(&t);
    }
    std::stable_sort(list.begin(), list.end(), [&](const Trial* a, const Trial* b) {
        if (most_accurate && a->metric != b->metric) return eval::info_of(s.request.metric).higher_is_better == (a->metric > b->metric);
        return a->latency < b->latency;
    });
    return list;
}

}  // namespace hone
